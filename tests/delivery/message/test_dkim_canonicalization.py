"""Canonical forms: the same as an independent implementation's."""

from __future__ import annotations

import pytest
from dkim.canonicalization import Relaxed
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.delivery.message.dkim import relaxed_body, relaxed_fields
from tests.marks import examples

LINES = st.lists(
    st.binary(max_size=6).map(lambda octets: octets.replace(b"\r", b"").replace(b"\n", b""))
    | st.sampled_from([b" ", b"\t", b"  ", b"x", b"", b" x", b"x ", b"=", b"   \t  "]),
    max_size=20,
)


@settings(max_examples=examples(500))
@given(lines=LINES)
def test_body_is_as_dkimpy_has_it(lines: list[bytes]) -> None:
    body = b"".join(line + b"\r\n" for line in lines)
    assert relaxed_body(body) == Relaxed.canonicalize_body(body)


@given(body=st.lists(st.sampled_from([b" ", b"\t", b"\r\n", b"x", b"\r", b"\n"])).map(b"".join))
def test_body_in_canonical_form_stays(body: bytes) -> None:
    assert relaxed_body(relaxed_body(body)) == relaxed_body(body)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", b""),
        (b"\r\n\r\n", b""),
        (b" \t\r\n\r\n", b""),
        (b" C \r\nD \t E\r\n\r\n\r\n", b" C\r\nD E\r\n"),  # the example of RFC 6376 section 3.4.5
        (b"x", b"x\r\n"),
        (b"x  ", b"x\r\n"),
        (b"\r\nx\r\n", b"\r\nx\r\n"),
        (b" " * 100_000 + b"x" + b"\t" * 100_000 + b"\r\n" * 100_000, b" x\r\n"),
    ],
)
def test_body_in_relaxed_form(body: bytes, expected: bytes) -> None:
    assert relaxed_body(body) == expected


NAMES = st.sampled_from([b"Subject", b"SUBJECT", b"List-Id", b"X", b"From \t", b"To "])
VALUES = st.lists(st.sampled_from([b" ", b"\t", b"x", b":", b"\r\n ", b"\r\n\t", b"\xc3\xa9", b"  "]))


@settings(max_examples=examples(500))
@given(fields=st.lists(st.tuples(NAMES, VALUES.map(b"".join)), max_size=5))
def test_fields_are_as_dkimpy_has_them(fields: list[tuple[bytes, bytes]]) -> None:
    head = b"\r\n".join(name + b":" + value for name, value in fields)
    expected = Relaxed.canonicalize_headers([(name, value + b"\r\n") for name, value in fields])
    assert [(name, value + b"\r\n") for name, value in relaxed_fields(head)] == expected


def test_lines_that_are_no_field_are_left_out() -> None:
    assert list(relaxed_fields(b"From the start\r\nA: X\r\nB : Y\t\r\n\tZ  \r\n")) == [
        (b"a", b"X"),
        (b"b", b"Y Z"),
    ]
