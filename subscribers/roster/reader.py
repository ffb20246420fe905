"""Reads the rows of a roster file, batch by batch. Does not decide what a row means.

The delimiter is the one that gives the most known columns in the header. Row numbers are those that a
spreadsheet shows: the header is row 1. A file with one address on each line needs no header.
"""

from __future__ import annotations

import csv
import io
import re
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType

from subscribers.errors import RosterError
from subscribers.roster.columns import ADDRESS_LIST, MAILCHIMP, Columns, recognise, restore
from subscribers.roster.csv_records import CsvRecords
from subscribers.roster.encoding import Encoding, find

DELIMITERS = (",", ";", "\t", "|")  # tried first; then any other character of the header that can be one
BATCH_ROWS = 2000  # stored in one transaction: other writers wait half a second at most
LINES_CHECKED = 20  # lines that must be addresses in a list without a header
_MAX_HEADER = 65_536  # characters; no header is longer
_NO_DELIMITER = re.compile(r"[\w \r\n\"'.()@-]")
_ADDRESS_LINE = re.compile(r"[^\s<>,;|\"]+@[^\s<>,;|\"]+|[^@]*<[^\s<>,;|]+@[^\s<>,;|]+>")
_HINT = "A roster is CSV with a header: email and any of name, topics, cadence, weekday, hour, timezone."


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterRow:
    """One row: its cells by field, stripped, or the reason why it cannot be read."""

    number: int  # the header is row 1
    cells: dict[str, str]
    reason: str = ""  # not empty: unreadable


class Roster(AbstractContextManager["Roster"]):
    """An open roster file. Raises RosterError when it is opened and is not a roster."""

    def __init__(self, path: Path, *, encoding: str = "") -> None:
        """encoding: a name of Python's; empty: detect it."""
        self.name = path.name
        try:
            status = path.stat()
            if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
                raise RosterError(f"{path} is no regular file", hint="Save it to a file first.")
            self._file = path.open("rb")
        except OSError as error:
            raise RosterError(f"cannot read {path}: {error.strerror}", hint="Name a CSV file.") from error
        self.size = status.st_size  # bytes
        try:
            found = self._encoding(encoding)
            self.encoding = found.name
            self._file.seek(found.skip)
            self._text = io.TextIOWrapper(self._file, found.name, errors="replace", newline="")
            self.delimiter, self.columns = self._header()
            self._records = CsvRecords(self._text, delimiter=self.delimiter, lossy=found.lossy)
        except BaseException:
            self._file.close()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._text.close()

    @property
    def position(self) -> int:
        """The number of bytes read so far."""
        return self._file.tell()

    @property
    def format(self) -> str:
        """The name of the tool's format; empty: unknown."""
        return self.columns.format

    @property
    def status_by_name(self) -> str:
        """The status of all people in the file, from its name; empty: the name gives none.

        Mailchimp packs subscribed_…, unsubscribed_…, cleaned_… and nonsubscribed_….csv into one archive;
        only the name distinguishes the first from the last.
        """
        found = re.match(r"(unsubscribed|cleaned|nonsubscribed)_", self.name.lower())
        return found[1] if found and self.format == MAILCHIMP.name else ""

    def batches(self) -> Iterator[list[RosterRow]]:
        """All rows, BATCH_ROWS at a time."""
        rows = self._rows()
        while batch := list(islice(rows, BATCH_ROWS)):
            yield batch

    def _encoding(self, name: str) -> Encoding:
        if not name:
            return find(self.name, self._file)
        try:
            "".encode(name)
        except LookupError:
            raise RosterError(
                f"there is no encoding {name!r}", hint="Such as utf-8, iso-8859-2, koi8-r, shift_jis, gbk."
            ) from None
        return Encoding(name=name, lossy=True)

    def _header(self) -> tuple[str, Columns]:
        start = self._text.tell()
        line = self._text.readline(_MAX_HEADER)
        excel = re.fullmatch(r"sep=(\t|[^\w\s\"])\s*", line)  # Excel names the delimiter in a first line
        if excel:
            line = self._text.readline(_MAX_HEADER)
        self._header_rows = 2 if excel else 1
        while line.count('"') % 2 and len(line) < _MAX_HEADER and (more := self._text.readline(_MAX_HEADER)):
            line += more  # a line break inside quotes
        if not line.strip():
            raise RosterError(f"{self.name} is empty, or starts with an empty line", hint=_HINT)
        if len(line) >= _MAX_HEADER:
            raise RosterError(f"{self.name}, row 1: the header has no end", hint=_HINT)
        if excel:
            candidates = [excel[1]]
        else:
            others = dict.fromkeys(c for c in line if not _NO_DELIMITER.match(c))
            candidates = [*DELIMITERS, *(c for c in others if c not in DELIMITERS)]
        read = [(d, recognise(next(csv.reader([line], delimiter=d)))) for d in candidates]
        delimiter, columns = max(read, key=lambda c: c[1].known)
        if not columns.has_email:
            if self._is_address_list(line):
                self._text.seek(start)
                self._header_rows = 0
                return "", Columns(fields=("email",), ignored=(), format=ADDRESS_LIST)
            hint = _HINT if "@" not in line else f"The first row must be a header. {_HINT}"
            named = ", ".join(repr(title) for title in columns.ignored[:10])
            raise RosterError(f"{self.name} has no column email; it has {named or 'none'}", hint=hint)
        if columns.ambiguous:
            named = " and ".join(repr(title) for title in columns.ambiguous)
            raise RosterError(
                f"{self.name}, row 1: there are two columns {named}", hint="Rename or remove one of them."
            )
        return delimiter, columns

    def _is_address_list(self, first: str) -> bool:
        """Whether the first lines of the text are one address each."""
        lines = [first, *(self._text.readline(_MAX_HEADER) for _ in range(LINES_CHECKED))]
        return all(_ADDRESS_LINE.fullmatch(line.strip()) for line in lines if line.strip())

    def _rows(self) -> Iterator[RosterRow]:
        fields = self.columns.fields
        width = len(fields)
        several = fields.count("tags") > 1
        for number, cells in enumerate(self._records, self._header_rows + 1):
            if isinstance(cells, str):
                yield RosterRow(number=number, cells={}, reason=cells)
                continue
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > width and any(cell.strip() for cell in cells[width:]):
                reason = f"has {len(cells)} cells where the header has {width}; is a quote missing?"
                yield RosterRow(number=number, cells={}, reason=reason)
                continue
            named = {
                field: restore(cell.strip()) for field, cell in zip(fields, cells, strict=False) if field
            }
            if self._records.lines > 1 and any("@" in cell and "\n" in cell for cell in named.values()):
                yield RosterRow(number=number, cells={}, reason=self._records.reject_last())
                continue
            if several:
                tags = [cell for field, cell in zip(fields, cells, strict=False) if field == "tags"]
                named["tags"] = ";".join(tag for tag in tags if tag.strip())
            yield RosterRow(number=number, cells=named)
