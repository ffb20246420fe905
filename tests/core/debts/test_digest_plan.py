"""What a digest holds: arranged by topic, fitted to its room."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.debts.digest_plan import EVERYTHING, DigestPlan, OwedPair, PlannedPaper, arrange
from newsletter.core.debts.fit_to_size import fit
from newsletter.core.states import Form, Role

READY = datetime(2026, 4, 17, 5, tzinfo=UTC)
ORDER = {"circuits": 0, "quantum": 1, EVERYTHING: 2}
SIZES = {Form.FULL: 1000, Form.SHORT: 500, Form.ROW: 300, Form.TITLE: 200}


def owed(paper: int, topic: str, score: float = 1.0, *, place: int = 1, leads: bool = False) -> OwedPair:
    return OwedPair(
        paper_id=paper, topic=topic, score=score, edition=1, place=place, ready_at=READY, leads=leads
    )


def size_of(paper: PlannedPaper) -> int:
    return SIZES[paper.form]


def papers(count: int, *topics: str) -> list[PlannedPaper]:
    chosen = topics or ("circuits",)
    return [PlannedPaper(paper_id=n, topic=chosen[n * len(chosen) // count], edition=1) for n in range(count)]


def test_a_paper_in_several_topics_stands_once_in_its_strongest() -> None:
    arranged = arrange(
        [owed(1, "circuits", 0.4), owed(1, "quantum", 0.9), owed(1, EVERYTHING, 0.0)], topic_order=ORDER
    )
    assert arranged == (PlannedPaper(paper_id=1, topic="quantum", also_in=("circuits",), edition=1),)


@pytest.mark.parametrize(
    ("scores", "order"),
    [
        ({"circuits": [0.6], "quantum": [0.9]}, ["quantum", "circuits"]),
        ({"circuits": [0.6, 0.6, 0.6], "quantum": [0.9]}, ["quantum", "circuits"]),
        ({"circuits": [0.9], "quantum": [0.9, 0.5]}, ["quantum", "circuits"]),
        ({"circuits": [0.9], "quantum": [0.9]}, ["circuits", "quantum"]),
        ({EVERYTHING: [0.9, 0.9], "quantum": [0.5]}, ["quantum", EVERYTHING]),
        ({"gone": [0.7], "circuits": [0.6]}, ["gone", "circuits"]),
    ],
)
def test_the_section_with_the_strongest_paper_goes_first(
    scores: dict[str, list[float]], order: list[str]
) -> None:
    pairs = [
        owed(10 * n + m, topic, score)
        for n, (topic, of) in enumerate(scores.items())
        for m, score in enumerate(of)
    ]
    assert list(dict.fromkeys(p.topic for p in arrange(pairs, topic_order=ORDER))) == order


def test_papers_of_a_section_follow_score_then_place() -> None:
    arranged = arrange(
        [
            owed(1, EVERYTHING, 0.0, place=1),
            owed(2, "quantum", 0.5, place=2),
            owed(3, "circuits", 0.5, place=4),
            owed(4, "circuits", 0.5, place=3),
            owed(5, "circuits", 0.9, place=9),
        ],
        topic_order=ORDER,
    )
    assert [(p.topic, p.paper_id) for p in arranged] == [
        ("circuits", 5),
        ("circuits", 4),
        ("circuits", 3),
        ("quantum", 2),
        (EVERYTHING, 1),
    ]


def test_what_was_left_out_leads_its_section() -> None:
    arranged = arrange([owed(1, "circuits", 0.9), owed(2, "circuits", 0.1, leads=True)], topic_order=ORDER)
    assert [p.paper_id for p in arranged] == [2, 1]


def test_fit_keeps_everything_full_when_there_is_room() -> None:
    shown, left = fit(papers(3), first=frozenset(), budget=3000, maximum=None, size_of=size_of)
    assert ([p.form for p in shown], left) == ([Form.FULL] * 3, ())


def test_fit_shortens_then_titles_then_leaves_out_from_the_end() -> None:
    for budget, forms in (
        (2500, [Form.FULL, Form.FULL, Form.SHORT]),
        (1500, [Form.SHORT, Form.SHORT, Form.SHORT]),
        (1300, [Form.SHORT, Form.SHORT, Form.ROW]),
        (900, [Form.ROW, Form.ROW, Form.ROW]),
        (600, [Form.TITLE, Form.TITLE, Form.TITLE]),
    ):
        shown, left = fit(papers(3), first=frozenset(), budget=budget, maximum=None, size_of=size_of)
        assert ([p.form for p in shown], left) == (forms, ())
    shown, left = fit(papers(3), first=frozenset(), budget=599, maximum=None, size_of=size_of)
    assert [p.paper_id for p in shown] == [0, 1]
    assert [(p.paper_id, p.form) for p in left] == [(2, Form.LEFT)]


@pytest.mark.parametrize(
    ("cards", "long"),
    [(5, [0, 1, 2, 20, 21]), (10, [0, 1, 2, 3, 4, 20, 21, 22, 23, 24]), (20, None), (None, range(40))],
)
def test_fit_shows_the_best_of_each_section_as_cards(cards: int | None, long: Sequence[int] | None) -> None:
    news = papers(40, "circuits", "quantum")
    shown, _ = fit(news, first=frozenset(), budget=10**6, maximum=None, cards=cards, size_of=size_of)
    full = [p.paper_id for p in shown if p.form is Form.FULL]
    assert full == [*(long if long is not None else (*range(10), *range(20, 30)))]
    assert {p.form for p in shown} <= {Form.FULL, Form.ROW}


def test_fit_shortens_rows_before_it_takes_a_strong_paper_s_card() -> None:
    news = papers(30)
    for budget, forms in (
        (16_000, [Form.FULL] * 10 + [Form.ROW] * 20),
        (11_000, [Form.SHORT] * 10 + [Form.ROW] * 20),
        (10_000, [Form.SHORT] * 10 + [Form.ROW] * 10 + [Form.TITLE] * 10),
        (9_000, [Form.SHORT] * 10 + [Form.TITLE] * 20),
        (7_000, [Form.ROW] * 10 + [Form.TITLE] * 20),
    ):
        shown, left = fit(news, first=frozenset(), budget=budget, maximum=None, cards=10, size_of=size_of)
        assert ([p.form for p in shown], left) == (forms, ())


def test_fit_leaves_out_the_ends_of_sections_before_the_start_of_any() -> None:
    shown, left = fit(
        papers(4, "circuits", "quantum"), first=frozenset(), budget=400, maximum=None, size_of=size_of
    )
    assert [(p.topic, p.paper_id) for p in shown] == [("circuits", 0), ("quantum", 2)]
    assert [p.paper_id for p in left] == [1, 3]


def test_fit_never_leaves_out_twice_what_may_stay() -> None:
    shown, left = fit(papers(3), first=frozenset({2}), budget=200, maximum=None, size_of=size_of)
    assert ([p.paper_id for p in shown], [p.paper_id for p in left]) == ([2], [0, 1])


def test_fit_honours_the_reader_s_maximum() -> None:
    shown, left = fit(papers(5), first=frozenset(), budget=10**6, maximum=2, size_of=size_of)
    assert ([p.paper_id for p in shown], [p.paper_id for p in left]) == ([0, 1], [2, 3, 4])


@given(st.integers(0, 40), st.integers(0, 20_000), st.none() | st.integers(1, 30))
def test_fit_loses_nothing_and_stays_within_budget(count: int, budget: int, maximum: int | None) -> None:
    news = papers(count, "circuits", "quantum") if count else []
    shown, left = fit(news, first=frozenset({1}), budget=budget, maximum=maximum, size_of=size_of)
    assert sorted(p.paper_id for p in (*shown, *left)) == list(range(count))
    assert sum(map(size_of, shown)) <= budget
    assert all(a.paper_id < b.paper_id for a, b in pairwise(shown))


def test_equal_plans_have_one_key_and_any_difference_another() -> None:
    plan = DigestPlan(edition=1, date=date(2026, 4, 17), news=tuple(papers(2)))
    same = DigestPlan(edition=1, date=date(2026, 4, 17), news=tuple(papers(2)))
    recap = PlannedPaper(paper_id=1, topic="circuits", form=Form.TITLE, role=Role.RECAP)
    others = [
        DigestPlan(edition=2, date=date(2026, 4, 17), news=tuple(papers(2))),
        DigestPlan(edition=1, date=date(2026, 4, 18), news=tuple(papers(2))),
        DigestPlan(edition=1, date=date(2026, 4, 17), news=tuple(papers(1))),
        DigestPlan(edition=1, date=date(2026, 4, 17), news=tuple(papers(2)), recaps=(recap,)),
        DigestPlan(edition=1, date=date(2026, 4, 17), news=tuple(papers(2)), note="Read the first one."),
    ]
    assert plan.key(READY) == same.key(READY)
    assert len({plan.key(READY), *(other.key(READY) for other in others)}) == 6
