"""Packed history: what goes in comes out, it is short, and changed bytes are noticed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.debts import packed_content, packed_reader
from newsletter.core.debts.packed_bytes import NO_CHECKSUM, DamagedHistoryError, row_checksum, total
from newsletter.core.debts.packed_content import PastContent, PastPaper
from newsletter.core.debts.packed_reader import PastDebt, PastMail, ReaderMonth
from newsletter.core.states import DebtEnd

START = datetime(2026, 3, 1, 7, tzinfo=UTC)
INSTANTS = st.integers(-(10**16), 6 * 10**15).map(lambda us: START + timedelta(microseconds=us))
IDS = st.integers(0, 2**40)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
MAILS = st.builds(
    PastMail,
    id=IDS,
    kind=st.sampled_from(["digest", "quiet"]),
    digest_id=IDS,
    key=st.one_of(
        st.dates(date(1900, 1, 1), date(2200, 1, 1)).map(date.isoformat),
        INSTANTS.map(lambda at: f"now {at.isoformat()}"),
        TEXTS,
    ),
    state=st.sampled_from(["sent", "failed", "uncertain", "skipped"]),
    composed_at=INSTANTS,
    reason=st.none() | TEXTS,
    finished_at=st.none() | INSTANTS,
    bounced_at=st.none() | INSTANTS,
)
DEBTS = st.builds(
    PastDebt,
    paper_id=IDS,
    kind=st.sampled_from(["returned", "welcome", "recap", "resent"]),
    ended=st.sampled_from(DebtEnd),
    made_at=INSTANTS,
)
MONTHS = st.builds(ReaderMonth, mails=st.lists(MAILS).map(tuple), debts=st.lists(DEBTS).map(tuple))
EDITIONS = st.none() | st.integers(1, 2**30)
CONTENTS = st.builds(
    PastContent,
    kind=st.sampled_from(["digest", "quiet"]),
    subject=TEXTS,
    composed_at=INSTANTS,
    edition=EDITIONS,
    has_left_out=st.booleans(),
    papers=st.lists(
        st.builds(
            PastPaper,
            paper_id=IDS,
            topic=TEXTS,
            form=st.sampled_from(["full", "short", "row", "title", "left"]),
            role=st.sampled_from(["news", "welcome", "recap"]),
            edition=EDITIONS,
        )
    ).map(tuple),
    maybe=st.lists(st.tuples(IDS, TEXTS)).map(tuple),
    new_versions=st.lists(st.tuples(IDS, st.dates())).map(tuple),
)


def _year_of(reader: int, *, failed_on: int | None = None) -> ReaderMonth:
    """A month of a reader among 20,000, each mail sent some minutes after it was composed."""
    days = [START + timedelta(days=number) for number in range(31)]
    return ReaderMonth(
        mails=tuple(
            PastMail(
                id=20_000 * number + reader,
                kind="digest",
                digest_id=500 * number + 7,
                key=day.date().isoformat(),
                state="failed" if number == failed_on else "sent",
                composed_at=day,
                finished_at=day + timedelta(microseconds=reader * 123_457),
            )
            for number, day in enumerate(days)
        )
    )


@given(MONTHS)
def test_month_comes_back_as_it_was(month: ReaderMonth) -> None:
    assert packed_reader.unpack(packed_reader.pack(month)) == month


@given(CONTENTS)
def test_content_comes_back_as_it_was(content: PastContent) -> None:
    assert packed_content.unpack(packed_content.pack(content)) == content


def test_equal_mail_has_an_equal_part_whatever_its_ids_and_times() -> None:
    one, other = (packed_reader.pack(_year_of(reader)) for reader in (1, 19_999))
    assert one != other
    assert packed_reader.shared_part(one) == packed_reader.shared_part(other)
    failed = packed_reader.pack(_year_of(1, failed_on=5))
    assert packed_reader.shared_part(failed) != packed_reader.shared_part(one)


def test_shared_part_tells_all_that_decides_what_was_given() -> None:
    month = _year_of(7, failed_on=3)
    seen = packed_reader.unpack_shared(packed_reader.shared_part(packed_reader.pack(month)))
    assert [(m.digest_id, m.state, m.key, m.composed_at) for m in seen.mails] == [
        (m.digest_id, m.state, m.key, m.composed_at) for m in month.mails
    ]
    assert seen.mails[3].finished_at == month.mails[3].finished_at
    assert len({mail.id for mail in seen.mails}) == 31


def test_mail_takes_few_bytes() -> None:
    assert len(packed_reader.pack(_year_of(12_345))) / 31 <= 20


@pytest.mark.parametrize("at", [0, 1, 2, 10, -5, -1])
def test_changed_byte_is_noticed(at: int) -> None:
    body = bytearray(packed_reader.pack(_year_of(3)))
    body[at] ^= 0x41
    assert not packed_reader.is_sound(bytes(body))
    with pytest.raises(DamagedHistoryError):
        packed_reader.unpack(bytes(body))


@given(st.binary(max_size=60))
def test_other_bytes_are_damage_and_no_crash(body: bytes) -> None:
    for unpack in (packed_reader.unpack, packed_reader.unpack_shared, packed_content.unpack):
        try:
            unpack(body)
        except DamagedHistoryError:
            continue


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_checksum_does_not_depend_on_the_order(order: tuple[int, ...]) -> None:
    rows = [row_checksum("readers", 202603, key, b"body") for key in range(3)]
    summed = total(NO_CHECKSUM, add=(rows[n] for n in order))
    assert summed == total(NO_CHECKSUM, add=rows)
    assert total(summed, take=rows) == NO_CHECKSUM
    assert total(summed, take=rows[:1]) == total(NO_CHECKSUM, add=rows[1:])


def test_checksum_covers_the_key_and_the_month_of_a_row() -> None:
    hashes = {
        row_checksum(kind, month, key, body)
        for kind in ("readers", "contents")
        for month in (202603, 202604)
        for key in (1, 2)
        for body in (b"a", b"b")
    }
    assert len(hashes) == 16
