"""Header fields: cleaned of what could inject others, encoded so that every decoder reads the same.

Python's own `EmailMessage` headers are not used: they garble long non-ASCII subjects, and before 3.12.4
a subject could become a second header (CVE-2024-6923).
"""

from __future__ import annotations

import re
from email.header import Header

from newsletter.delivery.addresses import to_wire

MAX_LINE = 76  # characters; RFC 2047 section 2 allows no more on a line with an encoded word
CRLF = "\r\n"

# Controls of both sets, line and paragraph separators, bidi overrides and isolates, surrogates.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")  # RFC 5322 atoms and spaces
_LONGEST_WORD = 900  # characters; RFC 5322 section 2.1.1 allows lines of 998


def clean(text: str) -> str:
    """`text` on one line, without characters that no header may hold."""
    return " ".join(_UNPRINTABLE.sub(" ", text).split())


def encoded(name: str, text: str) -> str:
    """An unstructured field's value, folded: as it is when plain ASCII, else RFC 2047 encoded words.

    name: of the field, whose length shortens the first line.
    """
    value = clean(text)
    words_fit = all(len(word) <= _LONGEST_WORD for word in value.split(" "))
    if value.isascii() and "=?" not in value and words_fit:
        return _folded(value, len(name) + 2)
    return Header(value, "utf-8", maxlinelen=MAX_LINE, header_name=name).encode(linesep=CRLF)


def mailbox(field: str, address: str, name: str = "") -> str:
    """`Name <address>` as a field's value; the domain as A-labels, the name encoded or quoted."""
    wire = to_wire(address)[0].decode()
    shown = clean(name)
    if not shown:
        return wire
    if not shown.isascii() or "=?" in shown:
        phrase = Header(shown, "utf-8", maxlinelen=MAX_LINE, header_name=field).encode(linesep=CRLF)
    elif _PLAIN_NAME.fullmatch(shown):
        phrase = shown
    else:
        phrase = '"' + shown.replace("\\", "\\\\").replace('"', '\\"') + '"'
    last = phrase.rsplit("\n", 1)[-1]
    room = 78 - (len(field) + 2 if last is phrase or CRLF not in phrase else 0)
    gap = " " if len(last) + len(wire) + 3 <= room else CRLF + " "
    return f"{phrase}{gap}<{wire}>"


def _folded(value: str, taken: int) -> str:
    """Plain text in lines of at most 78 characters, broken at spaces (RFC 5322 section 2.2.3)."""
    lines: list[str] = []
    line = ""
    for word in value.split(" "):
        if line and taken + len(line) + 1 + len(word) > 78:
            lines.append(line)
            line, taken = word, 1
        else:
            line = f"{line} {word}" if line else word
    lines.append(line)
    return (CRLF + " ").join(lines)
