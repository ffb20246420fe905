"""Makes text harmless for a terminal. Prints nothing.

A terminal obeys control characters (ECMA-48): they move the cursor, change the window's title, or type for
the person. Characters that turn the direction of writing make a text look like another one.
"""

from __future__ import annotations

import re

# C0 without tab and line feed, DEL, C1; bidirectional marks, embeddings, overrides and isolates (UAX 9);
# separators of lines; characters of no width (but not the joiners, which names need); lone surrogates; tags.
UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)
_SPACES = re.compile(r"[\t\n]")


def printable(text: str) -> str:
    """`text` with each unsafe character written as its escape, such as `\\x1b`; lines and tabs stay.

    CRLF, the line end of mail, is a line end; a carriage return alone is unsafe.
    """
    return UNSAFE.sub(lambda found: escaped(found[0]), text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """`text` as `printable` makes it, and on one line."""
    return _SPACES.sub(" ", printable(text))


def escaped(character: str) -> str:
    """A character as Python writes it in ASCII."""
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
