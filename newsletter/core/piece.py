"""Encodes stretches of mail so that joining them needs no more encoding: quoted-printable with slots.

Every piece starts and ends at the start of a line (a soft break ends it), so that any order of pieces
is right; a slot stands on a line of its own between soft breaks. RFC 2045 section 6.7.
"""

from __future__ import annotations

import binascii
import html
import re
import textwrap

from newsletter.core.mail import SLOT

SOFT_BREAK = b"=\r\n"
LINE = 76  # octets of an encoded line, RFC 2045 section 6.7 (5)
_SLOT = re.compile(rb"\x00([^\x00]+)\x00")


def quoted_printable(text: str) -> bytes:
    """`text` as quoted-printable lines of at most 76 octets, CRLF; no line starts with a dot.

    A dot at the start of a line would be stuffed on its way (RFC 5321 section 4.5.2); without one the
    sender need not look.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    encoded = binascii.b2a_qp(lines.encode("utf-8", "replace"), istext=True)
    if "\n" not in lines:  # binascii breaks lines as the first line end of its input shows it
        encoded = encoded.replace(b"=\n", SOFT_BREAK)
    if encoded.startswith(b"."):
        encoded = b"=2E=\r\n" + encoded[1:]
    while b"\n." in encoded:
        encoded = encoded.replace(b"\n.", b"\n=2E=\r\n")
    return encoded


def encode_piece(text: str, pattern: re.Pattern[str]) -> bytes:
    """A piece of rendered text as bytes; what `pattern` marks becomes a slot, NUL name NUL."""
    parts = pattern.split(text)
    encoded = bytearray()
    for number, part in enumerate(parts):
        if number % 2:
            encoded += SLOT + part.encode("ascii") + SLOT
        elif part:
            encoded += _to_line_start(quoted_printable(part))
    return bytes(encoded)


def encode_value(value: str, *, markup: bool) -> bytes:
    """What is printed in a slot: escaped for HTML when `markup`, encoded, up to the start of a line.

    Plain text is wrapped at 76 columns; a link is one word and stays whole.
    """
    if markup:
        encoded = quoted_printable(html.escape(value))
    else:
        encoded = quoted_printable("\n".join(_wrapped(line) for line in value.split("\n")))
    return _to_line_start(encoded)


def _to_line_start(encoded: bytes) -> bytes:
    """`encoded` with a soft break behind it, unless it ends a line."""
    last = encoded[encoded.rfind(b"\n") + 1 :]
    if not last:
        return encoded
    if len(last) < LINE:
        return encoded + SOFT_BREAK
    end = 3 if last[-3:-2] == b"=" else 1  # the break's own "=" has no room: an octet goes to the next line
    return encoded[:-end] + SOFT_BREAK + encoded[-end:] + SOFT_BREAK


def _wrapped(line: str) -> str:
    return textwrap.fill(line, 76, break_long_words=False, break_on_hyphens=False) if line else line


def decoded_size(piece: bytes) -> int:
    """Bytes of the piece once decoded: what mailbox providers count. Slots count as nothing."""
    return len(binascii.a2b_qp(_SLOT.sub(b"", piece)))
