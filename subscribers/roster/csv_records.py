"""Records of a CSV text: cells, or the reason why a record is none. What the cells mean is not known here.

A quote that is opened and never closed costs its own line and no other: the lines that it would swallow are
read again, each for itself. Nothing is read whole, however long a line or a quoted cell is.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from typing import TextIO

MAX_LINE = 1_000_000  # characters; a longer line is no row of a roster
MAX_LINES = 200  # of one record; more in one quoted cell is a quote that was never closed
_UNCLOSED = "a quote is opened and not closed"


class _TooLongError(Exception):
    """A line is longer than MAX_LINE."""


class _UnclosedError(Exception):
    """A record has more than MAX_LINES lines."""


class _Lines:
    """The lines of a text, of bounded length, some of which can be read again."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._again: deque[str | None] = deque()  # None: a line that was too long
        self.taken: list[str] = []  # of the record that is being read
        self.marks = "\x00"  # characters that text does not have
        self.marked: str = ""  # the one of them that the record has

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._read()
        if line == "":
            raise StopIteration
        if line is None and not self.taken:
            raise _TooLongError
        if line is None or len(self.taken) == MAX_LINES:
            self._again.appendleft(line)
            raise _UnclosedError
        for mark in self.marks:
            if mark in line:
                self.marked = mark
        self.taken.append(line)
        return line

    def _read(self) -> str | None:
        line = self._text.readline(MAX_LINE)
        if len(line) < MAX_LINE or line[-1] in "\r\n":
            return line
        while (rest := self._text.readline(MAX_LINE)) and rest[-1] not in "\r\n":
            pass
        return None

    def again(self) -> str:
        """Give all lines of the record back but the first, which is returned."""
        first, *rest = self.taken
        self._again.extendleft(reversed(rest))
        return first


class CsvRecords:
    """An iterator over the records of a text that was opened with newline=""."""

    def __init__(self, text: TextIO, *, delimiter: str, lossy: bool) -> None:
        """delimiter: empty for a text without cells: each line is one, quotes and all.
        lossy: a U+FFFD in the text is a byte that could not be decoded.
        """
        self._lines = _Lines(text)
        self._lines.marks += "\ufffd" if lossy else ""
        self._delimiter = delimiter
        self._reader: Iterator[list[str]] = (
            csv.reader(self._lines, delimiter=delimiter, strict=True)
            if delimiter
            else map(lambda line: [line], self._lines)  # noqa: C417 - goes on after an exception
        )

    def __iter__(self) -> Iterator[list[str] | str]:
        lines = self._lines
        while True:
            lines.taken.clear()
            lines.marked = ""
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except _TooLongError:
                yield f"is longer than {MAX_LINE:,} characters"
            except _UnclosedError:
                lines.again()
                yield _UNCLOSED
            except csv.Error as error:
                yield self._alone(lines.again(), error) if lines.taken else f"cannot be read: {error}"
            else:
                yield self._told(cells)

    @property
    def lines(self) -> int:
        """How many lines the record has that was read last."""
        return len(self._lines.taken)

    def disown(self) -> str:
        """The record that was read last was none: its lines after the first are read again. Returns why."""
        self._lines.again()
        return _UNCLOSED

    def _told(self, cells: list[str]) -> list[str] | str:
        if not self._lines.marked:
            return cells
        if self._lines.marked == "\x00":
            return "holds a NUL byte"
        return "holds bytes that are no text in the encoding of the file"

    def _alone(self, line: str, error: csv.Error) -> list[str] | str:
        """The cells of a line that CSV's rules refuse, such as `"Ada" <ada@example.org>,circuits`."""
        if len(line) > csv.field_size_limit():
            return f"cannot be read: {error}"
        if line.count('"') % 2:
            return _UNCLOSED
        return self._told(next(csv.reader([line], delimiter=self._delimiter)))
