from __future__ import annotations

from datetime import date

import pytest

from newsletter.core.debts.digest_plan import EVERYTHING, DigestPlan, PlannedPaper
from newsletter.core.states import Role
from newsletter.render.check import specimens
from newsletter.render.subject_line import lede, more, preheader, subject
from newsletter.render.topic_colors import shades_of
from newsletter.render.view_models import Brand, TopicView

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
            "Three new papers in the topics you follow, two of them with code.",
        ),
        (_plan("circuits"), "One new paper in the topics you follow, with code."),
        (_plan(EVERYTHING, EVERYTHING), "Two new papers, one of them with code."),
        (
            _plan(*["circuits"] * 2, *["quantum"] * 4),
            "Six new papers in the topics you follow, three of them with code.",
        ),
        (_plan(recaps=1), "Nothing new today, but an earlier mail to you may not have arrived."),
        (_plan(maybe=1), "Nothing certain today, only what may be worth a look."),
    ],
)
def test_lede_counts_the_papers(plan: DigestPlan, expected: str) -> None:
    assert lede(plan, PAPERS) == expected


def test_more_counts_only_papers_without_room() -> None:
    assert [more(_plan(left_out=count)) for count in (0, 1, 13)] == [
        "",
        "One more paper had no room here and leads your next digest.",
        "13 more papers had no room here and lead your next digest.",
    ]


def test_preheader_holds_the_first_titles() -> None:
    assert preheader(_plan("circuits", recaps=1), PAPERS) == (
        "Learning to Size Analog Circuits · Learning to Size Analog Circuits"
    )
