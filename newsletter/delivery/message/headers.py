"""Writes header fields: cleaned so that none can inject another, and encoded for every decoder.

Python's own `EmailMessage` headers are not used: they garble long non-ASCII subjects, and before 3.12.4
a subject could become a second header (CVE-2024-6923).
"""

from __future__ import annotations

import re
from base64 import b64encode
from email.header import Header
from itertools import groupby

from newsletter.delivery.addresses import to_wire

MAX_LINE = 76  # characters; RFC 2047 section 2 allows no more on a line with an encoded word
CRLF = "\r\n"

# Controls of both sets, line and paragraph separators, bidi overrides and isolates, surrogates.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")  # RFC 5322 atoms and spaces
_PLAIN_WORDS = re.compile(r"[A-Za-z0-9-]+(?: [A-Za-z0-9-]+)*")  # of them, needing no look at all
_LINK = re.compile(r"https?://[!#-;=?-~]+")
_NOT_Q = re.compile(rb"[^A-Za-z0-9!*+/ -]")  # an underscore stands for a space
_LONGEST_PLAIN = 40  # characters of a name that stands on the field's first line
_LONGEST_WORD = 60  # characters; a longer one does not fit on a line of 78 behind its field's name


def clean(text: str) -> str:
    """`text` on one line, without the characters that a header must not contain."""
    return " ".join(_UNPRINTABLE.sub(" ", text).split())


def encoded(name: str, text: str) -> str:
    """An unstructured field's value, folded: as it is when plain ASCII, else RFC 2047 encoded words.

    name: of the field, whose length shortens the first line.
    """
    value = clean(text)
    words_fit = all(len(word) <= _LONGEST_WORD for word in value.split(" "))
    if value.isascii() and "=?" not in value and words_fit:
        return _folded(value, len(name) + 2)
    return _words(name, value)


def mailbox(field: str, address: str, name: str = "") -> str:
    """`Name <address>` as a field's value; the domain as A-labels, the name encoded or quoted.

    The value starts on the field's own line: a folded-away start costs points with spam filters.
    Raises UnsendableAddressError.
    """
    wire = to_wire(address)[0].decode()
    if len(name) <= _LONGEST_PLAIN and _PLAIN_WORDS.fullmatch(name):  # nearly every name: as it is
        gap = " " if len(field) + len(name) + len(wire) + 5 <= MAX_LINE else CRLF + " "
        return f"{name}{gap}<{wire}>"
    return bracketed(field, name, wire) if name else wire


def bracketed(field: str, name: str, inside: str) -> str:
    """`Name <inside>` as a field's value, folded; without a name that can be shown only `<inside>`."""
    phrase = _phrase(field, clean(name))
    last = phrase.rpartition("\n")[2]
    taken = len(field) + 2 if len(last) == len(phrase) else 0
    if not phrase:
        return f"<{inside}>"
    gap = " " if taken + len(last) + len(inside) + 3 <= MAX_LINE else CRLF + " "
    return f"{phrase}{gap}<{inside}>"


def link(field: str, url: str) -> str:
    """`<url>` as a field's value, on a line of its own when it is long. RFC 2369 section 2.

    Raises ValueError unless `url` is an http or https link in plain ASCII.
    """
    if not _LINK.fullmatch(url):
        raise ValueError(f"{field} takes a link of printable ASCII, not {url!r}")
    gap = CRLF + " " if len(field) + len(url) + 4 > MAX_LINE + 2 else ""
    return f"{gap}<{url}>"


def _phrase(field: str, name: str) -> str:
    """A display name: an RFC 5322 phrase, in which words of plain letters stay as they are."""
    if name.isascii() and "=?" not in name and len(name) <= _LONGEST_WORD:
        if _PLAIN_NAME.fullmatch(name):
            return name
        quoted = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
        if len(quoted) <= _LONGEST_WORD:
            return quoted
    # One encoded word for each stretch that needs it, where they fit: some programs, Python's own `email`
    # among them, print the breaks between two adjacent ones in a name as spaces.
    tokens: list[str] = []
    for plain, words in groupby(name.split(" "), key=_is_plain):
        stretch = " ".join(words)
        token = stretch if plain else _word(stretch.encode())
        if not plain and len(token) > (75 if tokens else MAX_LINE - len(field) - 2):
            return _words(field, name)
        tokens.append(token)
    return _folded(" ".join(tokens), len(field) + 2)


def _is_plain(word: str) -> bool:
    if len(word) > _LONGEST_WORD or "=?" in word or "?=" in word:
        return False
    return _PLAIN_NAME.fullmatch(word) is not None


def _word(octets: bytes) -> str:
    """One encoded word, by the shorter encoding; RFC 2047 section 5 (3) for what Q may leave as it is."""
    quoted = _NOT_Q.sub(lambda found: b"=%02X" % found[0][0], octets).replace(b" ", b"_").decode()
    based = b64encode(octets).decode()
    return f"=?utf-8?q?{quoted}?=" if len(quoted) < len(based) else f"=?utf-8?b?{based}?="


def _words(field: str, text: str) -> str:
    """`text` as encoded words, folded. RFC 2047 section 2."""
    return Header(text, "utf-8", maxlinelen=MAX_LINE, header_name=field).encode(linesep=CRLF)


def _folded(value: str, taken: int) -> str:
    """Plain text in lines of at most 76 characters, broken at spaces (RFC 5322 section 2.2.3)."""
    lines: list[str] = []
    line = ""
    for word in value.split(" "):
        if line and taken + len(line) + 1 + len(word) > MAX_LINE:
            lines.append(line)
            line, taken = word, 1
        else:
            line = f"{line} {word}" if line else word
    lines.append(line)
    return (CRLF + " ").join(lines)
