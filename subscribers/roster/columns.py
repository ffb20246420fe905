"""Assigns the columns of a roster to fields, and protects cells that a spreadsheet would run as formulas.

Does not read what the cells mean.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from subscribers.addresses import MAX_QUOTED, quoted
from subscribers.errors import RosterError
from subscribers.queries import State
from subscribers.roster.formats import FORMATS, RosterFormat
from subscribers.roster.readings import BOUNCED, LEFT, OWN_STATE, STATUS, Reading, folded

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
    "cards",
    "maybe",
    "paused_until",
)

# Titles by field, folded. Where a roster has two columns for one field, the title that is listed first here
# is read: next to an "Email Address", an "Address" is a postal address.
SYNONYMS = {
    "email": "email emailaddress emailaddr mail mailaddress emailadresse mailadresse adresseemail "
    "adressemail courriel adressecourriel correo correoelectronico direcciondecorreo indirizzoemail "
    "enderecodeemail emailadres mailadres адресэлектроннойпочты электроннаяпочта почта адрес "
    "email1 email1value subscriber member address",
    "name": "name fullname displayname realname contactname vollername nomcomplet nombrecompleto "
    "nomecompleto nomecompletto volledigenaam naam imie имя",
    "first_name": "firstname fname givenname forename vorname prenom nombre nome voornaam",
    "last_name": "lastname lname surname familyname nachname familienname nomdefamille nom apellido "
    "apellidos cognome sobrenome achternaam nazwisko фамилия",
    "topics": "topics topic",
    "tags": "tags tag lists list groups",  # of other tools; any number of columns
    "cadence": "cadence frequency",
    "weekday": "weekday",
    "hour": "hour",
    "timezone": "timezone tz",
    "text_only": "textonly",
    "minimum": "minimum",
    "maximum": "maximum",
    "cards": "cards",
    "maybe": "maybe",
    "paused_until": "pauseduntil",
}
_FIELDS = {
    title: (field, rank) for field, titles in SYNONYMS.items() for rank, title in enumerate(titles.split())
}
# Titles that say in any file who may be mailed.
READINGS = {
    **dict.fromkeys(
        ("status", "subscriberstatus", "subscriptionstatus", "deliverystatus", "delivery"), STATUS
    ),
    **dict.fromkeys(
        (
            *("unsubtime", "unsubscribed", "unsubscribedat", "unsubscribedon", "unsubscribeddate"),
            *(
                "unsubscribedate",
                "dateunsubscribed",
                "unsubscriptiondate",
                "optedout",
                "optout",
                "optoutdate",
            ),
        ),
        LEFT,
    ),
    **dict.fromkeys(("cleantime", "cleanedat", "bouncedat", "bounced", "cleaned"), BOUNCED),
}
MAX_NAMED = 30  # columns that a message lists

# A spreadsheet takes a cell that starts with one of these for a formula (OWASP, "CSV Injection"; the wide
# forms count in East Asian locales). An apostrophe in front is ours, or must be distinguished from ours.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The columns of a roster, as its header names them."""

    fields: tuple[str | None, ...]  # the field of each column; None: not read as a field
    readings: tuple[
        Reading | None, ...
    ] = ()  # how to read the state that each column gives; None: it gives none
    ignored: tuple[str, ...]  # titles of the columns that are not read
    unread: tuple[int, ...] = ()  # columns that may yet turn out to say who may be mailed
    only_values: tuple[int, ...] = ()  # those of them whose title means something else
    ambiguous: tuple[str, ...] = ()  # titles that occur twice, so that nobody knows which one to read
    format: str = ""  # the name of a known format; empty: none

    @property
    def has_email(self) -> bool:
        return "email" in self.fields

    @property
    def known(self) -> int:
        """The number of columns that are read."""
        return sum(
            field is not None or reading is not None
            for field, reading in zip(self.fields, self.readings, strict=True)
        )


def title_of(header: Sequence[str], index: int) -> str:
    """The title of a column; one without a title has its number."""
    return header[index].strip() or _numbered(index)


def option_of(header: Sequence[str], index: int) -> str:
    """What a command line calls a column: its title, or its number if nobody can type the title."""
    title = header[index].strip()
    return title if title.isprintable() and 0 < len(title) <= MAX_QUOTED else _numbered(index)


def _numbered(index: int) -> str:
    return f"column {index + 1}"


def recognise(header: Sequence[str], *, ignore: Collection[str] = ()) -> Columns:
    """The columns of a header row. ignore: titles that somebody said to ignore.

    Every column that gives a state is read, also when there are several: the strictest counts.
    Raises RosterError for a title to ignore that is not there, or that says who may be mailed.
    """
    titles = [folded(title) for title in header]
    known_format = next((known for known in FORMATS if known.fits(set(titles))), None)
    readings = [_reading(title, known_format) for title in titles]
    left_out = _left_out(header, titles, readings, known_format, ignore)
    meant: list[tuple[str, int]] = []  # field and rank of each column
    for index, title in enumerate(titles):
        field, rank = _FIELDS.get(title, ("", 0))
        if known_format is not None:
            field = known_format.field_of(title, field)
        taken = index in left_out or readings[index] is not None
        meant.append(("" if taken else field, rank))
    best: dict[str, int] = {}  # field → column
    for index, (field, rank) in enumerate(meant):
        if field and (field not in best or rank < meant[best[field]][1]):
            best[field] = index
    read = [
        field != "" and (field == "tags" or best[field] == index) for index, (field, _) in enumerate(meant)
    ]
    times = Counter(titles)
    harmless = set(known_format.harmless.split()) if known_format else set()
    return Columns(
        fields=tuple(field if is_read else None for (field, _), is_read in zip(meant, read, strict=True)),
        readings=tuple(None if index in left_out else reading for index, reading in enumerate(readings)),
        ignored=tuple(
            title.strip()
            for title, is_read, reading in zip(header, read, readings, strict=True)
            if not is_read and reading is None and title.strip()
        ),
        unread=tuple(
            index
            for index, title in enumerate(titles)
            if index not in left_out
            and readings[index] is None
            and (not read[index] or meant[index][0] == "tags")
            and title not in harmless
        ),
        only_values=tuple(
            index
            for index, title in enumerate(titles)
            if meant[index][0] == "tags" or (known_format is not None and title == "state")
        ),
        ambiguous=tuple(
            header[index].strip()
            for field, index in best.items()
            if times[titles[index]] > 1
            and (field == "email" or (field != "tags" and known_format is None))
            and index not in left_out
        ),
        format=known_format.name if known_format else "",
    )


def _reading(title: str, known_format: RosterFormat | None) -> Reading | None:
    """How to read the state that a column gives; None for a column that gives none."""
    if known_format is None:
        return OWN_STATE if title == "state" else READINGS.get(title)
    return known_format.status.get(title, READINGS.get(title))


def _left_out(
    header: Sequence[str],
    titles: Sequence[str],
    readings: Sequence[Reading | None],
    known_format: RosterFormat | None,
    ignore: Collection[str],
) -> set[int]:
    """The columns that somebody said to ignore."""
    found: set[int] = set()
    for name in ignore:
        named = (
            [i for i in range(len(header)) if header[i].strip() == name.strip() != ""]
            or [i for i, title in enumerate(titles) if title and title == folded(name)]
            or [i for i in range(len(header)) if _numbered(i) == name.strip().lower()]
        )
        if not named:
            there = ", ".join(quoted(title_of(header, i)) for i in range(min(len(header), MAX_NAMED)))
            raise RosterError(f"there is no column {quoted(name)} to ignore", hint=f"There are {there}.")
        for index in named:
            reading = readings[index]
            if _FIELDS.get(titles[index], ("",))[0] == "email":
                raise RosterError(
                    f"the column {quoted(name)} holds the addresses", hint="It cannot be ignored."
                )
            if known_format and reading and reading.at_most in (State.UNSUBSCRIBED, State.SUPPRESSED):
                raise RosterError(
                    f"the column {quoted(name)} of a {known_format.name} says who left or must not be mailed",
                    hint="It cannot be ignored: take its people out of the file instead.",
                )
        found.update(named)
    return found


def defuse(cell: str) -> str:
    """The cell, with an apostrophe in front if a spreadsheet would run it. `restore` undoes this."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def restore(cell: str) -> str:
    """The cell that `defuse` was given; any other cell unchanged."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
