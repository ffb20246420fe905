"""Damages pages that people have beside listings, about real papers and about other things. Seeded.

A page about papers names their titles, so a paper that is taken from it is no invention; everything else is.
"""

from __future__ import annotations

import random
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import replace

from newsletter.sources.registry import formats
from tests.sources.foreign_pages import FOREIGN
from tests.sources.mutations import DAMAGE, DAY, Case, Lines
from tests.sources.other_pages import PAGES
from tests.sources.shapes import SHAPES
from tests.sources.shapes.records import Record


def interleave(rng: random.Random, lines: Lines, other: Lines) -> Lines:
    """Two files line by line, as two programs write to one."""
    step = rng.choice((1, 1, 2, 5))
    found: Lines = []
    for start in range(0, max(len(lines), len(other)), step):
        found += lines[start : start + step] + other[start : start + step]
    return found


def columns(rng: random.Random, lines: Lines, other: Lines) -> Lines:
    """Two columns of a page that were copied as one."""
    width = rng.choice((60, 80))
    left = [part for line in lines for part in (textwrap.wrap(line, width) or [""])]
    right = [part for line in other for part in (textwrap.wrap(line, width) or [""])]
    count = max(len(left), len(right))
    left, right = left + [""] * (count - len(left)), right + [""] * (count - len(right))
    return [f"{a:<{width}}  {b}".rstrip() for a, b in zip(left, right, strict=True)]


def terminal(rng: random.Random, lines: Lines, other: Lines) -> Lines:
    """Cut at the window's edge, in the middle of words."""
    width = rng.choice((80, 100, 132))
    return [line[start : start + width] for line in lines for start in range(0, max(len(line), 1), width)]


def clipped(rng: random.Random, lines: Lines, other: Lines) -> Lines:
    """Each line ends at the window's edge."""
    width = rng.choice((40, 80, 132))
    return [line[:width] for line in lines]


def _misread(rng: random.Random, text: str, share: float) -> str:
    alike = {"l": "1", "O": "0", "m": "rn", "e": "c", "S": "5", " ": ""}
    return "".join(alike.get(sign, sign) if rng.random() < share else sign for sign in text)


def scanned(rng: random.Random, records: Sequence[Record]) -> tuple[Record, ...]:
    """Papers as a scanner reads them: letters that look alike, lost blanks. The file itself says so."""
    share = rng.choice((0.01, 0.05))
    return tuple(
        replace(r, title=_misread(rng, r.title, share), abstract=_misread(rng, r.abstract, share))
        for r in records
    )


def answered(rng: random.Random, lines: Lines, other: Lines) -> Lines:
    """A mail that was answered twice, with words above."""
    head = ["Thanks, see below.", "", "On Mon, 2 Feb 2026, Ada wrote:"]
    wrapped = [part for line in lines for part in (textwrap.wrap(line, 72) or [""])]
    return head + [f"{rng.choice(('>', '> >', '>'))} {line}" for line in wrapped]


def printed(rng: random.Random, lines: Lines, other: Lines) -> Lines:
    """As a browser prints: a head and a foot on each page."""
    found: Lines = []
    for n, start in enumerate(range(0, len(lines), 45), 1):
        found += [
            "2/2/26, 9:41 AM",
            "Daily Papers - Hugging Face",
            *lines[start : start + 45],
            f"https://huggingface.co/papers {n}/9",
        ]
    return found


def numbered(rng: random.Random, lines: Lines, other: Lines) -> Lines:
    """As `cat -n` and code viewers show it."""
    return [f"{n:6}\t{line}" for n, line in enumerate(lines, 1)]


def compared(rng: random.Random, lines: Lines, other: Lines) -> Lines:
    """As a comparison of two versions shows it."""
    return ["--- a/page.txt", "+++ b/page.txt", "@@ -1,9 +1,9 @@"] + [
        rng.choice((" ", " ", "+", "-")) + line for line in lines
    ]


def fenced(rng: random.Random, lines: Lines, other: Lines) -> Lines:
    """Inside a note in Markdown."""
    return ["# Notes of Monday", "", "Copied:", "", "```", *lines, "```", "", "To do: read these."]


CHANGES = (interleave, columns, terminal, clipped, answered, printed, numbered, compared, fenced)  # fmt: skip


def other_cases(records: Sequence[Record], number: int, *, start: int = 0) -> Iterator[Case]:
    """`number` files; each depends on its own number and the records alone."""
    for place in range(start, start + number):
        rng = random.Random(f"other {place}")
        some = tuple(rng.sample(records, rng.randint(3, min(12, len(records)))))
        named = rng.choice((None, None, rng.choice(list(formats()))))
        if rng.random() < 0.5:
            page = rng.choice(PAGES)
            lines, done = page(rng, some).split("\n"), [page.__name__]
            if rng.random() < 0.3:
                change = rng.choice(DAMAGE)
                lines, done = change(rng, lines), [*done, change.__name__]
        else:
            some = scanned(rng, some) if rng.random() < 0.1 else some
            shape = rng.choice(list(SHAPES))
            half = len(some) // 2
            lines = _lines(SHAPES[shape].write(some[: half + 1], DAY))
            beside = rng.choice(
                (
                    _lines(SHAPES[rng.choice(list(SHAPES))].write(some[half:], DAY)),
                    rng.choice(list(FOREIGN.values())).split("\n"),
                    rng.choice(PAGES)(rng, some).split("\n"),
                )
            )
            step = rng.choice(CHANGES)
            lines, done = step(rng, lines, beside), [shape, step.__name__]
        what = ", ".join(done) + (f", as {named}" if named else "")
        yield Case(
            number=place, what=what, data="\n".join(lines).encode(), format=named, records=some, whole=False
        )


def _lines(data: bytes) -> Lines:
    return data.decode().replace("\r\n", "\n").split("\n")
