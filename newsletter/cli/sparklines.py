"""Bars made of characters: one for each number, or one lying bar. Prints nothing, and needs no colour."""

from __future__ import annotations

from collections.abc import Sequence

LEVELS = "▁▂▃▄▅▆▇█"
NONE = "·"
PLAIN_LEVELS = "123456789"  # where the terminal knows no block characters: ninths of the highest
PLAIN_NONE = "."


def sparkline(values: Sequence[int], *, most: int | None = None, blocks: bool = True) -> str:
    """A character for each value; nothing is told from little. most: what the highest level stands for."""
    levels, none = (LEVELS, NONE) if blocks else (PLAIN_LEVELS, PLAIN_NONE)
    top = max(values, default=0) if most is None else most
    return "".join(
        none if value <= 0 else levels[min(-(-value * len(levels) // top), len(levels)) - 1]
        for value in values
    )


def lying_bar(value: int, *, most: int, width: int, blocks: bool = True) -> str:
    """A bar of at most `width` characters; whatever is not nothing has one."""
    if value <= 0:
        return ""
    return ("█" if blocks else "#") * max(1, round(value * width / most))
