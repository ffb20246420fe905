"""Writes listings and damages them: as editors, browsers, mail programs, networks and people do. Seeded."""

from __future__ import annotations

import base64
import random
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from newsletter.sources.registry import formats
from tests.sources.foreign_pages import FOREIGN, FURNITURE
from tests.sources.shapes import SHAPES
from tests.sources.shapes.records import Record

DAY = date(2026, 2, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A file, and what is in it."""

    number: int
    what: str  # the shape and what was done to it
    data: bytes
    format: str | None  # as `--format` says
    records: tuple[Record, ...]  # whose text, or a part of it, is in the file
    whole: bool  # the text of each paper is there, in its order


Lines = list[str]
Change = Callable[[random.Random, Lines], Lines]


def _some(rng: random.Random, lines: Lines) -> set[int]:
    """Places of lines: one, a few, or many."""
    share = rng.choice((0, 0, 0.01, 0.03, 0.1, 0.3, 0.6))
    count = max(1, int(share * len(lines)))
    return set(rng.sample(range(len(lines)), min(count, len(lines))))


def drop(rng: random.Random, lines: Lines) -> Lines:
    chosen = _some(rng, lines)
    return [line for n, line in enumerate(lines) if n not in chosen]


def drop_text(rng: random.Random, lines: Lines) -> Lines:
    """Drop lines that are not blank: of these the papers consist."""
    places = [n for n, line in enumerate(lines) if line.strip()]
    chosen = {places[n] for n in _some(rng, places)} if places else set()  # type: ignore[arg-type]
    return [line for n, line in enumerate(lines) if n not in chosen]


def drop_run(rng: random.Random, lines: Lines) -> Lines:
    start = rng.randrange(len(lines))
    return lines[:start] + lines[start + rng.randint(1, 12) :]


def drop_blanks(rng: random.Random, lines: Lines) -> Lines:
    share = rng.choice((0.1, 0.5, 1))
    return [line for line in lines if line.strip() or rng.random() >= share]


def double(rng: random.Random, lines: Lines) -> Lines:
    chosen = _some(rng, lines)
    return [copy for n, line in enumerate(lines) for copy in [line] * (1 + (n in chosen))]


def double_all(rng: random.Random, lines: Lines) -> Lines:
    return [copy for line in lines for copy in (line, line)]


def shuffle(rng: random.Random, lines: Lines) -> Lines:
    return rng.sample(lines, len(lines))


def shuffle_run(rng: random.Random, lines: Lines) -> Lines:
    start, length = rng.randrange(len(lines)), rng.randint(2, 30)
    run = lines[start : start + length]
    return lines[:start] + rng.sample(run, len(run)) + lines[start + length :]


def swap(rng: random.Random, lines: Lines) -> Lines:
    found = list(lines)
    for n in _some(rng, lines):
        other = min(n + rng.randint(1, 4), len(lines) - 1)
        found[n], found[other] = found[other], found[n]
    return found


def reverse(rng: random.Random, lines: Lines) -> Lines:
    return lines[::-1]


def wrap(rng: random.Random, lines: Lines) -> Lines:
    fill = textwrap.TextWrapper(rng.choice((40, 60, 72, 79, 100, 250)), break_long_words=False)
    return [part for line in lines for part in (fill.wrap(line) or [""])]


def cut_end(rng: random.Random, lines: Lines) -> Lines:
    text = "\n".join(lines)
    return text[: rng.randrange(len(text) + 1)].split("\n")


def cut_start(rng: random.Random, lines: Lines) -> Lines:
    text = "\n".join(lines)
    return text[rng.randrange(len(text) + 1) :].split("\n")


def cut_out(rng: random.Random, lines: Lines) -> Lines:
    text = "\n".join(lines)
    start = rng.randrange(len(text) + 1)
    return (text[:start] + text[start + rng.randint(1, 3000) :]).split("\n")


def furnish(rng: random.Random, lines: Lines) -> Lines:
    found = list(lines)
    for _ in range(rng.choice((1, 2, 5, 20))):
        found.insert(rng.randrange(len(found) + 1), rng.choice(FURNITURE))
    return found


def furnish_apart(rng: random.Random, lines: Lines) -> Lines:
    """Furniture as paragraphs of their own."""
    found = list(lines)
    for _ in range(rng.choice((1, 2, 5, 20))):
        place = rng.randrange(len(found) + 1)
        found[place:place] = ["", rng.choice(FURNITURE), ""]
    return found


def quote(rng: random.Random, lines: Lines) -> Lines:
    """As in the answer to a mail, or as a list."""
    mark = rng.choice(("> ", "| ", "- ", "* ", "# "))
    return [mark + line if line.strip() or rng.random() < 0.5 else line for line in lines]


def no_tags(rng: random.Random, lines: Lines) -> Lines:
    return re.sub(r"<[^<>]*>", rng.choice(("", " ", "\n")), "\n".join(lines)).split("\n")


def in_page(rng: random.Random, lines: Lines) -> Lines:
    foreign = rng.choice(list(FOREIGN.values())).split("\n")
    place = rng.choice((0, len(lines), rng.randrange(len(lines) + 1)))
    return [*lines[:place], "", *foreign, "", *lines[place:]]


def longer_ends(rng: random.Random, lines: Lines) -> Lines:
    return [line + rng.choice(("", " ", "\t")) if line.strip() else line for line in lines]


def blank_lines(rng: random.Random, lines: Lines) -> Lines:
    return [part for line in lines for part in (line, "")]


def nothing(rng: random.Random, lines: Lines) -> Lines:
    return lines


DAMAGE: tuple[Change, ...] = (
    drop, drop_text, drop_run, drop_blanks, double, double_all, shuffle, shuffle_run, swap, reverse, wrap,
    cut_end, cut_start, cut_out, furnish, furnish_apart, quote, no_tags, in_page,
)  # fmt: skip
HARMLESS: tuple[Change, ...] = (nothing, longer_ends, blank_lines)


def cases(records: Sequence[Record], number: int, *, start: int = 0) -> Iterator[Case]:
    """`number` files; each depends on its own number and the records alone."""
    for place in range(start, start + number):
        rng = random.Random(place)
        some = tuple(rng.sample(records, rng.randint(3, min(18, len(records)))))
        kind = rng.choices(("damaged", "whole", "other header", "foreign", "misnamed"), (58, 10, 12, 10, 10))[
            0
        ]
        yield _case(rng, place, kind, some)


def _case(rng: random.Random, number: int, kind: str, records: tuple[Record, ...]) -> Case:
    name = rng.choice(list(SHAPES))
    lines = SHAPES[name].write(records, DAY).decode().replace("\r\n", "\n").split("\n")
    named = rng.choice(list(formats())) if kind in ("misnamed", "foreign") and rng.random() < 0.9 else None
    if kind == "damaged" and rng.random() < 0.3:
        named = rng.choice((SHAPES[name].format, rng.choice(list(formats()))))
    done: list[str] = [name]
    if kind == "foreign":
        done = [rng.choice(list(FOREIGN))]
        lines, records = FOREIGN[done[0]].split("\n"), ()
        changes: list[Change] = rng.choices(DAMAGE, k=rng.choice((0, 0, 1)))
    elif kind == "damaged":
        changes = rng.choices(DAMAGE, k=rng.choice((1, 1, 1, 2, 3)))
    elif kind == "other header":
        changes = rng.choices((nothing, drop_text, furnish, cut_end), k=1)
        other = rng.choice(list(SHAPES))
        head = SHAPES[other].write(records[:1], DAY).decode().split("\n")
        lines = head[: rng.randint(1, max(2, len(head) // 2))] + lines[rng.choice((0, 3, 8, 15)) :]
        done.append(f"under the header of {other}")
    else:
        changes = [rng.choice(HARMLESS)] if kind == "whole" else []
    for change in changes:
        lines = change(rng, lines or [""])
        done.append(change.__name__)
    data = "\n".join(lines).encode()
    if kind == "misnamed" and rng.random() < 0.05:
        data = base64.encodebytes(data)
        done.append("base64")
    return Case(
        number=number,
        what=", ".join(done) + (f", as {named}" if named else ""),
        data=data,
        format=named,
        records=records,
        whole=kind == "whole" and blank_lines not in changes,
    )
