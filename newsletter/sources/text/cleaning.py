"""Cleans the lines of raw text: one kind of line end, one kind of blank, nothing invisible.

It changes no words: the formats and `latex` interpret the characters.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

# Characters that must not reach a title, a header or a page: C0 and C1 controls, soft hyphens, zero-width
# marks, marks and overrides of direction (Trojan Source, CVE-2021-42574), tag characters, noncharacters, lone
# surrogates. Not among them: the controls that str.split() treats as blanks (tab, vertical tab, FS to US,
# NEL, U+2028, U+2029), and the joiners (U+200C, U+200D), which Persian, Indic scripts and emoji need.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)
MOST_MARKS = 30  # on one letter (Unicode Standard Annex 15, section 13); sorting more of them takes long
_SIGNS = re.compile(rf"[^\w\s\x00-\x7f]{{{MOST_MARKS + 1},}}")  # combining marks are among them
CHUNK = 100_000  # characters of a line; the words of more of them would take much memory at once
_LINE_END = re.compile(r"(?<!\r)\r*+\n|\r")  # "\r\r\n": a CRLF text was written in text mode again


def unix_lines(text: str) -> str:
    """Return `text` with each line end as one line feed."""
    return _LINE_END.sub("\n", text) if "\r" in text else text


CLIPPED = "the lines are cut at the edge of a window"
FEW_FULL, SOME_FULL, MANY_FULL = 3, 6, 10  # lines; the fewer they are, the fewer others are nearly as long
LEFT_COLUMN, WIDEST = 30, 400  # characters; a second column begins between
JUDGED = 20  # lines, from the beginning
_NUMBER = re.compile(r"\s*(\d{1,6})(?:[\s:|.]|$)")
_HUNK = re.compile(r"@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@")  # of `diff -u`
_GAP = re.compile(r" {2,}(?=\S)")


def is_clipped(lines: Sequence[str]) -> bool:
    """Whether lines end at the edge of a window, in the middle of words: most long ones are equally long.

    A program that wraps at blanks fills few lines to the last column. Lines with a soft break (RFC 2045,
    section 6.7) go on in the next one.
    """
    words = {line for line in lines if " " in line.strip() and not line.endswith("=")}
    lengths = Counter(len(line.rstrip()) for line in words)
    width = max(lengths, default=0)
    long = sum(count for length, count in lengths.items() if 10 * length >= 9 * width)
    at_blank = sum(len(line.rstrip()) == width - 1 < len(line) for line in words)
    full = lengths[width] + at_blank
    share = 1.0 if full < SOME_FULL else 0.8 if full < MANY_FULL else 0.7
    return full >= FEW_FULL and full >= share * long


def has_columns(lines: Sequence[str]) -> bool:
    """Whether two columns stand beside each other: behind a gap, many lines go on in the same place.

    A few lines suffice where every line of the text leaves the gap free.
    """
    filled = sum(not line.isspace() for line in lines if line)
    places = Counter(
        found.end() for line in lines for found in _GAP.finditer(line[:WIDEST]) if found.end() > LEFT_COLUMN
    )
    place, together = max(places.items(), key=lambda item: item[1], default=(0, 0))
    if together < FEW_FULL:
        return False
    beside = sum(line[place:].strip() != "" and line[:place].strip() != "" for line in lines)
    apart = all(not line[place - 2 : place].strip() for line in lines)
    return (together >= MANY_FULL and 5 * together >= 2 * filled) or (apart and beside >= FEW_FULL)


def is_listed_by_tool(lines: Sequence[str]) -> bool:
    """Whether a program has put its marks before the lines: their numbers, or what two versions differ in."""
    numbers = [_NUMBER.match(line) for line in lines[:JUDGED]]
    counted = [int(found[1]) - n if found else None for n, found in enumerate(numbers)]
    numbered = len(counted) > FEW_FULL and None not in counted and len(set(counted)) == 1
    return numbered or any(map(_HUNK.match, lines))


def had_room(line: str, following: str, width: int) -> bool:
    """Whether the first word of the following line had room in this one, in a text of so many columns.

    Then no program wrapped a text between the two: words are lost there, or they are two texts.
    """
    return len(line.rstrip()) + 1 + len(following.split()[0]) < width


def split_lines(text: str) -> list[str]:
    """Return the lines of `text`, each cleaned as `one_line` does; line n is item n - 1."""
    return [line if _is_clean(line) else _cleaned(line) for line in unix_lines(text).split("\n")]


def one_line(text: str) -> str:
    """Return `text` as one NFC line: blanks of any kind become single spaces, invisible characters go."""
    if not _is_clean(text):
        text = _cleaned(text)
    if not text.isascii():
        text = _SIGNS.sub(_with_few_marks, text)
    return unicodedata.normalize("NFC", text)


def _is_clean(line: str) -> bool:
    """The fast check, which nearly every line passes. Python counts a no-break space as not printable."""
    return line.isprintable() and "  " not in line and line[:1] != " " and line[-1:] != " "


def _cleaned(line: str) -> str:
    line = _INVISIBLE.sub("", line)
    if len(line) <= CHUNK:
        return " ".join(line.split())
    text = "".join(_single_blanks(line[start : start + CHUNK]) for start in range(0, len(line), CHUNK))
    while "  " in text:
        text = text.replace("  ", " ")
    return text.strip(" ")


def _with_few_marks(signs: re.Match[str]) -> str:
    kept: list[str] = []
    marks = 0
    for char in signs[0]:
        marks = marks + 1 if unicodedata.combining(char) else 0
        if marks <= MOST_MARKS:
            kept.append(char)
    return "".join(kept)


def _single_blanks(part: str) -> str:
    """A part of a line with single blanks within it, and at its ends where it has some there."""
    return f"{' ' * part[:1].isspace()}{' '.join(part.split())}{' ' * part[-1:].isspace()}"
