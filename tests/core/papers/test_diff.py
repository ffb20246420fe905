"""Changes that a listing makes to a known paper."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from newsletter.core.papers.diff import KnownPaper, PaperChange, PaperText, after, decide, same_rendering
from newsletter.core.papers.listing import Entry, PartialDate

OLD, TODAY, LATER = date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 3)
TEXT = PaperText(title="A Title", abstract="An abstract of α and 10 words.")
KNOWN = KnownPaper(
    text=TEXT,
    author_count=3,
    organization="Acme",
    published_on=date(2026, 2, 1),
    comments=4,
    url="https://example.org/1",
    newest_on=TODAY,
)


def change(
    known: KnownPaper = KNOWN, *, on: date = LATER, published_on: date | None = None, **values: Any
) -> PaperChange:
    flags = {name: values.pop(name) for name in ("repeated", "rereading") if name in values}
    said = {"title": TEXT.title, "abstract": TEXT.abstract} | values
    entry = Entry(position=1, line=1, **said)
    return decide(known, entry, published_on=published_on, listed_on=on, **flags)


def test_decide_changes_nothing_for_an_equal_entry() -> None:
    same = {"author_count": 3, "organization": "Acme", "comments": 4, "url": "https://example.org/1"}
    assert change(**same) == PaperChange()
    assert change() == PaperChange()


@pytest.mark.parametrize("listed_on", [TODAY, LATER])
def test_decide_makes_a_revision_of_a_changed_text(listed_on: date) -> None:
    new = replace(TEXT, abstract="Another abstract.")
    assert change(on=listed_on, abstract=new.abstract) == PaperChange(revision=new)
    assert change(on=listed_on, title="Another Title") == PaperChange(
        revision=replace(TEXT, title="Another Title")
    )


def test_decide_keeps_an_older_listings_text_as_history_only() -> None:
    found = change(on=OLD, abstract="Another abstract.")
    assert found == PaperChange(older=replace(TEXT, abstract="Another abstract."))
    assert found.text is None


@pytest.mark.parametrize(
    "abstract",
    [
        "An  abstract of α and 10\twords.",
        r"An abstract of $\alpha$ and \emph{10} words.",
        "",
        "  ",
        "An abstract of…",
        "An abstract of α and ...",
    ],
)
def test_decide_ignores_another_rendering_and_a_shorter_text(abstract: str) -> None:
    assert change(abstract=abstract) == PaperChange()


def test_decide_keeps_the_title_when_only_its_rendering_differs() -> None:
    assert change(title="A  TITLE", abstract="New words.") == PaperChange(
        revision=PaperText(title="A Title", abstract="New words.")
    )


@pytest.mark.parametrize("before", ["", "An abstract of…"])
@pytest.mark.parametrize("listed_on", [OLD, LATER])
def test_decide_completes_a_missing_or_cut_abstract_without_revision(before: str, listed_on: date) -> None:
    known = replace(KNOWN, text=replace(TEXT, abstract=before))
    assert change(known, on=listed_on) == PaperChange(filled=TEXT)


def test_decide_fills_gaps_from_any_listing() -> None:
    bare = KnownPaper(text=TEXT, newest_on=TODAY)
    said: dict[str, Any] = {
        "author_count": 3,
        "author_names": ("Ada", "Bob"),
        "organization": "Acme",
        "comments": 0,
        "code_url": "https://example.org/code",
        "url": "https://example.org/1",
    }
    day = date(2026, 2, 1)
    assert change(bare, on=OLD, published_on=day, **said) == PaperChange(fields=said | {"published_on": day})


def test_decide_lets_only_newer_listings_change_figures() -> None:
    assert change(author_count=9, organization="Bolt") == PaperChange(
        fields={"author_count": 9, "organization": "Bolt"}
    )
    assert change(on=OLD, author_count=9, organization="Bolt") == PaperChange()


@pytest.mark.parametrize("listed_on", [OLD, LATER])
def test_decide_keeps_the_largest_count_of_comments(listed_on: date) -> None:
    assert change(on=listed_on, comments=2) == PaperChange()
    assert change(on=listed_on, comments=9) == PaperChange(fields={"comments": 9})


@pytest.mark.parametrize(
    ("printed_year", "year", "listed_on", "fields"),
    [
        (False, None, LATER, {}),  # without a year: the first resolution stays
        (False, 2025, OLD, {"published_on": date(2025, 2, 1)}),  # a printed year beats a resolved one
        (True, 2025, OLD, {}),
        (True, 2025, LATER, {"published_on": date(2025, 2, 1)}),
    ],
)
def test_decide_prefers_printed_years(
    printed_year: bool, year: int | None, listed_on: date, fields: dict[str, date]
) -> None:
    known = replace(KNOWN, printed_year=printed_year)
    printed = PartialDate(month=2, day=1, year=year)
    found = change(known, on=listed_on, published_on=date(year or 2024, 2, 1), printed=printed)
    assert found == PaperChange(fields=fields)


def test_decide_only_fills_gaps_when_the_dump_repeats_a_paper() -> None:
    assert change(repeated=True, abstract="Other words.", comments=9) == PaperChange(fields={"comments": 9})


def test_decide_corrects_the_text_in_place_when_rereading_its_source() -> None:
    assert change(rereading=True, title="A TITLE") == PaperChange(filled=replace(TEXT, title="A TITLE"))
    assert change(rereading=True) == PaperChange()


def test_after_applies_the_change() -> None:
    found = change(abstract="New words.", comments=9)
    assert after(KNOWN, found, listed_on=LATER) == replace(
        KNOWN, text=PaperText(title="A Title", abstract="New words."), comments=9, newest_on=LATER
    )
    assert after(KNOWN, PaperChange(), listed_on=OLD) == KNOWN


def test_same_rendering_tells_links_apart() -> None:
    assert not same_rendering("Code at https://a.example/x.", "Code at https://b.example/x.")
