"""Assigns the columns of a roster to fields, and protects cells that a spreadsheet would run as formulas.

Recognises exports of other tools by their header. Does not read what the cells mean.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

# The columns of an exported roster, in the order in which they are written.
CANONICAL_COLUMNS = (
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

# Headers by field, as letters and digits in lower case. Where a roster has two columns for one field, the
# header that is listed first here is read: next to an "Email Address", an "Address" is a postal address.
SYNONYMS = {
    "email": ("email", "emailaddress", "mail", "mailaddress", "subscriber", "member", "address"),
    "name": ("name", "fullname", "displayname", "realname"),
    "first_name": ("firstname", "fname", "givenname", "forename"),
    "last_name": ("lastname", "lname", "surname", "familyname"),
    "topics": ("topics", "topic"),
    "tags": ("tags", "tag", "lists", "list", "groups"),  # of other tools; any number of columns
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

# A spreadsheet takes a cell that starts with one of these for a formula (OWASP, "CSV Injection"; the wide
# forms count in East Asian locales). An apostrophe in front is ours, or must be distinguished from ours.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterFormat:
    """The export of another tool, recognised by its header. Its lists, tags and zones are only hints."""

    name: str  # for the admin
    signs: tuple[frozenset[str], ...]  # sets of titles; a header that holds one of them is this format
    other_fields: dict[str, str]  # by field, what its title means in this format; "" means: not read


MAILCHIMP = RosterFormat(
    name="Mailchimp export",
    signs=(frozenset({"memberrating"}), frozenset({"optintime"}), frozenset({"leid", "euid"})),
    # STATE is a postal address, TIMEZONE was guessed from an IP address, the others are questions of a form.
    other_fields={
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
    signs=(frozenset({"uuid", "attributes"}), frozenset({"uuid", "attribs"})),
    other_fields={"state": "", "topics": "tags"},
)
FORMATS = (MAILCHIMP, LISTMONK)
ADDRESS_LIST = "list of addresses"  # one on each line and no header, as Mailman writes it


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The columns of a roster, as its header names them."""

    fields: tuple[str | None, ...]  # the field of each column; None: not read
    ignored: tuple[str, ...]  # headers of the columns that are not read
    ambiguous: tuple[str, ...] = ()  # headers that occur twice, so that nobody knows which one to read
    format: str = ""  # the name of a known format; empty: none

    @property
    def has_email(self) -> bool:
        return "email" in self.fields

    @property
    def known(self) -> int:
        """The number of columns that are read."""
        return sum(field is not None for field in self.fields)


def recognise(header: Sequence[str]) -> Columns:
    """The columns of a header row."""
    titles = ["".join(c for c in title.casefold() if c.isalnum()) for title in header]
    known_format = next((f for f in FORMATS if any(sign <= set(titles) for sign in f.signs)), None)
    meant: list[tuple[str, int]] = []  # field and rank of each column
    for title in titles:
        field, rank = _FIELDS.get(title, ("", 0))
        meant.append((known_format.other_fields.get(field, field) if known_format else field, rank))
    best: dict[str, int] = {}  # field → column
    for index, (field, rank) in enumerate(meant):
        if field and (field not in best or rank < meant[best[field]][1]):
            best[field] = index
    read = [field and (field == "tags" or best[field] == index) for index, (field, _) in enumerate(meant)]
    return Columns(
        fields=tuple(field if is_read else None for (field, _), is_read in zip(meant, read, strict=True)),
        ignored=tuple(
            title.strip()
            for title, is_read in zip(header, read, strict=True)
            if not is_read and title.strip()
        ),
        ambiguous=()
        if known_format
        else tuple(
            header[index].strip()
            for field, index in best.items()
            if field != "tags" and titles.count(titles[index]) > 1
        ),
        format=known_format.name if known_format else "",
    )


def defuse(cell: str) -> str:
    """The cell, with an apostrophe in front if a spreadsheet would run it. `restore` undoes this."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def restore(cell: str) -> str:
    """The cell that `defuse` was given; any other cell unchanged."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
