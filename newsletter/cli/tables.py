"""Lays out tables for people: columns in, lines of text out. Prints nothing.

No word, date or address is broken. Columns become narrower at spaces; where that is not enough, the least
important ones are left out. A word that is wider than half of the room has a line of its own instead.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

GAP = 2  # spaces between two columns
BELOW = "    "  # before the lines of a cell that stands below its row
_WORDS = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d(?!\S)|\S+")  # a date keeps its hour
_COMMAND_OR_WORD = re.compile(rf"[^\s`]*`[^`\n]*`\S*|{_WORDS.pattern}")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableLayout:
    """A table as lines, none of which ends with a space."""

    head: tuple[str, ...]
    rule: str
    rows: tuple[str, ...]
    left_out: tuple[str, ...] = ()  # names of columns that had no room


@dataclass(slots=True, kw_only=True)
class _Column:
    name: str
    cells: list[str]
    width: int = 0
    natural: int = 0  # the width with which nothing is wrapped
    right: bool = False  # whether its cells stand at its right side


def lay_out(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    room: int | None = None,
    important: Sequence[str] = (),
    below: str | None = None,
) -> TableLayout:
    """Lay out a table. room: columns of the terminal; None: as wide as the cells.

    important: names of columns, those first that are left out last; the others follow in their order.
    below: a column whose cells stand below their rows where the table is wider than the room.
    """
    shown = [_Column(name=name, cells=[row[number] for row in rows]) for number, name in enumerate(columns)]
    for column in shown:
        column.right = room is not None and all(_NUMBER.fullmatch(cell) for cell in column.cells if cell)
        column.natural = column.width = max(map(cell_len, (column.name, *column.cells)))
    left_out: list[_Column] = []
    under = [""] * len(rows)
    if room is not None and below is not None and _total(shown) > room:
        under = next(column.cells for column in shown if column.name == below)
        shown = [column for column in shown if column.name != below]
    every = list(shown)
    if room is not None and _total(shown) > room:
        for column in shown:
            _narrow(column, room // 2)
        order = [*important, *(name for name in columns if name not in important)]
        order.sort(key=lambda name: not any(row[columns.index(name)] for row in rows))  # empty ones go first
        while len(shown) > 1 and _total(shown) > room:
            last = max(shown, key=lambda column: order.index(column.name))
            shown.remove(last)
            left_out.append(last)
        for column in reversed(left_out):  # a narrow one may fit where a wide one had no room
            if _total([*shown, column]) <= room:
                shown = [each for each in every if each in shown or each is column]
        _widen(shown, room)
    return TableLayout(
        head=tuple(_head(shown)),
        rule="─" * (_total(shown) if room is None else min(_total(shown), room)),
        rows=tuple(
            line
            for number, text in enumerate(under)
            for line in (*_row(shown, number, room), *(_below(text, room) if room is not None else ()))
        ),
        left_out=tuple(column.name for column in every if column not in shown),
    )


def wrapped_prose(text: str, width: int) -> str:
    """`text` wrapped at `width` columns, but no command in backticks; further lines keep the indentation."""
    lines: list[str] = []
    for line in text.split("\n"):
        start = " " * (len(line) - len(line.lstrip(" ")))
        lines += [start + part if part else "" for part in wrapped(line, width - len(start), commands=True)]
    return "\n".join(lines)


def wrapped(text: str, width: int, *, commands: bool = False) -> list[str]:
    """`text` in lines of at most `width` columns, broken at spaces only; a wider word has its own line.

    commands: whether what stands between backticks is one word.
    """
    words = _COMMAND_OR_WORD if commands else _WORDS
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line, used = "", 0
        for found in words.finditer(paragraph):
            word = found[0]
            space = " " * (found.start() - used) if line else ""
            if line and cell_len(line + space + word) > width:
                lines.append(line)
                line, space = "", ""
            line += space + word
            used = found.end()
        lines.append(line)
    return lines


def _below(text: str, room: int) -> list[str]:
    return [BELOW + line for line in wrapped(text, room - len(BELOW))] if text else []


def _narrow(column: _Column, at_most: int) -> None:
    """Set the least width that breaks no word. Cells with a word wider than `at_most` do not count."""
    column.width = column.natural = 1
    for cell in (column.name, *column.cells):
        widest = max(map(cell_len, _WORDS.findall(cell)), default=0)
        if widest <= at_most:
            column.width = max(column.width, widest)
            column.natural = max(column.natural, cell_len(cell))


def _total(columns: Sequence[_Column]) -> int:
    return sum(column.width for column in columns) + GAP * (len(columns) - 1)


def _widen(columns: Sequence[_Column], room: int) -> None:
    """Give the rest of the room to the columns that have to wrap most."""
    for _ in range(room - _total(columns)):
        narrow = [column for column in columns if column.width < column.natural]
        if not narrow:
            return
        max(narrow, key=lambda column: column.natural / column.width).width += 1


def _head(columns: Sequence[_Column]) -> list[str]:
    lines = [wrapped(column.name, column.width) for column in columns]
    height = max(map(len, lines))
    aligned = [[""] * (height - len(each)) + each for each in lines]
    return [_joined(columns, [each[line] for each in aligned]) for line in range(height)]


def _row(columns: Sequence[_Column], number: int, room: int | None) -> list[str]:
    """The lines of a row. A cell with a word that its column cannot hold ends the line; the rest follows."""
    lines: list[str] = []
    block: list[list[str]] = []  # wrapped cells of the present lines; a column that came before has none
    start = 0
    for column in columns:
        cell = [column.cells[number]] if room is None else wrapped(column.cells[number], column.width)
        widest = max(map(cell_len, cell))
        if widest > column.width:
            if room is not None and start + widest > room:
                lines += _flushed(columns, block)
                if column is columns[-1]:
                    cell = wrapped(column.cells[number], room - start)
                lines += [" " * max(0, min(start, room - cell_len(line))) + line for line in cell]
                block = []
            else:
                lines += _flushed(columns, [*block, cell])
            block = [[""] for _ in columns[: columns.index(column) + 1]]
        else:
            block = block or [[""] for _ in columns[: columns.index(column)]]
            block.append(cell)
        start += column.width + GAP
    return [*lines, *_flushed(columns, block)] or [""]


def _flushed(columns: Sequence[_Column], block: Sequence[Sequence[str]]) -> list[str]:
    """The lines of some cells, none if all are empty."""
    height = max(map(len, block), default=0)
    lines = [
        _joined(columns, [cell[line] if line < len(cell) else "" for cell in block]) for line in range(height)
    ]
    return lines if any(lines) else []


def _joined(columns: Sequence[_Column], cells: Sequence[str]) -> str:
    parts = []
    for column, cell in zip(columns, cells, strict=False):
        space = " " * (column.width - cell_len(cell))
        parts.append(space + cell if column.right else cell + space)
    return (" " * GAP).join(parts).rstrip()
