"""Which column of a roster is which field, and cells that a spreadsheet would run as formulas."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

# The canonical columns, in the order in which they are written.
CANONICAL = ("email", "name", "topics", "cadence", "weekday", "hour", "timezone", "state")

# What other programs and people call them: letters and digits of the header, in lower case. A program's
# export that uses other words needs a line here and nothing else.
SYNONYMS = {
    "email": "email",
    "emailaddress": "email",
    "mail": "email",
    "mailaddress": "email",
    "address": "email",
    "subscriber": "email",
    "name": "name",
    "fullname": "name",
    "displayname": "name",
    "realname": "name",
    "topics": "topics",
    "topic": "topics",
    "lists": "topics",
    "cadence": "cadence",
    "frequency": "cadence",
    "weekday": "weekday",
    "hour": "hour",
    "timezone": "timezone",
    "tz": "timezone",
    "state": "state",
}

# A cell that starts with one of these is a formula to a spreadsheet (OWASP, "CSV Injection"; the wide
# forms count in East Asian locales). The apostrophes before it are ours, or would be taken for ours.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """What a header says."""

    fields: tuple[str | None, ...]  # per column the canonical name, or None: ignored
    ignored: tuple[str, ...]  # headers of the columns that are not read

    @property
    def has_email(self) -> bool:
        return "email" in self.fields


def recognise(header: Sequence[str]) -> Columns:
    """The columns of a header. Of two columns for one field the first is read."""
    fields: list[str | None] = []
    ignored: list[str] = []
    for title in header:
        field = SYNONYMS.get("".join(c for c in title.casefold() if c.isalnum()))
        if field is None or field in fields:
            fields.append(None)
            if title.strip():
                ignored.append(title.strip())
        else:
            fields.append(field)
    return Columns(fields=tuple(fields), ignored=tuple(ignored))


def defuse(cell: str) -> str:
    """The cell with an apostrophe before it when a spreadsheet would run it; `restore` takes it off again."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def restore(cell: str) -> str:
    """What `defuse` was given; any other cell as it is."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
