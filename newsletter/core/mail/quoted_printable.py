"""Encodes pieces of mail as quoted-printable with slots, so that a join needs no more encoding.

Every piece starts and ends at the start of a line (a soft break ends it), so that pieces join in any order.
A slot has a line of its own between soft breaks. RFC 2045 section 6.7.
It renders nothing and knows no message; `newsletter.render` makes pieces, `newsletter.delivery` joins them.
"""

from __future__ import annotations

import binascii
import html
import re
from functools import lru_cache

from newsletter.core.mail.text_wrap import wrapped
from newsletter.core.mail.values import SLOT

SOFT_BREAK = b"=\r\n"
LINE = 76  # octets of an encoded line, RFC 2045 section 6.7 (5)
SLOTS = re.compile(rb"\x00([^\x00]+)\x00")  # splits a piece: stretches and, at odd places, names

_PLAIN = re.compile(r"(?!From )[ !#-%(-;?-~]*[!#-%(-;?-~]")  # needs neither escaping nor encoding
_ROOM = LINE - 1  # octets of a line without the soft break's "="
_TRAPS = re.compile(rb"^(?:\.|From )", re.MULTILINE)
_OVERLONG = re.compile(rb"^([^\r\n]{74,})(=20|=09)(?=\r\n|\Z)", re.MULTILINE)
# Controls that XML cannot hold, surrogates, and overrides of the writing direction: no mail shows them.
UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def quoted_printable(text: str) -> bytes:
    """`text` as quoted-printable lines of at most 76 octets, CRLF.

    No line starts with a dot, which SMTP would double (RFC 5321 section 4.5.2), or with "From ", which
    mailboxes change (RFC 4155): the bytes arrive as they are.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    encoded = binascii.b2a_qp(lines.encode("utf-8", "replace"), istext=True)
    if "\n" not in lines:  # binascii breaks lines as the first line end of its input shows it
        encoded = encoded.replace(b"=\n", SOFT_BREAK)
    # binascii forgets the limit where it encodes a space at the end of a line (3.11 to 3.13).
    encoded = _OVERLONG.sub(rb"\1=\r\n\2", encoded)
    while _TRAPS.search(encoded):
        # With a soft break behind it, or the line would grow beyond 76 octets; the rest then leads a line.
        encoded = _TRAPS.sub(lambda found: b"=%02X=\r\n%b" % (found[0][0], found[0][1:]), encoded)
    return encoded


def encode_piece(text: str, pattern: re.Pattern[str]) -> bytes:
    """A piece of rendered text as bytes; a name found by `pattern` (group 1) becomes a slot, NUL name NUL."""
    encoded = bytearray()
    for number, part in enumerate(pattern.split(text)):
        if number % 2:
            encoded += SLOT + part.encode("ascii") + SLOT
        elif part:
            encoded += _to_line_start(quoted_printable(part))
    return bytes(encoded)


def encode_value(value: str, *, markup: bool) -> bytes:
    """A slot's value as bytes: escaped for HTML when `markup`, encoded, up to the start of a line.

    In HTML a line end becomes `<br>`; plain text is wrapped at 76 columns, and a link stays whole.
    """
    return _plain_value(value) or _encoded_value(value, markup)


def encode_both(value: str) -> tuple[bytes, bytes]:
    """`encode_value` without and with markup: most values are the same in both."""
    ready = _plain_value(value)
    if ready is not None:
        return ready, ready
    return _encoded_value(value, False), _encoded_value(value, True)


def _plain_value(value: str) -> bytes | None:
    """The bytes of a value that needs neither escaping nor encoding; None if it does, or must be wrapped."""
    if _PLAIN.fullmatch(value):
        if len(value) <= _ROOM:
            if value[0] != ".":
                return value.encode() + SOFT_BREAK
        elif " " not in value:  # a long link
            ready = _link_lines(value)
            if b"\n." not in ready and value[0] != ".":
                return ready
    return None


@lru_cache(maxsize=256)  # every message of a digest has the same link to the web
def _link_lines(link: str) -> bytes:
    raw = link.encode()
    if len(raw) <= 2 * _ROOM:
        return b"%b=\r\n%b=\r\n" % (raw[:_ROOM], raw[_ROOM:])
    return b"=\r\n".join([*(raw[start : start + _ROOM] for start in range(0, len(raw), _ROOM)), b""])


@lru_cache(maxsize=2048)  # greetings and reasons: many readers have the same
def _encoded_value(value: str, markup: bool) -> bytes:
    text = UNPRINTABLE.sub("", value)
    if markup:
        text = html.escape(text).replace("\n", "<br>\n")
    else:
        text = "\n".join(wrapped(line) for line in text.split("\n"))
    return _to_line_start(quoted_printable(text))


def decoded(piece: bytes) -> bytes:
    """The piece decoded, as a mail program sees it. Slots count as nothing."""
    return binascii.a2b_qp(SLOTS.sub(b"", piece))


def decoded_size(piece: bytes) -> int:
    """Bytes of the decoded piece, which mailbox providers count. Slots count as nothing."""
    return len(decoded(piece))


def _to_line_start(encoded: bytes) -> bytes:
    """`encoded` with a soft break behind it, unless it ends a line."""
    last = encoded[encoded.rfind(b"\n") + 1 :]
    if not last:
        return encoded
    if len(last) < LINE:
        return encoded + SOFT_BREAK
    end = 3 if last[-3:-2] == b"=" else 1  # the break's own "=" has no room: an octet goes to the next line
    return encoded[:-end] + SOFT_BREAK + _unless_dot(encoded[-end:]) + SOFT_BREAK


def _unless_dot(octets: bytes) -> bytes:
    return b"=2E" if octets == b"." else octets
