"""Reads the header of a roster, and refuses a file with a column that may say who must not be mailed.

The delimiter is the one that gives the most known columns. A file with one address on each line needs no
header.
"""

from __future__ import annotations

import csv
import re
import shlex
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TextIO

from subscribers.addresses import quoted
from subscribers.errors import RosterError
from subscribers.roster.columns import Columns, option_of, recognise, title_of
from subscribers.roster.consent_signs import UnreadColumn
from subscribers.roster.formats import ADDRESS_LIST

DELIMITERS = (",", ";", "\t", "|")  # tried first; then any other character of the header that can be one
LINES_CHECKED = 20  # lines that must be addresses in a list without a header
MAX_COLUMNS = 2000
MAX_HEADER = 65_536  # characters; no header is longer
_MAX_DELIMITERS = 20  # unusual ones that are tried
_MAX_SHOWN = 5  # columns that a message describes
_NO_DELIMITER = re.compile(r"[\w \r\n\"'.()@-]")
_ADDRESS_LINE = re.compile(r"[^\s<>,;|\"]+@[^\s<>,;|\"]+|[^@]*<[^\s<>,;|]+@[^\s<>,;|]+>")
_HINT = "A roster is CSV with a header: email and any of name, topics, cadence, weekday, hour, timezone."


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The header of a roster. A list of addresses has none: its delimiter is empty."""

    delimiter: str
    titles: Sequence[str]
    columns: Columns
    rows: int  # before the first person, as a spreadsheet counts
    lines: int  # before the first person, read with at most MAX_HEADER characters each


def read_header(text: TextIO, *, name: str, ignore: Collection[str]) -> Header:
    """Read the header at the start of a text, which is left after it.

    name: of the file, for messages. ignore: titles of columns not to read. Raises RosterError.
    """
    start = text.tell()
    line = text.readline(MAX_HEADER)
    lines = 1
    excel = re.fullmatch(r"sep=(\t|[^\w\s\"])\s*", line)  # Excel names the delimiter in a first line
    if excel:
        line = text.readline(MAX_HEADER)
        lines += 1
    while line.count('"') % 2 and len(line) < MAX_HEADER and (more := text.readline(MAX_HEADER)):
        line += more  # a line break inside quotes
        lines += 1
    if not line.strip():
        raise RosterError(f"{name} is empty, or starts with an empty line", hint=_HINT)
    if len(line) >= MAX_HEADER:
        raise RosterError(f"{name}, row 1: the header has no end", hint=_HINT)
    delimiter, titles = (excel[1], _split(line, excel[1])) if excel else _best_split(line)
    if len(titles) > MAX_COLUMNS:
        raise RosterError(f"{name}, row 1: there are {len(titles)} columns; at most {MAX_COLUMNS} are read")
    columns = recognise(titles, ignore=ignore)
    if not columns.has_email:
        if not _is_address_list(line, text):
            hint = _HINT if "@" not in line else f"The first row must be a header. {_HINT}"
            there = ", ".join(quoted(title) for title in columns.ignored[:10])
            raise RosterError(f"{name} has no column email; it has {there or 'none'}", hint=hint)
        if ignore:
            raise RosterError(
                f"{name} is a {ADDRESS_LIST}, without columns", hint="Leave out --ignore-column."
            )
        text.seek(start)
        columns = Columns(fields=("email",), readings=(None,), ignored=(), format=ADDRESS_LIST)
        return Header(delimiter="", titles=("email",), columns=columns, rows=0, lines=0)
    if columns.ambiguous:
        twice = " and ".join(quoted(title) for title in columns.ambiguous)
        raise RosterError(
            f"{name}, row 1: there are two columns {twice}", hint="Rename or remove one of them."
        )
    return Header(delimiter=delimiter, titles=titles, columns=columns, rows=2 if excel else 1, lines=lines)


def refuse_what_may_be_consent(header: Header, rows: Iterable[list[str] | str], *, name: str) -> None:
    """Look at all rows. Raises RosterError for unread columns that may say who must not be mailed.

    rows: the cells of each, or the reason why it cannot be read.
    """
    columns = header.columns
    judged = [
        (index, UnreadColumn(title_of(header.titles, index), only_values=index in columns.only_values))
        for index in columns.unread
    ]
    for cells in rows:
        if not isinstance(cells, str) and any(cell.strip() for cell in cells):
            for index, column in judged:
                column.look(cells[index] if index < len(cells) else "")
    found = [(index, column) for index, column in judged if column.suspicious]
    if not found:
        return
    described = "; ".join(column.described() for _, column in found[:_MAX_SHOWN])
    more = f"; and {len(found) - _MAX_SHOWN} more" if len(found) > _MAX_SHOWN else ""
    options = " ".join(
        f"--ignore-column {shlex.quote(option_of(header.titles, index))}" for index, _ in found[:_MAX_SHOWN]
    )
    raise RosterError(
        f"{name}: a column may say who must not be mailed, and is not understood: {described}{more}",
        hint="Rename it to status or unsubscribed_at to have it read. If it does not say that: "
        f"newsletter subscribers import {shlex.quote(name)} {options}",
    )


def _best_split(line: str) -> tuple[str, list[str]]:
    """The delimiter that gives the most known columns, and the titles."""
    others = dict.fromkeys(c for c in line if not _NO_DELIMITER.match(c) and c not in DELIMITERS)
    splits = {d: _split(line, d) for d in (*DELIMITERS, *list(others)[:_MAX_DELIMITERS])}
    known = {delimiter: recognise(titles).known for delimiter, titles in splits.items()}
    best = max(known, key=lambda delimiter: known[delimiter])
    return best, splits[best]


def _split(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter))
    except (csv.Error, ValueError):  # such as a line break in a cell without quotes
        return [line.strip()]


def _is_address_list(first: str, text: TextIO) -> bool:
    """Whether the first lines of the text are one address each."""
    lines = [first, *(text.readline(MAX_HEADER) for _ in range(LINES_CHECKED))]
    return all(_ADDRESS_LINE.fullmatch(line.strip()) for line in lines if line.strip())
