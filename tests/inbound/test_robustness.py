"""No message crashes the parser or costs it time beyond its size."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.core.mail.inbound import InboundReport
from newsletter.inbound.limits import LONGEST_DIAGNOSTIC, MOST_RECIPIENTS
from newsletter.inbound.parse import parse
from tests.growth import FACTOR, assert_linear
from tests.inbound.hostile_messages import HOSTILE
from tests.inbound.made_messages import digest, dsn, feedback, plain
from tests.inbound.test_words import FORMS
from tests.marks import examples
from tests.shared_data import SHARED, needs_shared

SMALL = 100_000  # bytes
SHORT = 5_000  # bytes; eight times as much is still looked at as a whole
MADE = [
    dsn("Final-Recipient: rfc822; ada@readers.example\nAction: failed\nStatus: 5.1.1\n"),
    feedback("abuse"),
    *(plain(f"{text}\n{digest()}") for text, _ in FORMS.values()),
]


def check(report: InboundReport) -> None:
    """What holds of every report."""
    assert bool(report.recipients) == (report.kind == "bounce")
    assert len(report.recipients) <= MOST_RECIPIENTS
    assert bool(report.why) == (report.kind == "other")
    texts = [report.subject, report.sender, report.message_id, report.why, report.feedback, report.action]
    texts += [*report.concerned, *report.names.envelope_ids, *report.names.return_paths]
    texts += [*report.names.message_ids, *(value for field in report.names.headers for value in field)]
    for one in report.recipients:
        texts += [one.address, one.original, one.status]
        assert "@" in one.address.strip("@")
        assert len(one.diagnostic) <= LONGEST_DIAGNOSTIC
        assert one.diagnostic.isprintable()
    for text in texts:
        assert "\0" not in text
        assert len(text.splitlines()) <= 1
        assert text.encode() == text.encode("utf-8", "replace")


def variants(data: bytes, points: int, rng: random.Random) -> Iterator[bytes]:
    """The message with other line ends, and cut at random points."""
    unix = data.replace(b"\r\n", b"\n")
    yield unix.replace(b"\n", b"\r\n")
    yield unix.replace(b"\n", b"\r")
    yield unix.replace(b"\n", b"\r\r\n")
    for _ in range(points):
        yield data[: rng.randrange(len(data))]


@pytest.mark.parametrize("size", [SHORT, pytest.param(SMALL, marks=pytest.mark.full)])
@pytest.mark.parametrize("name", HOSTILE)
def test_cost_grows_with_size_at_most(name: str, size: int) -> None:
    make = HOSTILE[name]
    assert_linear(parse, make(size), make(FACTOR * size))
    check(parse(make(size)))


@pytest.mark.parametrize("name", ["nested parts", "mail: nested parts", "parts", "fields", "mail: headers"])
def test_hostile_structure_is_refused(name: str) -> None:
    report = parse(HOSTILE[name](10_000_000))
    assert report.kind == "other"
    assert report.why.startswith("it cannot be read: ")


@pytest.mark.parametrize(
    "charset",
    [
        "unicode_escape",
        "raw-unicode-escape",
        "utf-7",
        "utf-16",
        "idna",
        "punycode",
        "undefined",
        "rot13",
        "hex",
        "\0",
    ],
)
def test_charset_that_is_none(charset: str) -> None:
    text = "<ada@readers.example>: \\ud800\\x00 +2AA- 550 5.1.1 user unknown\n"
    data = plain(text).replace(b"charset=utf-8", b"charset=" + charset.encode())
    report = parse(data)
    check(report)
    assert report.kind == ("other" if charset == "utf-16" else "bounce")


@pytest.mark.parametrize(
    "address", [r"\x{0}a@b.example", r"\x{d800}a@b.example", r"\x{110000}a@b.example", "a\x00b@c.example"]
)
def test_address_with_characters_that_are_none(address: str) -> None:
    check(
        parse(
            dsn(
                f"Final-Recipient: utf-8; {address}\nOriginal-Recipient: rfc822; +00{address}\n"
                "Action: failed\n"
            )
        )
    )


def test_variants_of_made_messages() -> None:
    rng = random.Random(5)
    for data in MADE:
        expected = parse(data)
        for number, variant in enumerate(variants(data, 12, rng)):
            report = parse(variant)
            check(report)
            if number < 3:  # only the line ends differ
                assert report == expected


def test_variants_of_real_messages() -> None:
    _try_real(points=2, share=8)


@pytest.mark.prove
def test_all_variants_of_real_messages() -> None:
    """The bar: no crash over all samples, cut at 50 random points, with CRLF and with CR."""
    _try_real(points=50, share=1)


@needs_shared
def test_bytes_around_real_messages() -> None:
    rng = random.Random(6)
    for path in sorted((SHARED / "bounces" / "mail").glob("*.eml"))[::8]:
        data = bytearray(path.read_bytes())
        for _ in range(len(data) // 50 + 1):
            data[rng.randrange(len(data))] = rng.randrange(256)
        check(parse(bytes(data)))


@settings(max_examples=examples(300), deadline=None)
@given(
    data=st.binary(max_size=400), where=st.integers(min_value=0, max_value=2_000), which=st.sampled_from(MADE)
)
def test_any_bytes_within_a_message(data: bytes, where: int, which: bytes) -> None:
    check(parse(data))
    check(parse(which[:where] + data + which[where:]))


def _try_real(*, points: int, share: int) -> None:
    if not SHARED.is_dir():
        pytest.skip("the real samples (../shared) are not beside this checkout")
    rng = random.Random(7)
    for path in sorted((SHARED / "bounces" / "mail").glob("*.eml"))[::share]:
        for variant in variants(path.read_bytes(), points, rng):
            check(parse(variant))
