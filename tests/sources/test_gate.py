"""One gate after every format: page furniture is refused, and no paper is, whatever it is called."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from newsletter.core.papers.listing import Entry, Listing
from newsletter.sources.gate import admit

ABSTRACT = "We propose a method for {}, and its results on three benchmarks are better than those of others."


def entry(title: str, *, arxiv_id: str | None = None, **more: Any) -> Entry:
    identifiers = (("arxiv", arxiv_id),) if arxiv_id else ()
    more.setdefault("abstract", ABSTRACT.format(title))
    return Entry(position=1, line=1, title=title, identifiers=identifiers, **more)


def admitted(*entries: Entry) -> tuple[list[str], list[str]]:
    """(titles that pass, reasons of those that do not)"""
    numbered = tuple(replace(each, position=n, line=n) for n, each in enumerate(entries, 1))
    listing = admit(Listing(format="test", printed=None, entries=numbered))
    assert [each.position for each in listing.entries] == list(range(1, len(listing.entries) + 1))
    return [each.title for each in listing.entries], [item.reason for item in listing.unread]


@pytest.mark.parametrize(
    "title",
    [
        "Submitted by akhaliq",
        "94",
        "[-] 0",
        "AK",
        "1.2k",
        "12 authors",
        "Log in",
        "404 Not Found",
        "Error 403 - Forbidden",
        "Just a moment...",
        "Loading…",
        "Checking your browser before accessing",
        "Verify you are human",
        "Accept all cookies",
        "Trending Papers",
    ],
)
def test_furniture_is_no_paper(title: str) -> None:
    assert admitted(entry(title)) == ([], ["part of the page, not a paper"])
    assert admitted(entry(title, arxiv_id="2603.00001", abstract=""))[0] == []


@pytest.mark.parametrize("title", ["Search", "Error", "Home", "Loading", "Daily", "May 4"])
def test_paper_with_identifier_and_abstract_may_be_called_anything(title: str) -> None:
    assert admitted(entry(title, arxiv_id="2603.00001")) == ([title], [])


@pytest.mark.parametrize(
    "title",
    [
        "VerifyBench: Benchmarking Human Feedback",
        "Checking the Human in the Loop",
        "Loading Balance of Power Grids",
        "404 Not a Number: Faults of Language Models",
        "Just a Moment Estimator",
        "Searching for Spikes",
        "Is 12 Authors Enough?",
    ],
)
def test_title_that_resembles_furniture_is_a_paper(title: str) -> None:
    assert admitted(entry(title)) == ([title], [])


@pytest.mark.parametrize(
    "text",
    ["We propose it. • 7 authors · Jan 5", "We propose TY - JOUR AU - Qiu, Lu it.", "We </summary> it."],
)
def test_fields_of_another_file_in_an_abstract_are_no_paper(text: str) -> None:
    papers = entry("Lattices", arxiv_id="2603.00001", abstract=text)
    assert admitted(papers) == ([], ["fields of another file in the abstract"])


def test_sentence_of_another_abstract_is_no_paper() -> None:
    sentence = "Its results are better than those of others in every case"
    first = entry("Lattices and Spikes", abstract=f"We propose a method. {sentence}. That is all.")
    assert admitted(first, entry(sentence, abstract="")) == (
        ["Lattices and Spikes"],
        ["a sentence of another paper's abstract"],
    )


def test_line_that_recurs_without_an_abstract_is_no_paper() -> None:
    recurring = entry("Papers of the Week", abstract="", author_count=3)
    assert admitted(recurring, entry("Lattices"), recurring)[0] == ["Lattices"]


def test_identifier_of_another_entry_is_refused_and_the_same_paper_twice_is_not() -> None:
    one = entry("Lattices", arxiv_id="2603.00001")
    assert admitted(one, entry("Spikes", arxiv_id="2603.00001v2")) == (
        ["Lattices"],
        ["the identifier of another entry"],
    )
    assert admitted(one, one) == (["Lattices", "Lattices"], [])
