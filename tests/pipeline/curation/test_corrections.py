"""Correcting: papers merged and split, topics added and removed, all recorded."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from newsletter.core.errors import NotFoundError, UsageError
from newsletter.db.engine import reading, writing
from newsletter.db.schema import papers
from newsletter.papers import merging
from newsletter.papers.topic_matches import rematch
from newsletter.pipeline.curation.corrections import correct_topics, merge_papers, possibly_same, split_papers
from tests.pipeline.intake.scenario import (
    DumpScenario,
    PrintedPaper,
    WordMatcher,
    abstract_of,
    page,
    reworded,
)

TOPICS = ("quantum", "circuits", "everything")


@pytest.fixture
def scenario(tmp_path: Path, database_url: str) -> Iterator[DumpScenario]:
    scenario = DumpScenario(tmp_path, url=database_url)
    yield scenario
    scenario.engine.dispose()


@pytest.fixture
def twins(scenario: DumpScenario) -> DumpScenario:
    """A paper, published; then the same under another title, not yet published."""
    text = abstract_of("x")
    scenario.drop("a.txt", page("Mar 3", PrintedPaper(title="Quantum Lattices", abstract=text, authors=None)))
    scenario.publish()
    scenario.now += timedelta(days=1)
    scenario.drop(
        "b.txt", page("Mar 4", PrintedPaper(title="On Lattices", abstract=reworded(text), comments=7))
    )
    return scenario


def test_merge_makes_two_papers_one_and_no_news(twins: DumpScenario) -> None:
    assert len(twins.news()) == 1
    [case] = possibly_same(twins.engine)
    assert (case["title"], case["other_title"]) == ("On Lattices", "Quantum Lattices")
    row = merge_papers(twins.engine, case["other_id"], case["id"], now=twins.now)
    assert (row["id"], row["title"], row["merged"]) == (case["other_id"], "Quantum Lattices", [case["id"]])
    assert (row["authors"], row["comments"], row["edition"]) == (3, 7, 1)
    assert row["decisions"] == [
        {
            "verb": "merge",
            "id": case["other_id"],
            "other_id": case["id"],
            "news": False,
            "at": twins.now.isoformat(),
        }
    ]
    assert twins.news() == set()
    assert twins.titles() == ["Quantum Lattices"]
    assert possibly_same(twins.engine) == []
    assert merge_papers(twins.engine, case["other_id"], case["id"], now=twins.now) == row


def test_merge_the_other_way_round_is_no_news_either(twins: DumpScenario) -> None:
    merge_papers(twins.engine, twins.id_of("On Lattices"), twins.id_of("Quantum Lattices"), now=twins.now)
    assert twins.news() == set()
    [row] = twins.papers()
    assert (row["title"], row["edition"], row["first_listed_on"]) == ("On Lattices", 1, "2026-03-03")


def test_merge_resolves_later_listings_of_either_title(twins: DumpScenario) -> None:
    merge_papers(twins.engine, twins.id_of("Quantum Lattices"), twins.id_of("On Lattices"), now=twins.now)
    text = abstract_of("x")
    report = twins.drop(
        "c.txt",
        page(
            "Mar 5",
            PrintedPaper(title="Quantum Lattices", abstract=text),
            PrintedPaper(title="On Lattices", abstract=reworded(text), printed="Jul 9, 2020"),
        ),
    )
    assert (report.new, report.known, report.revised, report.possibly_same) == (0, 2, 0, ())
    assert twins.titles() == ["Quantum Lattices"]
    assert twins.titles(dump="c.txt") == ["Quantum Lattices"]


def test_merge_is_never_a_chain(scenario: DumpScenario) -> None:
    scenario.drop("a.txt", page("Mar 3", "One Paper", "Two Papers", "Three Papers"))
    one, two, three = (scenario.id_of(title) for title in ("One Paper", "Two Papers", "Three Papers"))
    merge_papers(scenario.engine, two, three, now=scenario.now)
    row = merge_papers(scenario.engine, one, two, now=scenario.now)
    assert (row["id"], row["merged"]) == (one, [two, three])
    assert merge_papers(scenario.engine, three, one, now=scenario.now)["id"] == one
    assert scenario.titles() == ["One Paper"]


def test_merge_with_an_archived_paper_is_no_news(scenario: DumpScenario) -> None:
    scenario.drop("old.txt", page("Mar 1", "Quantum Lattices"), backfill=True)
    scenario.drop("a.txt", page("Mar 3", "On Lattices"))
    merge_papers(
        scenario.engine, scenario.id_of("On Lattices"), scenario.id_of("Quantum Lattices"), now=scenario.now
    )
    assert scenario.news() == set()


def test_merge_refuses_what_cannot_be_meant(scenario: DumpScenario) -> None:
    scenario.drop("a.txt", page("Mar 3", "One Paper"))
    with pytest.raises(UsageError, match="itself"):
        merge_papers(scenario.engine, 1, 1, now=scenario.now)
    with pytest.raises(NotFoundError, match="there is no paper 9"):
        merge_papers(scenario.engine, 1, 9, now=scenario.now)


def test_split_undoes_a_merge_and_the_paper_inherits(twins: DumpScenario) -> None:
    kept, other = twins.id_of("Quantum Lattices"), twins.id_of("On Lattices")
    merge_papers(twins.engine, kept, other, now=twins.now)
    row = split_papers(twins.engine, other, now=twins.now)
    assert (row["id"], row["title"], row["edition"], row["first_listed_on"]) == (
        other,
        "On Lattices",
        1,
        "2026-03-04",
    )
    assert [(item["verb"], item["news"]) for item in row["decisions"]] == [("merge", False), ("split", False)]
    assert twins.news() == set()
    assert twins.titles() == ["Quantum Lattices", "On Lattices"]
    assert possibly_same(twins.engine) == []


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("url", "https://huggingface.co/papers/2603.00001"),
        ("project_url", "https://lattices.example.org"),
        ("arxiv_id", "2603.00001"),
        ("doi", "10.1000/1"),
        ("categories", ["quant-ph"]),
        ("author_names", ["A. Author"]),
    ],
)
def test_merge_takes_over_what_is_lacking_and_a_split_gives_it_back(
    twins: DumpScenario, column: str, value: object
) -> None:
    kept, other = twins.id_of("Quantum Lattices"), twins.id_of("On Lattices")
    with writing(twins.engine) as connection:
        connection.execute(update(papers).where(papers.c.id == other).values(**{column: value}))
    before = rows_of(twins, kept, other)
    merge_papers(twins.engine, kept, other, now=twins.now)
    assert rows_of(twins, kept)[0][column] == value
    split_papers(twins.engine, other, now=twins.now)
    after = rows_of(twins, kept, other)
    changed = {name for old, new in zip(before, after, strict=True) for name in old if old[name] != new[name]}
    assert changed <= {"edition"}  # the paper split off counts as given


def rows_of(scenario: DumpScenario, *ids: int) -> list[dict[str, object]]:
    with reading(scenario.engine) as connection:
        return [dict(merging.require(connection, paper)._mapping) for paper in ids]


def test_split_told_to_be_news_is_news(twins: DumpScenario) -> None:
    kept, other = twins.id_of("Quantum Lattices"), twins.id_of("On Lattices")
    merge_papers(twins.engine, kept, other, now=twins.now)
    split_papers(twins.engine, kept, other, news=True, now=twins.now)  # either order names the merged one
    assert twins.news() == {("On Lattices", "everything")}


def test_split_of_a_merge_before_any_edition_leaves_both_news(scenario: DumpScenario) -> None:
    scenario.drop("a.txt", page("Mar 3", "One Paper", "Two Papers"))
    merge_papers(scenario.engine, 1, 2, now=scenario.now)
    assert scenario.news() == {("One Paper", "everything")}
    split_papers(scenario.engine, 2, now=scenario.now)
    assert scenario.news() == {("One Paper", "everything"), ("Two Papers", "everything")}


def test_split_keeps_apart_what_only_looks_alike(twins: DumpScenario) -> None:
    news = twins.news()
    split_papers(twins.engine, twins.id_of("On Lattices"), twins.id_of("Quantum Lattices"), now=twins.now)
    assert possibly_same(twins.engine) == []
    assert twins.news() == news
    text = abstract_of("x")  # a new wording is compared again, and the verdict stands
    twins.drop("c.txt", page("Mar 5", PrintedPaper(title="On Lattices", abstract=reworded(text, 0.2))))
    assert possibly_same(twins.engine) == []


def test_split_needs_something_to_split(scenario: DumpScenario) -> None:
    scenario.drop("a.txt", page("Mar 3", "One Paper"))
    with pytest.raises(UsageError, match="not merged"):
        split_papers(scenario.engine, 1, now=scenario.now)
    with pytest.raises(UsageError, match="itself"):
        split_papers(scenario.engine, 1, 1, now=scenario.now)
    with pytest.raises(NotFoundError, match="there is no paper 9"):
        split_papers(scenario.engine, 9, now=scenario.now)


def correct(
    scenario: DumpScenario, title: str, *, add: tuple[str, ...] = (), remove: tuple[str, ...] = ()
) -> list[str]:
    row = correct_topics(
        scenario.engine,
        scenario.id_of(title),
        add=add,
        remove=remove,
        known_topics=TOPICS,
        matcher=scenario.matcher,
        now=scenario.now,
    )
    return [f"{topic['topic']} {topic['by']}" for topic in row.row["topics"]]


def test_correct_topics_beats_the_rules_and_survives_a_rematch(scenario: DumpScenario) -> None:
    scenario.drop("a.txt", page("Mar 3", "Quantum Lattices"))
    assert correct(scenario, "Quantum Lattices", add=("circuits",), remove=("quantum",)) == ["circuits admin"]
    with writing(scenario.engine) as connection:
        assert rematch(connection, scenario.matcher) == 1
    [row] = scenario.papers()
    assert row["topics"] == [
        {"topic": "circuits", "score": 1.0, "evidence": ["added by hand"], "by": "admin"}
    ]
    assert scenario.news() == {("Quantum Lattices", "everything"), ("Quantum Lattices", "circuits")}
    assert correct(scenario, "Quantum Lattices", add=("quantum",), remove=("circuits",)) == ["quantum admin"]


def test_correct_topics_of_a_published_paper_ends_and_makes_pairs(scenario: DumpScenario) -> None:
    scenario.drop("a.txt", page("Mar 3", "Quantum Lattices"))
    scenario.publish()
    scenario.now += timedelta(days=1)
    correct(scenario, "Quantum Lattices", add=("circuits",), remove=("quantum",))
    assert scenario.withdrawn_pairs() == {("Quantum Lattices", "quantum")}
    assert scenario.news() == {("Quantum Lattices", "circuits")}
    scenario.publish()
    correct(scenario, "Quantum Lattices", add=("quantum",))
    assert scenario.news() == {("Quantum Lattices", "quantum")}


def test_rematch_with_other_rules_is_no_news_of_published_papers(scenario: DumpScenario) -> None:
    scenario.drop("a.txt", page("Mar 3", "Quantum Lattices"))
    scenario.publish()
    with writing(scenario.engine) as connection:
        assert rematch(connection, WordMatcher("lattices"), [1, 99]) == 1
    assert [topic["topic"] for topic in scenario.papers()[0]["topics"]] == ["lattices"]
    assert scenario.news() == set()


def test_correct_topics_refuses_what_cannot_be_meant(scenario: DumpScenario) -> None:
    scenario.drop("a.txt", page("Mar 3", "Quantum Lattices"))
    with pytest.raises(NotFoundError, match="there is no topic 'cooking'"):
        correct(scenario, "Quantum Lattices", add=("cooking",))
    with pytest.raises(UsageError, match="holds every paper"):
        correct(scenario, "Quantum Lattices", remove=("everything",))
    with pytest.raises(UsageError, match="at once"):
        correct(scenario, "Quantum Lattices", add=("quantum",), remove=("quantum",))


def test_an_added_topic_of_a_withdrawn_paper_is_no_news(scenario: DumpScenario) -> None:
    scenario.drop("a.txt", page("Mar 3", "Some Paper", "Other Paper"))
    scenario.publish()
    paper = scenario.id_of("Some Paper")
    for _ in range(2):
        correct_topics(
            scenario.engine,
            paper,
            add=["quantum"],
            known_topics=TOPICS,
            matcher=scenario.matcher,
            now=scenario.now,
        )
    assert scenario.news() == {("Some Paper", "quantum")}
    scenario.publish()
    scenario.withdraw("a.txt")
    assert (scenario.news(), scenario.publish()) == (set(), None)
