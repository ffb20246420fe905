"""Reads the rows of a roster file, batch by batch. Does not decide what a row means.

Row numbers are those that a spreadsheet shows: the header is row 1.
"""

from __future__ import annotations

import io
import re
import stat
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType

from subscribers.errors import RosterError
from subscribers.roster.columns import Columns, restore
from subscribers.roster.csv_records import CsvRecords
from subscribers.roster.encoding import Encoding, find, named
from subscribers.roster.formats import MAILCHIMP
from subscribers.roster.header import MAX_HEADER, Header, read_header, refuse_what_may_be_consent
from subscribers.roster.readings import Reading

BATCH_ROWS = 2000  # stored in one transaction: other writers wait half a second at most


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterRow:
    """One row: its cells by field, stripped, or the reason why it cannot be read."""

    number: int  # the header is row 1
    cells: dict[str, str]
    status: tuple[tuple[Reading, str], ...] = ()  # the cells that give a state, and how to read each
    reason: str = ""  # not empty: unreadable


class Roster(AbstractContextManager["Roster"]):
    """An open roster file.

    Raises RosterError when it is opened and is not a roster, or has a column that looks like consent, status
    or suppression and is not understood.
    """

    def __init__(self, path: Path, *, encoding: str = "", ignore: Collection[str] = ()) -> None:
        """encoding: a name of Python's; empty: detect it. ignore: titles of columns not to read or judge."""
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
            found = named(encoding) if encoding else find(self.name, self._file)
            self.encoding = found.name
            self._file.seek(found.skip)
            self._text = io.TextIOWrapper(self._file, found.name, errors="replace", newline="")
            self._header = read_header(self._text, name=self.name, ignore=ignore)
            self._records = CsvRecords(self._text, delimiter=self._header.delimiter, lossy=found.lossy)
            if self.columns.unread:
                _refuse_what_may_be_consent(path, found, self._header)
        except UnicodeError as error:  # a decoder that wants a byte order mark, for example
            self._file.close()
            raise self._undecodable(error) from error
        except BaseException:
            self._file.close()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._text.close()

    @property
    def columns(self) -> Columns:
        """The columns of the file."""
        return self._header.columns

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
        try:
            while batch := list(islice(rows, BATCH_ROWS)):
                yield batch
        except UnicodeError as error:
            raise self._undecodable(error) from error

    def _undecodable(self, error: UnicodeError) -> RosterError:
        return RosterError(
            f"{self.name} cannot be read as {self.encoding}: {error}",
            hint="Leave out --encoding, or name another.",
        )

    def _rows(self) -> Iterator[RosterRow]:
        columns = self.columns
        several = columns.fields.count("tags") > 1
        readings = [(i, reading) for i, reading in enumerate(columns.readings) if reading is not None]
        for number, cells in enumerate(_split_rows(self._records, columns), self._header.rows + 1):
            if isinstance(cells, str):
                yield RosterRow(number=number, cells={}, reason=cells)
                continue
            if not any(cell.strip() for cell in cells):
                continue
            if not self._header.delimiter and cells[0].lstrip().startswith("#"):
                yield RosterRow(number=number, cells={}, reason="is commented out by its #")
                continue
            by_field = {
                field: restore(cell.strip())
                for field, cell in zip(columns.fields, cells, strict=False)
                if field
            }
            if self._header.delimiter and (reason := _backslash(by_field)):
                yield RosterRow(number=number, cells={}, reason=reason)
                continue
            if several:
                tags = [cell for field, cell in zip(columns.fields, cells, strict=False) if field == "tags"]
                by_field["tags"] = ";".join(tag for tag in tags if tag.strip())
            status = tuple(
                (reading, cells[index].strip() if index < len(cells) else "") for index, reading in readings
            )
            yield RosterRow(number=number, cells=by_field, status=status)


def _refuse_what_may_be_consent(path: Path, encoding: Encoding, header: Header) -> None:
    """Read a whole file to judge its unread columns. Raises RosterError."""
    with path.open("rb") as file:
        file.seek(encoding.skip)
        text = io.TextIOWrapper(file, encoding.name, errors="replace", newline="")
        for _ in range(header.lines):
            text.readline(MAX_HEADER)
        records = CsvRecords(text, delimiter=header.delimiter, lossy=encoding.lossy)
        refuse_what_may_be_consent(header, _split_rows(records, header.columns), name=path.name)


def _split_rows(records: CsvRecords, columns: Columns) -> Iterator[list[str] | str]:
    """The cells of each row, or the reason why it cannot be read."""
    width = len(columns.fields)
    for cells in records:
        if records.lines > 1 and not isinstance(cells, str) and _runs_into_the_next(cells, columns):
            cells = records.reject_last()
        if not isinstance(cells, str) and any(cell.strip() for cell in cells[width:]):
            yield f"has {len(cells)} cells where the header has {width}; is a quote missing?"
        else:
            yield cells


def _runs_into_the_next(cells: list[str], columns: Columns) -> bool:
    """Whether a quote that is not closed made one row of several."""
    return any(
        field and "\n" in cell and "@" in cell for field, cell in zip(columns.fields, cells, strict=False)
    )


def _backslash(cells: dict[str, str]) -> str:
    """Why a row is refused in which a quote after a backslash may have moved the end of a cell."""
    for field, cell in cells.items():
        if field != "tags" and "\\" in cell:
            if '\\"' in cell:
                return f"{field} holds a quote after a backslash; write a quote inside a cell twice"
            if cell.endswith("\\"):
                return f"{field} ends with a backslash"
    return ""
