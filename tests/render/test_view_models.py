from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from newsletter.core.states import Form
from newsletter.render.check import specimens
from newsletter.render.view_models import META_LENGTH, PaperView

PAPER = specimens.papers()[1]


@pytest.mark.parametrize(
    ("changes", "byline"),
    [
        ({"author_count": 6}, "6 authors"),
        ({"author_count": 1}, "1 author"),
        ({"author_count": 2, "author_names": ("A. One", "B. Two")}, "A. One, B. Two"),
        ({"author_names": tuple("ABCDEF")}, "A, B, C and 3 more"),
        ({"author_count": None, "organization": "Institute"}, "Institute"),
        ({"author_count": None}, ""),
    ],
)
def test_byline_names_few_and_counts_many(changes: dict[str, object], byline: str) -> None:
    plain = replace(PAPER, author_count=None, author_names=(), organization=None)
    assert replace(plain, **changes).byline == byline  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("https://papers.example/1", "https://papers.example/1"),
        (None, "https://huggingface.co/papers?q=Part+I%3A+50%25+of+%26"),
        ("javascript:alert(1)", "https://huggingface.co/papers?q=Part+I%3A+50%25+of+%26"),
        ('https://papers.example/"onclick=x', "https://huggingface.co/papers?q=Part+I%3A+50%25+of+%26"),
        ("https://papers.example/\r\nx", "https://huggingface.co/papers?q=Part+I%3A+50%25+of+%26"),
    ],
)
def test_link_is_the_page_or_a_search(url: str | None, link: str) -> None:
    assert replace(PAPER, title="Part I: 50% of &", url=url).link == link


@pytest.mark.parametrize(
    ("arxiv_id", "doi", "link"),
    [
        ("2401.01234", "10.1000/x", "https://arxiv.org/abs/2401.01234"),
        ("math/0309136", None, "https://arxiv.org/abs/math/0309136"),
        (None, "10.1000/a b", "https://doi.org/10.1000/a%20b"),
        ("not an id", None, "https://huggingface.co/papers/1"),
        (None, "not a doi", "https://huggingface.co/papers/1"),
        (None, None, "https://huggingface.co/papers/1"),
    ],
)
def test_link_leads_to_the_paper_itself_where_an_identifier_is_known(
    arxiv_id: str | None, doi: str | None, link: str
) -> None:
    paper = replace(PAPER, url="https://huggingface.co/papers/1", arxiv_id=arxiv_id, doi=doi)
    assert (paper.link, paper.is_searched) == (link, False)


def test_link_to_a_search_says_so() -> None:
    assert replace(PAPER, url=None).is_searched


def test_seen_on_is_set_for_old_papers_only() -> None:
    def seen(published: date | None) -> date | None:
        paper: PaperView = replace(PAPER, first_listed_on=date(2026, 4, 17), published_on=published)
        return paper.seen_on

    listed = date(2026, 4, 17)
    assert [seen(day) for day in (None, date(2026, 2, 16), date(2026, 2, 15), date(2013, 1, 1))] == [
        None,
        None,
        listed,
        listed,
    ]


def test_excerpt_has_the_length_of_its_form() -> None:
    lengths = {form: len(PAPER.excerpt(form)) for form in (Form.FULL, Form.SHORT, Form.TITLE, Form.LEFT)}
    assert 230 < lengths[Form.FULL] <= 520
    assert 80 < lengths[Form.SHORT] <= 190
    assert lengths[Form.TITLE] == lengths[Form.LEFT] == 0


@pytest.mark.parametrize(
    ("names", "count", "organization", "published", "meta"),
    [
        (("Ada Lovelace",), None, None, date(2026, 4, 15), "Ada Lovelace · 15 Apr 2026"),
        (
            ("Ada One", "Bo Two", "Cy Three", "Di Four"),
            None,
            None,
            None,
            "Ada One, Bo Two, Cy Three, Di Four",
        ),
        (("Ada One", *"ABCDE"), None, None, date(2026, 4, 15), "Ada One and 5 more · 15 Apr 2026"),
        (("A" * 40, *"BCDEF"), None, None, date(2026, 4, 15), "6 authors · 15 Apr 2026"),
        (
            ("Ada Lovelace", "Bo Two"),
            None,
            None,
            date(2013, 9, 17),
            "2 authors · 17 Sep 2013",
        ),  # old: less room
        ((), 12, None, date(2026, 4, 15), "12 authors · 15 Apr 2026"),
        ((), None, "Institute of Things", date(2026, 4, 15), "Institute of Things · 15 Apr 2026"),
        ((), None, "Institute of Things", date(2013, 9, 17), "Institute… · 17 Sep 2013"),
        ((), None, None, date(2026, 4, 15), "15 Apr 2026"),
        (("周" * 30,), None, None, None, "周" * 30),
        ((), None, None, None, ""),
    ],
)
def test_meta_fits_a_line_of_a_phone(
    names: tuple[str, ...], count: int | None, organization: str | None, published: date | None, meta: str
) -> None:
    paper = replace(
        PAPER,
        author_names=names,
        author_count=count,
        organization=organization,
        published_on=published,
        first_listed_on=date(2026, 4, 17),
    )
    assert paper.meta == meta
    listed = " · " + "listed 30 September" if paper.seen_on else ""
    assert len(paper.meta + listed) <= META_LENGTH


FIRST, SECOND, THIRD = (
    "Circuits are everywhere.",
    "We show a small one.",
    "It uses less power than all others.",
)


@pytest.mark.parametrize(
    ("abstract", "lead", "rest"),
    [
        (f"{FIRST} {SECOND} {THIRD}", SECOND, THIRD),
        (f"{FIRST} {THIRD} {SECOND}", SECOND, f"{FIRST} {THIRD}"),
        (SECOND, SECOND, ""),
        (f"{FIRST} {SECOND}", "", ""),
        (f"{'x' * 240}. {THIRD}", f"{'x' * 240}.", ""),  # the lead takes the room of a card
    ],
)
def test_rest_holds_what_the_lead_leaves(abstract: str, lead: str, rest: str) -> None:
    begin = abstract.index(lead)
    paper = replace(PAPER, abstract=abstract, lead=lead, lead_span=(begin, begin + len(lead)))
    assert paper.rest(Form.FULL) == rest
    assert {paper.rest(form) for form in Form if form is not Form.FULL} == {""}
    assert paper.line(Form.ROW) == (lead if len(lead) < 80 else "x" * 79 + "…")


@pytest.mark.parametrize(
    ("before", "shown"),
    [
        ("To this end, ", "…we do."),
        ("Two things count: ", "…we do."),
        ("Many tried. ", "we do."),
        ("", "we do."),
    ],
)
def test_a_lead_without_its_opening_begins_with_an_ellipsis(before: str, shown: str) -> None:
    span = (len(before), len(before) + len("we do."))
    paper = replace(PAPER, abstract=f"{before}we do.", lead="we do.", lead_span=span)
    assert paper.quoted_lead == paper.line(Form.ROW) == shown
