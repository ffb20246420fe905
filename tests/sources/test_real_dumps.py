"""The four real dumps of Daily Papers pages: counts, dates, and no lost line."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable
from datetime import date
from functools import cache

import pytest

from newsletter.core.errors import DumpRefusedError
from newsletter.core.papers.dating import decide_listed_on
from newsletter.core.papers.listing import ListedOn, Listing
from newsletter.sources.registry import read_listing
from tests.growth import assert_linear
from tests.marks import first_quick
from tests.shared_data import SHARED, needs_shared

pytestmark = needs_shared

TODAY = date(2026, 11, 22)
DUMPS = {
    "003_bd246a5e5982f752.txt": (46, ListedOn(date=date(2025, 10, 29), source="contents")),
    "004_83ea488732508b98.txt": (53, ListedOn(date=date(2025, 11, 27), source="contents")),
    "000_3e8dfadb474fb505.txt": (44, ListedOn(date=date(2025, 12, 12), source="contents")),
    "002_bebd7e2cbc5004be.txt": (9, ListedOn(date=date(2026, 3, 11), source="clock", guess=True)),
}
# With an author block, with an organisation, with comments, with a code link.
FEATURES = {
    "003_bd246a5e5982f752.txt": (43, (), 2, 11),
    "004_83ea488732508b98.txt": (52, ("AI at Meta", "inclusionAI"), 9, 7),
    "000_3e8dfadb474fb505.txt": (43, ("OpenBMB",), 5, 7),
    "002_bebd7e2cbc5004be.txt": (0, (), 0, 3),
}


@cache
def listing_of(name: str) -> Listing:
    return read_listing((SHARED / "dumps" / name).read_bytes(), name=name)


@pytest.mark.parametrize(("name", "expected"), DUMPS.items(), ids=DUMPS)
def test_real_dump_has_its_entries_and_its_date(name: str, expected: tuple[int, ListedOn]) -> None:
    listing = listing_of(name)
    printed = [entry.printed for entry in listing.entries if entry.printed is not None]
    decided = decide_listed_on(listing.printed, entries_printed=printed, today=TODAY, filename=name)
    assert (len(listing.entries), decided, listing.unread) == (*expected, ())


@pytest.mark.parametrize(("name", "expected"), FEATURES.items(), ids=FEATURES)
def test_real_dump_keeps_blocks_organisations_comments_and_code(
    name: str, expected: tuple[int, tuple[str, ...], int, int]
) -> None:
    entries = listing_of(name).entries
    assert (
        sum(1 for entry in entries if entry.printed),
        tuple(entry.organization for entry in entries if entry.organization),
        sum(1 for entry in entries if entry.comments),
        sum(1 for entry in entries if entry.code_url),
    ) == expected
    assert [entry.position for entry in entries] == list(range(1, len(entries) + 1))
    assert min(len(entry.abstract) for entry in entries) > 1000


def test_real_dumps_hold_the_titles_that_were_labelled_by_hand() -> None:
    rows = (SHARED / "topics" / "listings.jsonl").read_text(encoding="utf-8").splitlines()
    labelled = {json.loads(row)["title"] for row in rows}
    read = {entry.title for name in DUMPS for entry in listing_of(name).entries}
    assert (read, len(read)) == (labelled, 118)


@pytest.mark.parametrize("name", DUMPS)
def test_real_dump_leaves_no_line_unaccounted_for(name: str) -> None:
    """The non-blank lines are the header, two lines for each entry and three for each author block."""
    listing = listing_of(name)
    blocks = sum(1 for entry in listing.entries if entry.printed)
    assert listing.nonblank_lines == len(listing.header_lines) + 2 * len(listing.entries) + 3 * blocks


@pytest.mark.parametrize("name", first_quick(DUMPS))
@pytest.mark.parametrize("step", [997])
def test_real_dump_cut_anywhere_keeps_every_paper_before_the_cut(name: str, step: int) -> None:
    """A last title with less than an abstract below it is none: the cut may be in it."""
    data = (SHARED / "dumps" / name).read_bytes()
    whole = listing_of(name).entries
    for cut in range(2000, len(data), step):
        line = data[:cut].decode(errors="ignore").count("\n")
        entries = read_listing(data[:cut], name=name).entries
        expected = [entry.title for entry in whole if entry.line <= line]
        found = [entry.title for entry in entries][: len(expected)]
        assert found in (expected, expected[:-1])


def test_reading_ten_dumps_in_one_costs_no_more_a_line() -> None:
    name = next(iter(DUMPS))
    data = (SHARED / "dumps" / name).read_bytes()
    assert_linear(lambda text: read_listing(text, name=name), data, data * 10, factor=10)


OTHER_KINDS = (
    "hf_daily_newsletter_zh.md",
    "quantph_feed_weekly.md",
    "arxiv_rss_spec_official.md",
    "ORIGINS.md",
)


@pytest.mark.parametrize("name", OTHER_KINDS)
def test_real_text_of_another_kind_is_refused(name: str) -> None:
    with pytest.raises(DumpRefusedError, match="no listing of a known format"):
        read_listing((SHARED / "samples" / name).read_bytes(), name=name)


def wrapped(text: str, width: int) -> str:
    """The text wrapped as by an editor: long lines only, at blanks only."""
    wrap = textwrap.TextWrapper(width, break_long_words=False, break_on_hyphens=False)
    return "\n".join(wrap.fill(line) if len(line) > width else line for line in text.split("\n"))


CHANGES: dict[str, Callable[[str], str]] = {
    "wrapped at 60": lambda text: wrapped(text, 60),
    "wrapped at 100": lambda text: wrapped(text, 100),
    "wrapped at 250": lambda text: wrapped(text, 250),
    "no blank lines": lambda text: re.sub(r"\n\s*\n", "\n", text),
    "twice the line ends": lambda text: text.replace("\n", "\n\n"),
    "no-break spaces": lambda text: text.replace(" ", "\u00a0"),
    "no header": lambda text: text[text.index("research community") :].split("\n", 2)[2],
    "no blocks": lambda text: re.sub(r"\n  • \d+ authors\n·\n.*\n", "\n", text),
    "blocks in one line": lambda text: re.sub(r"( authors)\n·\n", r"\1 · ", text),
    "abstracts over blank lines": lambda text: re.sub(r"(\n[^\n]{1300,}?\. )(?=[A-Z])", r"\1\n\n", text),
}


@pytest.mark.parametrize("name", DUMPS)
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_real_dump_that_an_editor_changed_keeps_its_papers(name: str, change: Callable[[str], str]) -> None:
    text = (SHARED / "dumps" / name).read_text(encoding="utf-8")
    listing = read_listing(change(text).encode(), name=name)
    expected = listing_of(name)
    assert [(entry.title, entry.abstract) for entry in listing.entries] == [
        (entry.title, entry.abstract) for entry in expected.entries
    ]
    assert (listing.printed, listing.unread) == (expected.printed, ())
