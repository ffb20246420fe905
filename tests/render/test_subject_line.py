from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from newsletter.core.debts.digest_plan import EVERYTHING, DigestPlan, PlannedPaper
from newsletter.core.states import Role
from newsletter.render.check import specimens
from newsletter.render.subject_line import also, lede, listed, more, preheader, subject
from newsletter.render.topic_colors import shades_of
from newsletter.render.view_models import LISTED_LENGTH, Brand, TopicView

PAPERS = specimens.papers()
TOPICS = specimens.topics() | {
    "llm-agents": TopicView(slug="llm-agents", title="LLM agents", shades=shades_of("#336699"))
}


def _plan(*topics: str, recaps: int = 0, left_out: int = 0, maybe: int = 0) -> DigestPlan:
    def some(count: int, role: Role = Role.NEWS) -> tuple[PlannedPaper, ...]:
        return tuple(
            PlannedPaper(paper_id=number, topic="quantum", role=role) for number in range(1, count + 1)
        )

    return DigestPlan(
        edition=12,
        date=date(2026, 4, 17),
        news=tuple(PlannedPaper(paper_id=number, topic=topic) for number, topic in enumerate(topics, 1)),
        recaps=some(recaps, Role.RECAP),
        left_out=some(left_out),
        maybe=some(maybe),
    )


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (_plan("circuits", "circuits", "quantum"), "2 circuits, 1 quantum: Learning to Size Analog Circuits"),
        (_plan("llm-agents", EVERYTHING), "1 LLM agents, 1 more: Learning to Size Analog Circuits"),
        (_plan(EVERYTHING, EVERYTHING), "2 papers: Learning to Size Analog Circuits"),
        (_plan("circuits"), "Learning to Size Analog Circuits"),
        (_plan(recaps=2), "In case you missed it: Learning to Size Analog Circuits"),
        (_plan(maybe=1), "Worth a look: Learning to Size Analog Circuits"),
    ],
)
def test_subject_names_counts_and_the_first_title(plan: DigestPlan, expected: str) -> None:
    assert subject(Brand(), TOPICS, plan, PAPERS) == expected


def test_subject_follows_the_brands_pattern() -> None:
    brand = Brand(name="Digest {x}", subject="{{{name}}} {number}, {date}: {count} ({topics}) {first}")
    assert subject(brand, TOPICS, _plan("circuits", "quantum"), PAPERS) == (
        "{Digest {x}} 12, 17 April 2026: 2 (1 circuits, 1 quantum) Learning to Size Analog Circuits"
    )


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (
            _plan("circuits", "circuits", "quantum"),
            "Three new papers in the topics you follow, two with code: about four minutes.",
        ),
        (_plan("circuits"), "One new paper in the topics you follow, with code: about four minutes."),
        (_plan(EVERYTHING, EVERYTHING), "Two new papers, one with code: about four minutes."),
        (
            _plan(*["circuits"] * 2, *["quantum"] * 4),
            "Six new papers in the topics you follow, three with code: about four minutes.",
        ),
        (_plan(recaps=1), "Nothing new today, but an earlier mail to you may not have arrived."),
        (_plan(maybe=1), "Nothing certain today, only what may be worth a look."),
    ],
)
def test_lede_counts_the_papers(plan: DigestPlan, expected: str) -> None:
    assert lede(plan, PAPERS, minutes=4) == expected


@pytest.mark.parametrize(
    ("minutes", "words"), [(1, "about a minute."), (11, "eleven minutes."), (12, "12 minutes.")]
)
def test_lede_says_how_long_it_takes(minutes: int, words: str) -> None:
    assert lede(_plan("circuits"), PAPERS, minutes=minutes).endswith(words)


def test_more_counts_only_papers_without_room() -> None:
    assert [more(_plan(left_out=count)) for count in (0, 1, 13)] == [
        "",
        "One more paper had no room here and leads your next digest.",
        "13 more papers had no room here and lead your next digest.",
    ]


LONG = "They gain " + "a lot, " * 12 + "and more of the"
OTHERS = {
    1: replace(PAPERS[1], title="First", lead="One is found."),
    2: replace(PAPERS[2], title="Second", lead="Two is found."),
    3: replace(PAPERS[3], title="Third", lead=LONG),
}


@pytest.mark.parametrize(
    ("pattern", "plan", "expected"),
    [
        ("", _plan("circuits", "quantum", "quantum"), "One is found. · Second · Third"),
        ("", _plan("circuits"), "One is found."),
        ("{name}: {first}", _plan("circuits", "quantum"), "One is found. · Second"),
        ("{name} {number}", _plan("circuits", "quantum"), "First · One is found. · Second"),
        ("", _plan(recaps=2), "One is found. · Second"),
        ("", _plan(maybe=1), "One is found."),
    ],
)
def test_preheader_goes_on_where_the_subject_ends(pattern: str, plan: DigestPlan, expected: str) -> None:
    brand = Brand(subject=pattern)
    assert preheader(brand, plan, OTHERS) == expected
    assert not pattern or "First" in subject(brand, TOPICS, plan, OTHERS) + expected


def test_preheader_cuts_a_long_lead_at_a_clause_and_is_never_empty() -> None:
    third = replace(_plan("circuits"), news=(PlannedPaper(paper_id=3, topic="circuits"),))
    shown = preheader(Brand(), third, OTHERS)
    assert shown.endswith("a lot…")
    assert 60 < len(shown) <= 90
    silent = {3: replace(OTHERS[3], lead="")}
    assert preheader(Brand(), third, silent) == "One new paper in the topics you follow, with code"


@pytest.mark.parametrize(
    ("seen_on", "words"),
    [
        (date(2026, 4, 17), "new on this list"),
        (date(2026, 4, 14), "listed 14 April"),
        (date(2025, 9, 30), "listed 30 Sep 2025"),
    ],
)
def test_an_old_paper_says_when_it_came_to_the_list(seen_on: date, words: str) -> None:
    assert listed(seen_on, date(2026, 4, 17)) == words
    assert len(words) <= LISTED_LENGTH


@pytest.mark.parametrize(
    ("topic", "count", "words"),
    [
        ("circuits", 3, "Three more in Circuits"),
        ("llm-agents", 12, "12 more in LLM agents"),
        (EVERYTHING, 1, "One more"),
    ],
)
def test_rows_are_announced(topic: str, count: int, words: str) -> None:
    assert also(TOPICS, topic, count) == words
