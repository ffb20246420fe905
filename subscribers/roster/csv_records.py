"""Splits a CSV text into records: the cells of each, or the reason why it cannot be read.

Does not know what the cells mean. A quote that is never closed costs only its own line: the lines after it
are read again, one by one. Memory stays bounded however long a line or a quoted cell is.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from typing import TextIO

MAX_LINE = 1_000_000  # characters; no row of a roster is longer
MAX_LINES = 200  # of one record; a quoted cell with more lines is an unclosed quote
_ESCAPED_QUOTE = '\\"'  # as MySQL, and programs that know no CSV, write a quote inside a cell
_UNCLOSED_QUOTE = "a quote is opened and not closed"


class _TooLongError(Exception):
    """A line is longer than MAX_LINE."""


class _UnclosedError(Exception):
    """A record has more than MAX_LINES lines."""


class _Lines:
    """The lines of a text, cut to a maximum length. Lines of a record can be read again."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._pending: deque[str | None] = deque()  # to be read again; None: a line that was too long
        self.of_record: list[str] = []  # the lines of the current record
        self.bad_characters = "\x00"  # characters that no text has
        self.bad_found: str = ""  # the one of them in the current record

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._pending.popleft() if self._pending else self._read()
        if line == "":
            raise StopIteration
        if line is None and not self.of_record:
            raise _TooLongError
        if line is None or len(self.of_record) == MAX_LINES:
            self._pending.appendleft(line)
            raise _UnclosedError
        for character in self.bad_characters:
            if character in line:
                self.bad_found = character
        self.of_record.append(line)
        return line

    def _read(self) -> str | None:
        line = self._text.readline(MAX_LINE)
        if len(line) < MAX_LINE or line[-1] in "\r\n":
            return line
        while (rest := self._text.readline(MAX_LINE)) and rest[-1] not in "\r\n":
            pass
        return None

    def reread(self) -> str:
        """Put back all lines of the record but the first, which is returned."""
        first, *rest = self.of_record
        self._pending.extendleft(reversed(rest))
        return first


class CsvRecords:
    """An iterator over the records of a text that was opened with newline=""."""

    def __init__(self, text: TextIO, *, delimiter: str, lossy: bool) -> None:
        """delimiter: empty for a text in which each line is one cell, quotes included.
        lossy: a U+FFFD in the text stands for a byte that could not be decoded.
        """
        self._lines = _Lines(text)
        self._lines.bad_characters += "\ufffd" if lossy else ""
        self._delimiter = delimiter
        self._reader: Iterator[list[str]] = (
            csv.reader(self._lines, delimiter=delimiter, strict=True)
            if delimiter
            else map(lambda line: [line], self._lines)  # noqa: C417 - goes on after an exception
        )

    def __iter__(self) -> Iterator[list[str] | str]:
        lines = self._lines
        while True:
            lines.of_record.clear()
            lines.bad_found = ""
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except _TooLongError:
                yield f"is longer than {MAX_LINE:,} characters"
            except _UnclosedError:
                yield self.reject_last()
            except csv.Error as error:
                yield (
                    self._single_line(lines.reread(), error)
                    if lines.of_record
                    else f"cannot be read: {error}"
                )
            else:
                yield self._checked(cells)

    @property
    def lines(self) -> int:
        """The number of lines of the last record."""
        return len(self._lines.of_record)

    def reject_last(self) -> list[str] | str:
        """Give up the last record, whose lines after the first are read again.

        Returns the cells of the first line, if it is one by itself, else the reason.
        """
        line = self._lines.reread()
        return self._escaped(line) if _ESCAPED_QUOTE in line else _UNCLOSED_QUOTE

    def _checked(self, cells: list[str]) -> list[str] | str:
        if not self._lines.bad_found:
            return cells
        if self._lines.bad_found == "\x00":
            return "holds a NUL byte"
        return "holds bytes that are no text in the encoding of the file"

    def _single_line(self, line: str, error: csv.Error) -> list[str] | str:
        """The cells of a line that violates the rules of CSV, such as `"Ada" <ada@example.org>,circuits`."""
        if len(line) > csv.field_size_limit():
            return f"cannot be read: {error}"
        if _ESCAPED_QUOTE in line:
            return self._escaped(line)
        if line.count('"') % 2:
            return _UNCLOSED_QUOTE
        return self._checked(next(csv.reader([line], delimiter=self._delimiter)))

    def _escaped(self, line: str) -> list[str] | str:
        """The cells of a line with a backslash before each quote inside: `"Smith \\"Bob\\" J"`."""
        try:
            return self._checked(
                next(csv.reader([line], delimiter=self._delimiter, escapechar="\\", strict=True))
            )
        except csv.Error:
            return (
                "holds a quote after a backslash, and the quotes do not match; write each quote inside as two"
            )
