from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.delivery.addresses import UnsendableAddressError, domain_of, to_wire, without_addresses, xtext


@pytest.mark.parametrize(
    ("address", "wire", "utf8"),
    [
        ("a@b.example", b"a@b.example", False),
        ("o'brien+x@b.example", b"o'brien+x@b.example", False),
        ("a@bücher.example", b"a@xn--bcher-kva.example", False),
        ("a@faß.example", b"a@xn--fa-hia.example", False),
        ("é@b.example", "é@b.example".encode(), True),
        ("é@例え.jp", "é@xn--r8jz45g.jp".encode(), True),
    ],
)
def test_address_on_the_wire(address: str, wire: bytes, utf8: bool) -> None:
    assert to_wire(address) == (wire, utf8)


@given(st.text(max_size=300))
def test_address_on_the_wire_can_never_end_a_command(text: str) -> None:
    try:
        wire, _ = to_wire(text)
    except UnsendableAddressError:
        return
    assert not set(wire) & set(b"\r\n\0<> ")
    assert len(wire) <= 254


@given(st.binary(max_size=60))
def test_xtext_is_printable_and_reversible(value: bytes) -> None:
    import re

    encoded = xtext(value)
    assert re.fullmatch(rb"[!-~]*", encoded)
    assert b"=" not in encoded
    assert re.sub(rb"\+([0-9A-F]{2})", lambda m: bytes([int(m[1], 16)]), encoded) == value


def test_domain_of_an_address() -> None:
    assert domain_of('"a@b"@Mail.Example') == "mail.example"


@pytest.mark.parametrize(
    ("reply", "kept"),
    [
        ("5.1.1 <Ada.L@Example.org>: unknown", "5.1.1 <…>: unknown"),
        ("5.1.1 ada.l=40example.org unknown", "5.1.1 … unknown"),
        ("see https://mx.example/?to=ada.l%40example.org", "see …"),
        ("ada.l&#64;example.org no", "… no"),
        ("5.2.2 mailbox ada.l is full", "5.2.2 mailbox … is full"),
        ("5.2.2 ADA.L's mailbox is full", "5.2.2 …'s mailbox is full"),
        ("bounce to news+ada.l=example.org refused", "bounce to news+… refused"),
        ("5.7.1 quota of 40 mails and 64 MB", "5.7.1 quota of 40 mails and 64 MB"),
        ("canada.liquid", "canada.liquid"),
        ("", ""),
    ],
)
def test_a_reply_is_kept_without_the_address(reply: str, kept: str) -> None:
    assert without_addresses(reply, "ada.l@example.org") == kept


def test_a_short_local_part_is_no_word_to_cut() -> None:
    assert without_addresses("a message is too big", "a@example.org") == "a message is too big"
