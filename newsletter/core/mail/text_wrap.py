"""Wraps text into lines of a given width, for the plain-text parts of messages. Knows nothing of HTML.

Columns are those of a terminal: a CJK character takes two, a combining mark none.
"""

from __future__ import annotations

import re
import textwrap
import unicodedata

WIDTH = 76  # columns; RFC 5322 section 2.1.1 asks for lines of at most 78 characters
_LINK = re.compile(r"https?://\S+$")  # a broken link does not work


def wrapped(text: str, first: str = "", rest: str = "", width: int = WIDTH) -> str:
    """`text` in lines of at most `width` columns. `first` begins the first line, `rest` the others.

    Links stay whole.
    """
    if text.isascii():
        if " " not in text and "\n" not in text:
            return first + text  # one word or link: nothing to break
        if len(first) + len(text) <= width and "\n" not in text and "  " not in text:
            return (first + text).rstrip()
        return textwrap.fill(
            text,
            width,
            initial_indent=first,
            subsequent_indent=rest,
            break_long_words=False,
            break_on_hyphens=False,
        )
    lines: list[str] = []
    line, used, empty = first, columns(first), True
    for word in text.split():
        for number, part in enumerate(_parts(word, width - columns(rest))):
            gap = "" if empty or number else " "
            taken = columns(part) + len(gap)
            if used + taken > width and not empty:
                lines.append(line)
                line, used, gap, taken = rest, columns(rest), "", columns(part)
            line += gap + part
            used += taken
            empty = False
    return "\n".join([*lines, line])


def columns(text: str) -> int:
    """How many columns of a terminal `text` takes."""
    if text.isascii():
        return len(text)
    return sum(map(_columns_of, text))


def _columns_of(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _parts(word: str, room: int) -> list[str]:
    """`word`, in parts of at most `room` columns when it is a run of CJK text without spaces."""
    if columns(word) <= room or _LINK.match(word) or word.isascii():
        return [word]
    parts, part, used = [], "", 0
    for character in word:
        taken = _columns_of(character)
        if part and used + taken > room:
            parts.append(part)
            part, used = "", 0
        part += character
        used += taken
    return [*parts, part]
