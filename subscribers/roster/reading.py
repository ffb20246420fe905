"""Reading a roster: bytes in, rows out, a piece at a time. What a row means is decided elsewhere.

The encoding is found by byte order mark, else UTF-8 when the whole file is that, else Windows-1252. The
delimiter is the one under which the header names the most columns. Row numbers are those that a spreadsheet
shows: the header is row 1.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType

from subscribers.errors import RosterError
from subscribers.roster.columns import Columns, recognise, restore

DELIMITERS = (",", ";", "\t", "|")
BATCH = 2000  # rows that are stored in one transaction: other writers wait half a second at most
HEAD = 65_536  # bytes; longer than any header
_HINT = "A roster is CSV with a header: email and any of name, topics, cadence, weekday, hour, timezone."


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterRow:
    """One row with its cells by field, stripped; or the reason why it cannot be read."""

    number: int  # the header is row 1
    cells: dict[str, str]
    reason: str = ""  # not empty: unreadable


class Roster(AbstractContextManager["Roster"]):
    """An open roster. Raises RosterError on opening a file that is none."""

    def __init__(self, path: Path) -> None:
        try:
            self.size = path.stat().st_size  # bytes
            self._file = path.open("rb")
        except OSError as error:
            raise RosterError(f"cannot read {path}: {error.strerror}", hint="Name a CSV file.") from error
        try:
            self.encoding, skip = _encoding(path, self._file)
            self._file.seek(skip)
            self._text = io.TextIOWrapper(self._file, self.encoding, errors="replace", newline="")
            self.delimiter, self.columns = self._header(path)
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

    def batches(self) -> Iterator[list[RosterRow]]:
        """All rows, BATCH at a time."""
        rows = self._rows()
        while batch := list(islice(rows, BATCH)):
            yield batch

    def _header(self, path: Path) -> tuple[str, Columns]:
        line = self._text.readline(HEAD)
        told = re.fullmatch(r"sep=(.)\s*", line)  # Excel's own way of naming the delimiter
        if told:
            line = self._text.readline(HEAD)
        self._before = 2 if told else 1
        while line.count('"') % 2 and (more := self._text.readline(HEAD)):
            line += more  # a line break inside quotes
        if not line.strip():
            raise RosterError(f"{path.name} is empty, or starts with an empty line", hint=_HINT)
        candidates = (told[1],) if told else DELIMITERS
        read = [(d, recognise(next(csv.reader([line], delimiter=d)))) for d in candidates]
        delimiter, columns = max(read, key=lambda c: sum(field is not None for field in c[1].fields))
        if not columns.has_email:
            hint = _HINT if "@" not in line else f"The first row must be a header. {_HINT}"
            named = ", ".join(repr(title) for title in columns.ignored[:10])
            raise RosterError(f"{path.name} has no column email; it has {named or 'none'}", hint=hint)
        return delimiter, columns

    def _rows(self) -> Iterator[RosterRow]:
        reader = csv.reader(self._text, delimiter=self.delimiter)
        fields = self.columns.fields
        number = self._before
        while True:
            number += 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield RosterRow(number=number, cells={}, reason=f"cannot be read: {error}")
                continue
            if not any(cell.strip() for cell in cells):
                continue
            if any(cell.strip() for cell in cells[len(fields) :]):
                reason = f"has {len(cells)} cells where the header has {len(fields)}; is a quote missing?"
                yield RosterRow(number=number, cells={}, reason=reason)
                continue
            yield RosterRow(
                number=number,
                cells={
                    field: restore(cell.strip()) for field, cell in zip(fields, cells, strict=False) if field
                },
            )


def _encoding(path: Path, file: io.BufferedReader) -> tuple[str, int]:
    """The encoding, and how many bytes of byte order mark to pass over."""
    head = file.read(HEAD)
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if head.startswith(mark):
            return name, len(mark)
    if b"\x00" in head:
        if len(head) > 3 and not any(head[1:200:2]):
            return "utf-16-le", 0
        if len(head) > 3 and not any(head[0:200:2]):
            return "utf-16-be", 0
        raise RosterError(f"{path.name} is no text", hint=f"Save it as CSV. {_HINT}")
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        chunk = head
        while chunk:
            decoder.decode(chunk)
            chunk = file.read(HEAD)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252", 0
    return "utf-8", 0
