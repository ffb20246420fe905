"""The rows of `papers list`: filters, their order, and errors."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event

from newsletter.core.errors import NotFoundError
from tests.pipeline.intake.scenario import DumpScenario, page


@pytest.fixture
def scenario(tmp_path: Path) -> DumpScenario:
    scenario = DumpScenario(tmp_path)
    scenario.drop("b.txt", page("Mar 4", "Circuits of Spikes", "Quantum Circuits"))
    scenario.publish()
    scenario.now += timedelta(days=1)
    scenario.drop("c.txt", page("Mar 5", "Quantum Lattices", "Circuits of Spikes", "Photons"))
    scenario.drop("old.txt", page("Mar 1", "Archived Quantum Notes"), backfill=True)
    return scenario


def test_rows_are_sorted_by_first_listing(scenario: DumpScenario) -> None:
    assert scenario.titles() == [
        "Archived Quantum Notes",
        "Circuits of Spikes",
        "Quantum Circuits",
        "Quantum Lattices",
        "Photons",
    ]
    assert [row["edition"] for row in scenario.papers()] == [None, 1, 1, None, None]


def test_rows_of_a_topic_are_those_that_surely_belong(scenario: DumpScenario) -> None:
    expected = ["Archived Quantum Notes", "Quantum Circuits", "Quantum Lattices"]
    assert scenario.titles(topic="quantum") == expected
    assert len(scenario.titles(topic="everything")) == 5
    with pytest.raises(NotFoundError, match="there is no topic 'cooking'"):
        scenario.titles(topic="cooking", known_topics=("quantum",))


def test_rows_of_a_dump_come_in_its_order(scenario: DumpScenario) -> None:
    assert scenario.titles(dump="c.txt") == ["Quantum Lattices", "Circuits of Spikes", "Photons"]
    assert scenario.titles(dump="c.txt", topic="circuits") == ["Circuits of Spikes"]
    with pytest.raises(NotFoundError, match="there is no dump"):
        scenario.titles(dump="x.txt")


def test_rows_of_an_edition_and_of_the_next(scenario: DumpScenario) -> None:
    assert scenario.titles(edition=1) == ["Circuits of Spikes", "Quantum Circuits"]
    assert scenario.titles(edition="1", topic="quantum") == ["Quantum Circuits"]
    assert scenario.titles(edition="next") == ["Quantum Lattices", "Photons"]
    assert scenario.titles(edition="next", topic="quantum") == ["Quantum Lattices"]
    assert scenario.titles(edition="next", dump="b.txt") == []
    for unknown in (2, "2", "soon"):
        with pytest.raises(NotFoundError, match="there is no edition"):
            scenario.titles(edition=unknown)


def test_rows_take_a_fixed_number_of_statements(scenario: DumpScenario) -> None:
    statements: list[str] = []

    def count(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    event.listen(scenario.engine, "before_cursor_execute", count)
    scenario.papers()
    few = len(statements)
    scenario.drop("d.txt", page("Mar 6", *(f"Zebras of Herd {number}" for number in range(40))))
    statements.clear()
    assert len(scenario.papers()) == 45
    assert len(statements) == few


def test_show_tells_the_history_of_a_paper(scenario: DumpScenario) -> None:
    shown = scenario.show(scenario.id_of("Circuits of Spikes"))
    assert [(item["file"], item["listed_on"], item["position"]) for item in shown["listings"]] == [
        ("b.txt", "2026-03-04", 1),
        ("c.txt", "2026-03-05", 2),
    ]
    assert [text["number"] for text in shown["revisions"]] == [1]
    assert (shown["merged"], shown["identifiers"], shown["decisions"]) == ([], [], [])
    with pytest.raises(NotFoundError, match="there is no paper 99"):
        scenario.show(99)
