"""One gate after every format: page furniture is refused, and no paper is, whatever it is called."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from newsletter.core.papers.listing import Entry, Listing, PartialDate
from newsletter.sources.gate import admit

ABSTRACT = "We propose a method for {}, and its results on three benchmarks are better than those of others."


def entry(title: str, *, arxiv_id: str | None = None, **more: Any) -> Entry:
    identifiers = (("arxiv", arxiv_id),) if arxiv_id else ()
    more.setdefault("abstract", ABSTRACT.format(title))
    return Entry(position=1, line=1, title=title, identifiers=identifiers, **more)


def admitted(*entries: Entry, unit: str = "line") -> tuple[list[str], list[str]]:
    """(titles that pass, reasons of those that do not)"""
    numbered = tuple(replace(each, position=n, line=n) for n, each in enumerate(entries, 1))
    listing = admit(Listing(format="test", printed=None, entries=numbered, unit=unit))
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


@pytest.mark.parametrize("title", ["Search", "Error", "Home", "Loading", "Daily", "May 4", "Mar 6, 2025"])
def test_paper_with_identifier_and_abstract_may_be_called_anything(title: str) -> None:
    assert admitted(entry(title, arxiv_id="2603.00001"), unit="record") == ([title], [])


@pytest.mark.parametrize("title", ["Mar 6, 2025", "May 4", "10 April 2024"])
@pytest.mark.parametrize("unit", ["line", "card"])
def test_date_in_the_place_of_a_title_is_one_where_another_date_stands_in_its_own(
    title: str, unit: str
) -> None:
    swapped = entry(title, arxiv_id="2603.00001")
    assert admitted(swapped, unit=unit) == ([], ["part of the page, not a paper"])
    assert admitted(replace(swapped, printed=PartialDate(month=3, day=5)), unit=unit) == ([title], [])


@pytest.mark.parametrize(
    "row",
    [
        "9;Bread Letters Where Paper Waits;Dee Gardener;Storks argue about islands.;2026-02-02",
        "9|Bread Letters",
        "Bread Letters;Dee Gardener;Storks argue",
        "Bread Letters,Dee Gardener,Storks argue",
        "2026-11-01 09:00:00 INFO worker[1]: job 1 done in 1.2 s",
        "INFO 09:00:00 worker 1 is done",
        "Bye-bye, Bluebook? Automating Procedure with Language Mo= dels",
        "Learning i= n Networks",
    ],
)
def test_row_of_a_table_or_line_of_a_log_is_no_title(row: str) -> None:
    assert admitted(entry(row)) == ([], ["markup, not a title"])


@pytest.mark.parametrize(
    "title",
    [
        "Protocols: Reliability,Reproducibility, and Use",
        "Waves with p,d,f,g,i",
        "A Norm of x|y in Spins",
    ],
)
def test_title_with_commas_or_a_bar_is_a_paper(title: str) -> None:
    assert admitted(entry(title)) == ([title], [])


@pytest.mark.parametrize(
    "sentence",
    [
        "In September the family leaves for the south, said the officer in charge.",
        "Swimmers cheered outside the town hall until late in the evening.",
        "Our code is public.",
        "A second boat follows on Thursday if the weather holds.",
    ],
)
def test_sentence_without_an_abstract_is_no_title(sentence: str) -> None:
    alone = entry(sentence, abstract="", author_count=2, printed=PartialDate(month=12, day=11))
    assert admitted(alone) == ([], ["the rest of a text, not a title"])
    linked = entry(sentence, abstract="", author_count=2, arxiv_id="2603.00001")
    assert admitted(linked, unit="card") == ([], ["the rest of a text, not a title"])
    assert admitted(linked, unit="record") == ([sentence], [])  # so PubMed's titles end


def test_title_that_runs_into_the_end_of_an_abstract_is_none() -> None:
    joined = f"Auto-SLURP:ilure into two bottlenecks, {'and evidence ' * 20} establishes a principled target."
    assert admitted(entry(joined, arxiv_id="2603.00001"), unit="record")[0] == []


@pytest.mark.parametrize(
    ("title", "abstract"),
    [
        (
            "Efficient Code Embeddings",
            "jina-code-embeddings is a suite of models for code. We show its results.",
        ),
        ("gsplat: An Open-Source Library", "gsplat is an open-source library. We show its results."),
        ("Fast Splatting with mSplat", "mSplat, a library for splatting, is fast. We show its results."),
        ("Scaling k2 Models", "k2-models are the first models of their size. We show results."),
    ],
)
def test_abstract_may_begin_with_a_name_in_small_letters(title: str, abstract: str) -> None:
    assert admitted(entry(title, abstract=abstract, author_count=2)) == ([title], [])


@pytest.mark.parametrize(
    "abstract",
    [
        "embeddings is a suite of models for code. We show its results.",
        "large-scale code is searched by our method. We show its results.",
        "state-of-the-art, and our models are better. We show their results.",
        "jina-code-embeddings of our own. We show their results.",
    ],
)
def test_abstract_that_begins_within_a_sentence_is_the_rest_of_one(abstract: str) -> None:
    rest = entry("Efficient Code Embeddings", abstract=abstract, author_count=2)
    assert admitted(rest) == ([], ["the rest of a text, not a title"])


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
    [
        "We propose it. • 7 authors · Jan 5",
        "We propose TY - JOUR AU - Qiu, Lu it.",
        "We </summary> it.",
        "[ Lattices 6 authors](https://huggingface.co/papers/2503.00001) We propose it.",
        "We propose it. https://huggingface.co/login?next=%2Fpapers%2F2503.00001 Spikes",
    ],
)
def test_fields_of_another_file_in_an_abstract_are_no_paper(text: str) -> None:
    papers = entry("Lattices", arxiv_id="2603.00001", abstract=text)
    assert admitted(papers) == ([], ["fields of another file in the abstract"])


@pytest.mark.parametrize("title", ["Lattices {}", "{} of Lattices", "{}"])
@pytest.mark.parametrize("field", ["title", "abstract"])
def test_encoded_text_is_no_part_of_a_paper(title: str, field: str) -> None:
    encoded = title.format("YmUsIGUtbWFpbCBUbzogY3NAYXJYaXYub3JnLCBTdWJqZWN0OiBjYW5jZWwgYW5kIG1vcmU0")
    text = {"title": "Lattices", "abstract": ABSTRACT} | {field: encoded}
    assert admitted(entry(text["title"], abstract=text["abstract"], arxiv_id="2603.00001"))[0] == []


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
