"""Reading a roster: bytes in, rows out, a piece at a time. What a row means is decided elsewhere.

The delimiter is the one under which the header names the most columns. Row numbers are those that a
spreadsheet shows: the header is row 1. A file of addresses, one a line, needs no header.
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
from subscribers.roster.columns import MAILCHIMP, PLAIN, Columns, recognise, restore
from subscribers.roster.csv_records import CsvRecords
from subscribers.roster.encoding import Encoding, find

DELIMITERS = (",", ";", "\t", "|")  # the usual ones; any other sign in the header is tried after them
BATCH = 2000  # rows that are stored in one transaction: other writers wait half a second at most
LOOKED_AT = 20  # lines that must be addresses for a list without a header
_LINE = 65_536  # characters; longer than any header
_NO_DELIMITER = re.compile(r"[\w \r\n\"'.()@-]")
_ADDRESS_ALONE = re.compile(r"[^\s<>,;|\"]+@[^\s<>,;|\"]+|[^@]*<[^\s<>,;|]+@[^\s<>,;|]+>")
_HINT = "A roster is CSV with a header: email and any of name, topics, cadence, weekday, hour, timezone."


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterRow:
    """One row with its cells by field, stripped; or the reason why it cannot be read."""

    number: int  # the header is row 1
    cells: dict[str, str]
    reason: str = ""  # not empty: unreadable


class Roster(AbstractContextManager["Roster"]):
    """An open roster. Raises RosterError on opening a file that is none."""

    def __init__(self, path: Path, *, encoding: str = "") -> None:
        """encoding: its name, when it is known; else it is found out."""
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
        """Bytes read so far, for a progress bar."""
        return self._file.tell()

    @property
    def format(self) -> str:
        """Whose export it is; empty: nobody's that we know."""
        return self.columns.format

    @property
    def held(self) -> str:
        """The status of everybody in the file by its name; empty: it says none.

        Mailchimp packs subscribed_…, unsubscribed_…, cleaned_… and nonsubscribed_….csv into one archive;
        only the name tells the first from the last.
        """
        said = re.match(r"(unsubscribed|cleaned|nonsubscribed)_", self.name.lower())
        return said[1] if said and self.format == MAILCHIMP.name else ""

    def batches(self) -> Iterator[list[RosterRow]]:
        """All rows, BATCH at a time."""
        rows = self._rows()
        while batch := list(islice(rows, BATCH)):
            yield batch

    def _encoding(self, told: str) -> Encoding:
        if not told:
            return find(self.name, self._file)
        try:
            "".encode(told)
        except LookupError:
            raise RosterError(
                f"there is no encoding {told!r}", hint="Such as utf-8, iso-8859-2, koi8-r, shift_jis, gbk."
            ) from None
        return Encoding(name=told, lossy=True)

    def _header(self) -> tuple[str, Columns]:
        start = self._text.tell()
        line = self._text.readline(_LINE)
        told = re.fullmatch(r"sep=(\t|[^\w\s\"])\s*", line)  # Excel's own way of naming the delimiter
        if told:
            line = self._text.readline(_LINE)
        self._before = 2 if told else 1
        while line.count('"') % 2 and len(line) < _LINE and (more := self._text.readline(_LINE)):
            line += more  # a line break inside quotes
        if not line.strip():
            raise RosterError(f"{self.name} is empty, or starts with an empty line", hint=_HINT)
        if len(line) >= _LINE:
            raise RosterError(f"{self.name}, row 1: the header has no end", hint=_HINT)
        if told:
            candidates = [told[1]]
        else:
            others = dict.fromkeys(c for c in line if not _NO_DELIMITER.match(c))
            candidates = [*DELIMITERS, *(c for c in others if c not in DELIMITERS)]
        read = [(d, recognise(next(csv.reader([line], delimiter=d)))) for d in candidates]
        delimiter, columns = max(read, key=lambda c: c[1].known)
        if not columns.has_email:
            if self._is_plain(line):
                self._text.seek(start)
                self._before = 0
                return "", Columns(fields=("email",), ignored=(), format=PLAIN)
            hint = _HINT if "@" not in line else f"The first row must be a header. {_HINT}"
            named = ", ".join(repr(title) for title in columns.ignored[:10])
            raise RosterError(f"{self.name} has no column email; it has {named or 'none'}", hint=hint)
        if columns.twice:
            named = " and ".join(repr(title) for title in columns.twice)
            raise RosterError(
                f"{self.name}, row 1: there are two columns {named}", hint="Rename or remove one of them."
            )
        return delimiter, columns

    def _is_plain(self, first: str) -> bool:
        """Whether the text is addresses, one a line, as far as one looks."""
        lines = [first, *(self._text.readline(_LINE) for _ in range(LOOKED_AT))]
        return all(_ADDRESS_ALONE.fullmatch(line.strip()) for line in lines if line.strip())

    def _rows(self) -> Iterator[RosterRow]:
        fields = self.columns.fields
        width = len(fields)
        several = fields.count("tags") > 1
        for number, cells in enumerate(self._records, self._before + 1):
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
                yield RosterRow(number=number, cells={}, reason=self._records.disown())
                continue
            if several:
                tags = [cell for field, cell in zip(fields, cells, strict=False) if field == "tags"]
                named["tags"] = ";".join(tag for tag in tags if tag.strip())
            yield RosterRow(number=number, cells=named)
