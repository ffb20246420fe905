"""Shards as they are written on the command line."""

from __future__ import annotations

import pytest

from newsletter.core.reader_range import ReaderRange, Shard, ranges_up_to, shard_of


@pytest.mark.parametrize(
    ("text", "shard"), [("1/1", Shard(1, 1)), ("2/3", Shard(2, 3)), ("12/12", Shard(12, 12))]
)
def test_shard_is_read_and_written(text: str, shard: Shard) -> None:
    assert shard_of(text) == shard
    assert str(shard) == text
    assert [rest for rest in range(shard.of) if rest == shard.rest] == [shard.number - 1]


@pytest.mark.parametrize(
    "text", ["", "1", "0/2", "3/2", "1/0", "-1/2", "1/2/3", "a/b", "1.0/2", "\u0661/2", "1/1001"]
)
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a shard"):
        shard_of(text)


@pytest.mark.parametrize(
    ("newest", "expected"),
    [
        (0, [ReaderRange(1)]),
        (1, [ReaderRange(1)]),
        (10, [ReaderRange(1)]),
        (11, [ReaderRange(1, 10), ReaderRange(11)]),
        (30, [ReaderRange(1, 10), ReaderRange(11, 20), ReaderRange(21)]),
    ],
)
def test_ranges_cover_everybody_and_newcomers(newest: int, expected: list[ReaderRange]) -> None:
    assert ranges_up_to(newest, at_once=10) == expected
