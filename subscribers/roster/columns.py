"""Which column of a roster is which field, whose export it is, and cells that a spreadsheet would run.

What the cells mean is decided elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

# The canonical columns, in the order in which they are written. The first eight were the first version's.
CANONICAL = (
    "email",
    "name",
    "topics",
    "cadence",
    "weekday",
    "hour",
    "timezone",
    "state",
    "text_only",
    "minimum",
    "maximum",
    "maybe",
    "paused_until",
)

# What people and other programs call them: letters and digits of the header in lower case, by field. Of two
# columns for one field the one that is named first here is read: an "Address" beside an "Email Address" is
# where somebody lives.
SYNONYMS = {
    "email": ("email", "emailaddress", "mail", "mailaddress", "subscriber", "member", "address"),
    "name": ("name", "fullname", "displayname", "realname"),
    "first_name": ("firstname", "fname", "givenname", "forename"),
    "last_name": ("lastname", "lname", "surname", "familyname"),
    "topics": ("topics", "topic"),
    "tags": ("tags", "tag", "lists", "list", "groups"),  # other programs'; any number of columns
    "cadence": ("cadence", "frequency"),
    "weekday": ("weekday",),
    "hour": ("hour",),
    "timezone": ("timezone", "tz"),
    "state": ("state",),
    "status": ("status", "subscriberstatus"),
    "subscription": ("subscriptionstatus", "deliverystatus", "delivery"),
    "left_at": ("unsubtime", "unsubscribedat", "unsubscribed", "optedout", "optout"),
    "cleaned_at": ("cleantime", "cleanedat", "bouncedat", "bounced", "cleaned"),
    "text_only": ("textonly",),
    "minimum": ("minimum",),
    "maximum": ("maximum",),
    "maybe": ("maybe",),
    "paused_until": ("pauseduntil",),
}
_FIELDS = {title: (field, rank) for field, titles in SYNONYMS.items() for rank, title in enumerate(titles)}

# A cell that starts with one of these is a formula to a spreadsheet (OWASP, "CSV Injection"; the wide
# forms count in East Asian locales). The apostrophes before it are ours, or would be taken for ours.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterFormat:
    """Another program's export, known by its header. Its lists, tags and zone are hints, not wishes."""

    name: str  # as it is told to the admin
    marks: tuple[frozenset[str], ...]  # one of these sets of titles gives it away
    instead: dict[str, str]  # what else a field's title means in it; "" for: not read


MAILCHIMP = RosterFormat(
    name="Mailchimp export",
    marks=(frozenset({"memberrating"}), frozenset({"optintime"}), frozenset({"leid", "euid"})),
    # STATE is where somebody lives, TIMEZONE guessed from an IP address; the others are questions of a form.
    instead={
        "state": "",
        "timezone": "likely_timezone",
        "topics": "tags",
        "cadence": "",
        "weekday": "",
        "hour": "",
    },
)
LISTMONK = RosterFormat(
    name="listmonk export",
    marks=(frozenset({"uuid", "attributes"}), frozenset({"uuid", "attribs"})),
    instead={"state": "", "topics": "tags"},
)
FORMATS = (MAILCHIMP, LISTMONK)
PLAIN = "list of addresses"  # one a line and no header, as Mailman writes them


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """What a header says."""

    fields: tuple[str | None, ...]  # per column its field, or None: not read
    ignored: tuple[str, ...]  # headers of the columns that are not read
    twice: tuple[str, ...] = ()  # headers that stand twice where it matters which is read
    format: str = ""  # whose export this is; empty: nobody's that we know

    @property
    def has_email(self) -> bool:
        return "email" in self.fields

    @property
    def known(self) -> int:
        """How many columns are read."""
        return sum(field is not None for field in self.fields)


def recognise(header: Sequence[str]) -> Columns:
    """The columns of a header."""
    titles = ["".join(c for c in title.casefold() if c.isalnum()) for title in header]
    foreign = next((f for f in FORMATS if any(marks <= set(titles) for marks in f.marks)), None)
    meant: list[tuple[str, int]] = []  # per column its field and rank
    for title in titles:
        field, rank = _FIELDS.get(title, ("", 0))
        meant.append((foreign.instead.get(field, field) if foreign else field, rank))
    best: dict[str, int] = {}  # field → column
    for place, (field, rank) in enumerate(meant):
        if field and (field not in best or rank < meant[best[field]][1]):
            best[field] = place
    read = [field and (field == "tags" or best[field] == place) for place, (field, _) in enumerate(meant)]
    return Columns(
        fields=tuple(field if taken else None for (field, _), taken in zip(meant, read, strict=True)),
        ignored=tuple(
            title.strip() for title, taken in zip(header, read, strict=True) if not taken and title.strip()
        ),
        twice=()
        if foreign
        else tuple(
            header[place].strip()
            for field, place in best.items()
            if field != "tags" and titles.count(titles[place]) > 1
        ),
        format=foreign.name if foreign else "",
    )


def defuse(cell: str) -> str:
    """The cell with an apostrophe before it when a spreadsheet would run it; `restore` takes it off again."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def restore(cell: str) -> str:
    """What `defuse` was given; any other cell as it is."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
