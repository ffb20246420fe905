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
    for one in report.recipients:
        assert "@" in one.address.strip("@")
        assert len(one.diagnostic) <= LONGEST_DIAGNOSTIC
        assert one.diagnostic.isprintable()


def variants(data: bytes, points: int, rng: random.Random) -> Iterator[bytes]:
    """The message with other line ends, and cut at random points."""
    unix = data.replace(b"\r\n", b"\n")
    yield unix.replace(b"\n", b"\r\n")
    yield unix.replace(b"\n", b"\r")
    yield unix.replace(b"\n", b"\r\r\n")
    for _ in range(points):
        yield data[: rng.randrange(len(data))]


@pytest.mark.parametrize("name", HOSTILE)
def test_cost_grows_with_size_at_most(name: str) -> None:
    make = HOSTILE[name]
    assert_linear(parse, make(SMALL), make(FACTOR * SMALL))
    check(parse(make(SMALL)))


@pytest.mark.parametrize("name", ["nested parts", "mail: nested parts", "parts", "fields", "mail: headers"])
def test_hostile_structure_is_refused(name: str) -> None:
    report = parse(HOSTILE[name](10_000_000))
    assert report.kind == "other"
    assert report.why.startswith("it cannot be read: ")


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
