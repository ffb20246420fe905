"""Names a range or a shard of readers: a share of the work that can be done in one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReaderRange:
    """The readers whose ids are from `first` to `last`, both included. last None: no upper end."""

    first: int = 1
    last: int | None = None


EVERY_READER = ReaderRange()


def ranges_up_to(newest: int, *, at_once: int) -> list[ReaderRange]:
    """Ranges of `at_once` ids that cover everybody; newest: the highest id. The last one has no upper end."""
    firsts = range(1, max(newest, 1) + 1, at_once)
    return [ReaderRange(first, first + at_once - 1) for first in firsts[:-1]] + [ReaderRange(firsts[-1])]


@dataclass(frozen=True, slots=True)
class Shard:
    """Every `of`-th reader. number: from 1 to `of`."""

    number: int
    of: int

    @property
    def rest(self) -> int:
        """What is left of the id of each of these readers when it is divided by `of`."""
        return self.number - 1

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


def shard_of(text: str) -> Shard:
    """The shard that is written "k/n". Raises ValueError."""
    number, slash, of = text.partition("/")
    if not (
        slash
        and (number + of).isascii()
        and number.isdecimal()
        and of.isdecimal()
        and 1 <= int(number) <= int(of) <= MAX_SHARDS
    ):
        raise ValueError(f"{text!r} is not a shard: write k/n, with k from 1 to n, n at most {MAX_SHARDS}")
    return Shard(int(number), int(of))


MAX_SHARDS = 1000
