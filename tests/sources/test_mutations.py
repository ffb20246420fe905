"""No file makes an invented paper: damaged listings, other pages, formats named wrongly."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from newsletter.core.errors import DumpRefusedError
from newsletter.core.papers.identity import rendering_key, title_key
from newsletter.core.papers.listing import Entry, Listing
from newsletter.pipeline.intake.ingest import why_held
from newsletter.sources.entries import clean_text
from newsletter.sources.registry import read_listing
from tests.sources.mutations import Case, cases
from tests.sources.other_files import other_cases
from tests.sources.shapes.records import Record, real_records, shipped_records

Writer = Callable[[Sequence[Record], int], Iterator[Case]]
SHORT, LONG = 400, 10_000  # files
MOST_LOST = 0.01  # of the papers of files whose text is whole
MOST_MIXED = 0.001  # papers for each file, and one
MOST_CUT = 0.01  # their ends are in no file
MOST_SPLICED = 0.004  # such cuts leave no trace
FOREIGN_SHARE = 0.5  # of an abstract's runs of words that are not of its paper


@dataclass(slots=True)
class Tally:
    """What became of the files."""

    outcomes: Counter[str] = field(default_factory=Counter)
    invented: list[str] = field(default_factory=list)
    mixed: list[str] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)
    spliced: list[str] = field(default_factory=list)
    spliced_titles: list[str] = field(default_factory=list)
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
    """Count each paper that is taken in, and each that a whole file loses.

    Invented: its title is that of no paper of the file. A part of a title, two titles joined, or a title with
    one more word is invented too. Cut: the one exception. The title is the beginning or the end of a paper's
    title, and the rest of it stands nowhere in the file. Mixed: the title is a paper's, but the identifier is
    not, or most of the abstract is not. Spliced: a cut began within one text of a paper and ended within the
    same text of another one, and left a record that is whole. Nothing in the file tells, so it is counted
    apart, for titles and for abstracts. Lost: a paper of a file whose text is whole, and which gave no such
    paper.
    """
    listing = read(case)
    tally.outcomes["taken" if listing else "not taken"] += 1
    known: dict[str, Record] = {title_key(clean_text(record.title)): record for record in case.records}
    found = set()
    for entry in listing.entries if listing else ():
        key = title_key(entry.title)
        record = known.get(key)
        shown = f"{case.number}: {case.what}: {entry.title[:80]!r}"
        if record is None:
            if any(_is_cut(key, other, case.data) for other in known):
                tally.cut.append(shown)
            elif _is_spliced_title(entry.title, case):
                tally.spliced_titles.append(shown)
            else:
                tally.invented.append(shown)
        elif not _is_own(entry, record) and _is_spliced(entry.abstract, record, case):
            tally.spliced.append(shown)
        elif not _is_own(entry, record):
            tally.mixed.append(f"{shown}: {entry.identifiers}: {entry.abstract[:60]!r}")
        else:
            found.add(key)
    if case.whole:
        tally.whole += len(known)
        tally.lost += len(known.keys() - found)
    else:
        tally.kept += len(found)


def _is_cut(key: str, title: str, data: bytes) -> bool:
    """Whether a title begins or ends so, and the rest is not in the file, so that nobody could know it."""
    part = bool(key) and (title.startswith(key) or title.endswith(key))
    return part and title not in rendering_key(data.decode())


def _is_spliced_title(title: str, case: Case) -> bool:
    """Whether a cut joined the beginning of one title and the end of another one."""
    titles = [clean_text(record.title) for record in case.records]
    return any(_joins(title, one, other, case) for one in titles for other in titles)


def _is_spliced(abstract: str, record: Record, case: Case) -> bool:
    """Whether a cut joined the beginning of the paper's abstract and the end of another one's."""
    texts = [clean_text(other.abstract) for other in case.records]
    return any(_joins(abstract, clean_text(record.abstract), text, case) for text in texts)


def _joins(text: str, one: str, other: str, case: Case) -> bool:
    """Whether a text begins as one and ends as another, in a file from which a run of characters was cut.

    A part of one of the two is cut away: two whole texts in a row are no cut within them.
    """
    begin, end = _common(text, one), _common(text[::-1], other[::-1])
    in_part = 0 < begin < len(text) and 0 < end < len(text) and (begin < len(one) or end < len(other))
    return "cut_out" in case.what and in_part and begin + end >= len(text)


def _common(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    shorter = min(len(one), len(other))
    return next((n for n in range(shorter) if one[n] != other[n]), shorter)


def _is_own(entry: Entry, record: Record) -> bool:
    """Whether identifier and abstract are those of the paper."""
    if any(value.partition("v")[0] != record.id for scheme, value in entry.identifiers if scheme == "arxiv"):
        return False
    words = runs(entry.abstract.rpartition(" ")[0])  # the last word may be cut
    return len(words - runs(clean_text(record.abstract))) <= FOREIGN_SHARE * len(words)


def tally_of(some: Iterable[Case]) -> Tally:
    tally = Tally()
    for case in some:
        judge(case, tally)
    return tally


def check(tally: Tally) -> None:
    files = tally.outcomes.total()
    sys.stdout.write(
        f"{files} files: {dict(tally.outcomes)}; {tally.kept} papers of damaged files taken; "
        f"{len(tally.invented)} invented; {len(tally.mixed)} with the abstract or identifier of another; "
        f"{len(tally.cut)} titles cut; spliced by the cut: {len(tally.spliced_titles)} titles, "
        f"{len(tally.spliced)} abstracts; {tally.lost} of {tally.whole} papers lost where the text is whole\n"
    )
    assert tally.invented == []
    assert len(tally.mixed) <= 1 + MOST_MIXED * files, tally.mixed
    assert len(tally.spliced) + len(tally.spliced_titles) <= MOST_SPLICED * files, tally.spliced
    assert len(tally.cut) <= MOST_CUT * files, tally.cut
    assert tally.lost <= MOST_LOST * tally.whole


@pytest.mark.parametrize("write", [cases, other_cases])
def test_some_files_make_no_invented_paper(write: Writer) -> None:
    check(tally_of(write(shipped_records(), SHORT)))


@pytest.mark.prove
@pytest.mark.parametrize("write", [cases, other_cases])
def test_ten_thousand_files_make_no_invented_paper(write: Writer) -> None:
    """The bar: 0 invented papers in 10,000 files; of whole texts at most 1 % of the papers are lost."""
    check(tally_of(write(real_records() or shipped_records(), LONG)))
