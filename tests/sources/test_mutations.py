"""No file makes an invented paper: damaged listings, other pages, formats named wrongly."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from newsletter.core.errors import DumpRefusedError
from newsletter.core.papers.identity import title_key
from newsletter.core.papers.listing import Entry, Listing
from newsletter.pipeline.intake.ingest import why_held
from newsletter.sources.entries import clean_text
from newsletter.sources.registry import read_listing
from tests.sources.mutations import Case, cases
from tests.sources.shapes.records import Record, real_records, shipped_records

SHORT, LONG = 400, 10_000  # files
MOST_LOST = 0.01  # of the papers of files whose text is whole
LEAST = 5  # characters of a title that a cut leaves
MOST_MIXED = 0.005  # papers for each file: a lost pair of lines between two papers leaves no trace in a text
FOREIGN_SHARE = 0.5  # of an abstract's runs of words that are not of its paper


@dataclass(slots=True)
class Tally:
    """What became of the files."""

    outcomes: Counter[str] = field(default_factory=Counter)
    invented: list[str] = field(default_factory=list)
    mixed: list[str] = field(default_factory=list)  # papers with words of another one's abstract
    cut: int = 0  # papers with their identifier and the beginning of their title
    lost: int = 0
    whole: int = 0  # papers of files whose text is whole
    kept: int = 0  # papers of damaged files that were taken in


def read(case: Case) -> Listing | None:
    """The listing as it would be ingested; None when the file is refused or held."""
    try:
        listing = read_listing(case.data, name="x", format=case.format)
    except DumpRefusedError:
        return None
    return None if why_held(listing) else listing


def runs(text: str) -> set[str]:
    """Each five words in a row."""
    words = re.findall(r"\w+", text.lower())
    return {" ".join(words[n : n + 5]) for n in range(len(words) - 4)}


def judge(case: Case, tally: Tally) -> None:
    listing = read(case)
    tally.outcomes["taken" if listing else "not taken"] += 1
    known: dict[str, Record] = {title_key(clean_text(record.title)): record for record in case.records}
    found = set()
    for entry in listing.entries if listing else ():
        key = title_key(entry.title)
        record = known.get(key)
        if record is None and case.records and _is_cut(entry, case.records):
            tally.cut += 1
        elif record is None:
            tally.invented.append(f"{case.number}: {case.what}: {entry.title[:80]!r}")
        if record is None:
            continue
        found.add(key)
        words = runs(entry.abstract)
        if len(words - runs(clean_text(record.abstract))) > FOREIGN_SHARE * len(words):
            tally.mixed.append(f"{case.number}: {case.what}: {entry.title[:40]!r}: {entry.abstract[:60]!r}")
    if case.whole:
        tally.whole += len(known)
        tally.lost += len(known.keys() - found)
    else:
        tally.kept += len(found)


def _common(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    shorter = min(len(one), len(other))
    return next((n for n in range(shorter) if one[n] != other[n]), shorter)


def _is_cut(entry: Entry, records: Sequence[Record]) -> bool:
    """Whether the title is one with its end lost, or two that a cut joined: no trace of that is left."""
    titles = [clean_text(record.title) for record in records]
    starts = max(_common(title, entry.title) for title in titles)
    ends = max(_common(title[::-1], entry.title[::-1]) for title in titles)
    return starts == len(entry.title) or (starts >= LEAST and starts + ends >= len(entry.title))


def tally_of(records: Sequence[Record], number: int) -> Tally:
    tally = Tally()
    for case in cases(records, number):
        judge(case, tally)
    return tally


def check(tally: Tally) -> None:
    sys.stdout.write(
        f"{dict(tally.outcomes)}; {tally.kept} papers of damaged files taken; {tally.cut} titles cut; "
        f"{len(tally.mixed)} papers with the abstract of another; "
        f"{tally.lost} of {tally.whole} papers lost where the text is whole\n"
    )
    assert tally.invented == []
    assert tally.cut + len(tally.mixed) <= MOST_MIXED * tally.outcomes.total(), tally.mixed
    assert tally.lost <= MOST_LOST * tally.whole


def test_some_damaged_files_make_no_invented_paper() -> None:
    check(tally_of(shipped_records(), SHORT))


@pytest.mark.prove
def test_ten_thousand_damaged_files_make_no_invented_paper() -> None:
    """The bar: 0 invented papers in 10,000 files; of whole texts at most 1 % of the papers are lost."""
    check(tally_of(real_records() or shipped_records(), LONG))
