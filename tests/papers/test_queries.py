"""The rows of `papers list`: what each filter takes, in which order, and what it refuses."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event

from newsletter.core.errors import NotFoundError
from tests.pipeline.intake.scenario import DumpScenario, page


@pytest.fixture
def stand(tmp_path: Path) -> DumpScenario:
    stand = DumpScenario(tmp_path)
    stand.drop("b.txt", page("Mar 4", "Circuits of Spikes", "Quantum Circuits"))
    stand.publish()
    stand.now += timedelta(days=1)
    stand.drop("c.txt", page("Mar 5", "Quantum Lattices", "Circuits of Spikes", "Photons"))
    stand.drop("old.txt", page("Mar 1", "Archived Quantum Notes"), backfill=True)
    return stand


def test_rows_are_sorted_by_first_listing(stand: DumpScenario) -> None:
    assert stand.titles() == [
        "Archived Quantum Notes",
        "Circuits of Spikes",
        "Quantum Circuits",
        "Quantum Lattices",
        "Photons",
    ]
    assert [row["edition"] for row in stand.papers()] == [None, 1, 1, None, None]


def test_rows_of_a_topic_are_those_that_surely_belong(stand: DumpScenario) -> None:
    expected = ["Archived Quantum Notes", "Quantum Circuits", "Quantum Lattices"]
    assert stand.titles(topic="quantum") == expected
    assert len(stand.titles(topic="everything")) == 5
    with pytest.raises(NotFoundError, match="there is no topic 'cooking'"):
        stand.titles(topic="cooking", known_topics=("quantum",))


def test_rows_of_a_dump_come_in_its_order(stand: DumpScenario) -> None:
    assert stand.titles(dump="c.txt") == ["Quantum Lattices", "Circuits of Spikes", "Photons"]
    assert stand.titles(dump="c.txt", topic="circuits") == ["Circuits of Spikes"]
    with pytest.raises(NotFoundError, match="there is no dump"):
        stand.titles(dump="x.txt")


def test_rows_of_an_edition_and_of_the_next(stand: DumpScenario) -> None:
    assert stand.titles(edition=1) == ["Circuits of Spikes", "Quantum Circuits"]
    assert stand.titles(edition="1", topic="quantum") == ["Quantum Circuits"]
    assert stand.titles(edition="next") == ["Quantum Lattices", "Photons"]
    assert stand.titles(edition="next", topic="quantum") == ["Quantum Lattices"]
    assert stand.titles(edition="next", dump="b.txt") == []
    for unknown in (2, "2", "soon"):
        with pytest.raises(NotFoundError, match="there is no edition"):
            stand.titles(edition=unknown)


def test_rows_take_a_fixed_number_of_statements(stand: DumpScenario) -> None:
    statements: list[str] = []

    def count(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    event.listen(stand.engine, "before_cursor_execute", count)
    stand.papers()
    few = len(statements)
    stand.drop("d.txt", page("Mar 6", *(f"Spikes of Kind {number}" for number in range(40))))
    statements.clear()
    assert len(stand.papers()) == 45
    assert len(statements) == few


def test_show_tells_the_history_of_a_paper(stand: DumpScenario) -> None:
    shown = stand.show(stand.id_of("Circuits of Spikes"))
    assert [(item["file"], item["listed_on"], item["position"]) for item in shown["listings"]] == [
        ("b.txt", "2026-03-04", 1),
        ("c.txt", "2026-03-05", 2),
    ]
    assert [text["number"] for text in shown["revisions"]] == [1]
    assert (shown["merged"], shown["identifiers"], shown["decisions"]) == ([], [], [])
    with pytest.raises(NotFoundError, match="there is no paper 99"):
        stand.show(99)
