from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.papers.listing import Entry, Listing, PartialDate, Unread
from newsletter.sources.decoding import Decoded
from newsletter.sources.dump_file import DumpFile
from newsletter.sources.formats import hf_search_text

BANNER = "new\n\nGet trending papers in your email inbox!\n\nSubscribe\n\nDaily Papers\n\n"
BY_LINE = "byAK and the research community\n\n"
ABSTRACT = (
    "We look at a thing that many looked at before, and we find what they found. Our method is simple, and "
    "it is compared with eleven others on four tasks. It is better on three of them, and the fourth is hard."
)
BLOCK = "  • 4 authors\n·\nApr 10, 2024\n\n"


def dump_of(text: str) -> DumpFile:
    """A dump of any text, also one that no file may hold."""
    dump = DumpFile(b"", name="x")
    dump.__dict__["decoded"] = Decoded(text=text)
    return dump


def parse(text: str) -> Listing:
    return hf_search_text.parse(dump_of(text))


def recognise(text: str) -> float:
    return hf_search_text.recognise(dump_of(text))


def paper(title: str, abstract: str = ABSTRACT, block: str = BLOCK) -> str:
    return f"{title}\n\n{abstract}\n\n{block}"


def shown(listing: Listing) -> list[tuple[str, str]]:
    return [(entry.title, entry.abstract) for entry in listing.entries]


def test_page_reads_as_printed() -> None:
    assert parse(BANNER + BY_LINE + "Dec 12\n\n" + paper("One: a Title?")) == Listing(
        format="daily-papers",
        printed=PartialDate(month=12, day=12),
        entries=(
            Entry(
                position=1,
                line=13,
                title="One: a Title?",
                abstract=ABSTRACT,
                printed=PartialDate(month=4, day=10, year=2024),
                author_count=4,
            ),
        ),
        nonblank_lines=11,
        header_lines=(
            "new",
            "Get trending papers in your email inbox!",
            "Subscribe",
            "Daily Papers",
            "byAK and the research community",
            "Dec 12",
        ),
    )


HEADERS = {
    "whole": (BANNER + BY_LINE + "Dec 12\n\n", PartialDate(month=12, day=12)),
    "no banner": (BY_LINE + "Dec 12\n\n", PartialDate(month=12, day=12)),
    "no by-line": ("Daily Papers\n\nDec 12\n\n", PartialDate(month=12, day=12)),
    "no date": (BANNER + BY_LINE, None),
    "date alone": ("Dec 12\n\n", PartialDate(month=12, day=12)),
    "nothing": ("", None),
    "spaced by-line": ("by AK and the research community\n\nDec 12\n\n", PartialDate(month=12, day=12)),
    "menu before the date": (
        BY_LINE + "Daily\n\nWeekly\n\nMonthly\n\nDec 12\n\n",
        PartialDate(month=12, day=12),
    ),
    "search before the date": (BY_LINE + "analog circuits\n\nDec 12\n\n", PartialDate(month=12, day=12)),
    "date with a year": (BY_LINE + "Dec 12, 2025\n\n", PartialDate(month=12, day=12, year=2025)),
    "unknown menu": ("Some Menu\n\nOther\n\n" + BY_LINE + "Dec 12\n\n", PartialDate(month=12, day=12)),
}


@pytest.mark.parametrize(("header", "printed"), HEADERS.values(), ids=HEADERS)
def test_header_with_missing_parts_leaves_the_papers_whole(header: str, printed: PartialDate | None) -> None:
    text = header + paper("First") + paper("Second", block="") + paper("Third")
    listing = parse(text)
    assert (listing.printed, shown(listing), listing.unread) == (
        printed,
        [("First", ABSTRACT), ("Second", ABSTRACT), ("Third", ABSTRACT)],
        (),
    )
    assert recognise(text) > 0


BLOCKS = {
    "authors": ("  • 4 authors\n·\nApr 10, 2024\n", (4, None, (2024, 4, 10), None)),
    "one author": ("• 1 author\n·\nApr 10\n", (1, None, (None, 4, 10), None)),
    "comments": ("• 4 authors\n·\nApr 10, 2024 31\n", (4, None, (2024, 4, 10), 31)),
    "comments below": ("• 4 authors\n·\nApr 10, 2024\n31\n", (4, None, (2024, 4, 10), 31)),
    "comments, no year": ("• 4 authors\n·\nAug 5 4\n", (4, None, (None, 8, 5), 4)),
    "year without a comma": ("• 4 authors\n·\nAug 5 2024\n", (4, None, (2024, 8, 5), None)),
    "organisation": ("openbmb OpenBMB\n·\nSep 4, 2024 2\n", (None, "OpenBMB", (2024, 9, 4), 2)),
    "organisation of words": ("facebook AI at Meta\n·\nNov 11 2\n", (None, "AI at Meta", (None, 11, 11), 2)),
    "organisation in Chinese": ("baai 智源研究院\n·\nNov 11\n", (None, "智源研究院", (None, 11, 11), None)),
    "date alone": ("·\nNov 11\n", (None, None, (None, 11, 11), None)),
    "authors alone": ("• 4 authors\n", (4, None, None, None)),
    "no dot": ("• 4 authors\nApr 10, 2024\n", (4, None, (2024, 4, 10), None)),
    "no date": ("• 4 authors\n·\n", (4, None, None, None)),
    "blank lines between": ("• 4 authors\n\n·\n\nApr 10, 2024 2\n", (4, None, (2024, 4, 10), 2)),
    "one line": ("• 4 authors · Apr 10, 2024 2\n", (4, None, (2024, 4, 10), 2)),
    "two lines": ("• 4 authors\n· Apr 10, 2024\n", (4, None, (2024, 4, 10), None)),
    "lost marks": ("4 authors\n?\nApr 10, 2024\n", (4, None, (2024, 4, 10), None)),
    "other marks": ("* 4 authors\n-\nApr 10, 2024\n", (4, None, (2024, 4, 10), None)),
    "full month": ("• 4 authors\n·\nSeptember 10, 2024\n", (4, None, (2024, 9, 10), None)),
    "day first": ("• 4 authors\n·\n10 Sep 2024\n", (4, None, (2024, 9, 10), None)),
    "ISO date": ("• 4 authors\n·\n2024-09-10\n", (4, None, (2024, 9, 10), None)),
}


@pytest.mark.parametrize(("block", "expected"), BLOCKS.values(), ids=BLOCKS)
def test_author_block_of_any_shape_is_read_and_ends_its_paper(
    block: str, expected: tuple[object, ...]
) -> None:
    listing = parse(BY_LINE + "Dec 12\n\n" + paper("First", block=block + "\n") + paper("Second"))
    first, second = listing.entries
    date = (first.printed.year, first.printed.month, first.printed.day) if first.printed else None
    assert (first.author_count, first.organization, date, first.comments) == expected
    assert (shown(listing), second.author_count, listing.unread) == (
        [("First", ABSTRACT), ("Second", ABSTRACT)],
        4,
        (),
    )


def test_unreadable_date_is_reported_and_the_paper_kept() -> None:
    listing = parse(
        BY_LINE + "Dec 12\n\n" + paper("First", block="• 4 authors\n·\nFeb 30, 2024\n\n") + paper("Second")
    )
    assert shown(listing) == [("First", ABSTRACT), ("Second", ABSTRACT)]
    assert listing.unread == (Unread(line=11, reason="not a date that can be read", text="Feb 30, 2024"),)


def test_abstract_without_a_title_is_reported_with_its_block() -> None:
    long = ABSTRACT * 3
    listing = parse(BY_LINE + "Dec 12\n\n" + f"{long}\n\n" + BLOCK + paper("Second"))
    assert shown(listing) == [("Second", ABSTRACT)]
    assert [(item.line, item.reason) for item in listing.unread] == [
        (5, "an abstract without a title"),
        (7, "authors and date without a title"),
        (8, "authors and date without a title"),
        (9, "authors and date without a title"),
    ]


def test_paper_without_abstract_between_two_others_is_kept() -> None:
    text = BY_LINE + "Dec 12\n\n" + paper("First", block="") + "A Title Alone\n\n" + paper("Third")
    assert shown(parse(text)) == [("First", ABSTRACT), ("A Title Alone", ""), ("Third", ABSTRACT)]


def test_short_title_with_no_abstract_and_no_header_date_is_no_listing_date() -> None:
    listing = parse(BY_LINE + "A Title Alone\n\n" + BLOCK + paper("Second"))
    assert (listing.printed, shown(listing)) == (None, [("A Title Alone", ""), ("Second", ABSTRACT)])


def test_title_that_looks_like_a_date_is_a_title_after_and_without_the_listings_date() -> None:
    whole = parse(BY_LINE + "Dec 12\n\n" + paper("May 4") + paper("Jun 5", block=""))
    assert (whole.printed, shown(whole)) == (
        PartialDate(month=12, day=12),
        [("May 4", ABSTRACT), ("Jun 5", ABSTRACT)],
    )
    headless = parse("Daily Papers\n\n" + paper("May 4") + paper("Second"))
    assert (headless.printed, shown(headless)) == (None, [("May 4", ABSTRACT), ("Second", ABSTRACT)])


def test_abstract_over_blank_lines_stays_one() -> None:
    parts = f"{ABSTRACT}\n\nOur code is at https://github.com/a/b\n\n{ABSTRACT}"
    listing = parse(BY_LINE + "Dec 12\n\n" + paper("First", parts) + paper("Second"))
    assert shown(listing) == [("First", parts.replace("\n\n", " ")), ("Second", ABSTRACT)]
    assert [entry.code_url for entry in listing.entries] == ["https://github.com/a/b", None]


def test_banner_in_the_middle_of_the_same_page_is_no_paper() -> None:
    page = BANNER + BY_LINE + "Dec 12\n\n"
    listing = parse(page + paper("First") + page + paper("Second") + "Previous\n\nNext\n")
    assert (shown(listing), listing.unread) == ([("First", ABSTRACT), ("Second", ABSTRACT)], ())
    assert len(listing.header_lines) == 6 + 6 + 2


def test_second_page_of_another_date_is_reported_line_by_line() -> None:
    listing = parse(
        BANNER + BY_LINE + "Dec 12\n\n" + paper("First") + BANNER + BY_LINE + "Dec 13\n\n" + paper("Second")
    )
    assert shown(listing) == [("First", ABSTRACT)]
    assert len(listing.unread) == 6 + 5
    assert {item.reason for item in listing.unread} == {
        "a second listing begins here: put each page into a file of its own"
    }


def test_line_that_is_too_long_is_reported_and_the_rest_read() -> None:
    listing = parse(BY_LINE + "Dec 12\n\n" + paper("First") + "x" * 30_000 + "\n\n" + paper("Second"))
    assert shown(listing) == [("First", ABSTRACT), ("Second", ABSTRACT)]
    assert listing.unread == (Unread(line=13, reason="too long for an abstract", text="x" * 200),)


NOT_OURS = {
    "blog": "A Blog\n\nMarch 3, 2024\n\nHello world. This is my blog.\n\nA second paragraph of it.\n",
    "mail": "arXiv:2411.13560\nDate: Thu, 7 Nov 2024\n\nTitle: Some\nAuthors: Ann\n\\\\\n  Text.\n",
    "alternation without a date": paper("One", block="") + paper("Two", block="") + paper("Three", block=""),
    "the page with its links": BANNER
    + "# Daily Papers\n\nOct 2\n\n"
    + "### [One](https://huggingface.co/papers/2401.00001)\n\n"
    + f"[{ABSTRACT}](https://huggingface.co/papers/2401.00001)\n",
    "list of headlines": "Dec 12\n\nRain today\n\nSnow tomorrow\n\nSun on Sunday\n\nFog after that\n\nHail\n",
}


@pytest.mark.parametrize("text", NOT_OURS.values(), ids=NOT_OURS)
def test_text_of_another_site_is_not_recognised(text: str) -> None:
    assert recognise(text) == 0


words = st.lists(
    st.sampled_from(["alpha", "beta", "gamma", "we", "find", "that", "of", "the", "Circuit", "Qubit", "7"]),
    min_size=1,
)
titles = words.map(lambda some: " ".join(some)[:150].strip().capitalize())
abstracts = words.map(lambda some: ABSTRACT + " " + " ".join(some).capitalize() + ".")
blocks = st.sampled_from(["", BLOCK, *(block + "\n" for block, _ in BLOCKS.values())])


@given(st.lists(st.tuples(titles, abstracts, blocks), min_size=1, max_size=12))
def test_any_well_formed_page_reads_back(papers: list[tuple[str, str, str]]) -> None:
    page = BANNER + BY_LINE + "Dec 12\n\n" + "".join(paper(*each) for each in papers)
    listing = parse(page)
    assert shown(listing) == [(title, abstract) for title, abstract, _ in papers]
    assert (listing.unread, [e.position for e in listing.entries]) == ((), list(range(1, len(papers) + 1)))


lines = st.sampled_from(
    [
        *("", "", "", "·", "•", "-", "  • 4 authors", "4 authors", "openbmb OpenBMB", "Apr 10, 2024 1"),
        *("A · Apr 1, 2024", "yesterday", "12", "May 4", "Dec 13", "new", "Daily Papers"),
        *("byAK and the research community", "Short", "and lower case it goes on", "Title ends here."),
        *("Is it? Yes!", ABSTRACT, "x" * 300, "a line without end"),
    ]
)


@given(st.lists(lines, max_size=40))
def test_every_line_of_any_text_is_accounted_for(some: list[str]) -> None:
    """Each line gets a unique mark, which must be found once: in banner, entry or unread."""
    marked = [re.sub(r"^(Short|xxx|and|Title|Is it|We)", rf"\1 q{n}q", line) for n, line in enumerate(some)]
    marked = [line.replace("a line without end", "x" * 30_000) for line in marked]
    listing = parse("\n".join(marked))
    found = [*listing.header_lines, *(item.text for item in listing.unread)]
    found += [f"{entry.title} {entry.abstract} {entry.organization}" for entry in listing.entries]
    sent = [mark for line in marked for mark in re.findall(r"q\d+q", line)]
    assert sorted(re.findall(r"q\d+q", " ".join(found))) == sorted(sent)
    assert listing.nonblank_lines == sum(1 for line in marked if line.strip())
