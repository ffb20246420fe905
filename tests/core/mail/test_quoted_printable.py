from __future__ import annotations

import html
import quopri
import re

from hypothesis import example, given
from hypothesis import strategies as st

from newsletter.core.mail.quoted_printable import decoded_size, encode_piece, encode_value, quoted_printable

_MARK = re.compile(r"@((?:my|digest)[.][a-z_]+)@")
_BITS = [*"aé=.\n \t<&F😀\u2028", "From ", "\r\n", "x" * 73, "=3D", "..", "\n."]
_TEXTS = st.lists(st.sampled_from(_BITS), max_size=30).map("".join)


def _check(encoded: bytes) -> None:
    """What every encoded stretch promises: short lines of CRLF, plain ASCII, nothing that a relay changes."""
    assert not {b"\r", b"\n"} & {bytes([octet]) for octet in encoded.replace(b"\r\n", b"")}
    lines = encoded.split(b"\r\n")
    assert max(map(len, lines)) <= 76
    assert not [line for line in lines if line.startswith((b".", b"From ")) or line.endswith((b" ", b"\t"))]
    assert encoded.isascii()


@given(_TEXTS)
@example("x" * 76)
@example("." + "x" * 75)
@example("x" * 75 + ".")
@example("é" * 13 + ".")
@example("From " + "x" * 71)
@example("....\nFrom From ")
@example("x" * 75 + " ")
@example("x" * 74 + " \n")
def test_quoted_printable_round_trips_in_short_plain_lines(text: str) -> None:
    encoded = quoted_printable(text)
    _check(encoded)
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    assert quopri.decodestring(encoded).decode().replace("\r\n", "\n") == plain


@given(st.lists(_TEXTS, max_size=4))
def test_pieces_join_in_any_order(texts: list[str]) -> None:
    pieces = [encode_piece(text, _MARK) for text in texts]
    joined = b"".join(reversed(pieces)) + b"\r\n"
    _check(joined)
    expected = "".join(reversed(texts)).replace("\r\n", "\n").replace("\r", "\n")
    assert quopri.decodestring(joined).decode().replace("\r\n", "\n") == expected + "\n"


def test_encode_piece_puts_slots_between_soft_breaks() -> None:
    assert encode_piece("Hello @my.greeting@, é\n@digest.date@\n", _MARK) == (
        b"Hello=20=\r\n\x00my.greeting\x00, =C3=A9\r\n\x00digest.date\x00\r\n"
    )


@given(_TEXTS)
@example("https://papers.example.org/u/abc")
@example(".")
@example("From here ")
@example("ends in a space ")
def test_encode_value_in_html_shows_the_text_itself(value: str) -> None:
    encoded = encode_value(value, markup=True)
    _check(encoded + b"\r\n")
    shown = quopri.decodestring(encoded).decode()
    assert "<" not in shown.replace("<br>", "")
    plain = re.sub("[\x00-\x08\x0b-\x1f\x7f-\x9f]", "", value)
    assert html.unescape(shown.replace("<br>", "").replace("\r\n", "\n")) == plain


def test_encode_value_defuses_markup_and_encoded_words() -> None:
    assert encode_value("<script>\x00=?utf-8?q?x?=", markup=True) == b"&lt;script&gt;=3D?utf-8?q?x?=3D=\r\n"
    assert encode_value("one\ntwo", markup=True) == b"one<br>\r\ntwo=\r\n"


def test_encode_value_in_text_wraps_prose_and_keeps_links() -> None:
    prose = "é " + "word " * 20
    assert max(map(len, quopri.decodestring(encode_value(prose, markup=False)).split(b"\r\n"))) <= 77
    link = "https://papers.example.org/" + "x" * 100
    assert quopri.decodestring(encode_value(link, markup=False)).decode() == link


def test_decoded_size_counts_bytes_without_encoding_and_slots() -> None:
    assert decoded_size(encode_piece("é = @my.greeting@" + "x" * 200, _MARK)) == 205
