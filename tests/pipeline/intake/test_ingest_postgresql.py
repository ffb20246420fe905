"""The same statements on PostgreSQL: ingest, publish, withdraw, merge, split, replay, list."""

from __future__ import annotations

from pathlib import Path

from newsletter.pipeline.curation.corrections import merge_papers, possibly_same, split_papers
from tests.pipeline.intake.scenario import DumpScenario, PrintedPaper, abstract_of, page, reworded


def story(scenario: DumpScenario) -> list[object]:
    """What comes of a few days."""
    text = abstract_of("x")
    reports = [
        scenario.drop(
            "a.txt", page("Mar 3", "Quantum Lattices", PrintedPaper(title="Circuits", abstract=text))
        ),
        scenario.drop("old.txt", page("Mar 1", "Archived Notes"), backfill=True),
    ]
    scenario.publish()
    later = PrintedPaper(title="Other Circuits", abstract=reworded(text), comments=3)
    changed = PrintedPaper(title="Quantum Lattices", abstract=reworded(abstract_of("Quantum Lattices")))
    reports.append(scenario.drop("b.txt", page("Mar 4", changed, later, "Spikes")))
    [case] = possibly_same(scenario.engine)
    merge_papers(scenario.engine, case["other_id"], case["id"], now=scenario.now)
    news = [scenario.news()]
    split_papers(scenario.engine, case["id"], news=True, now=scenario.now)
    news.append(scenario.news())
    scenario.withdraw("a.txt")
    scenario.redate("b.txt", "2025-03-04")
    scenario.replay("b.txt")
    rows = [
        {**row, "id": 0}
        for asked in ({}, {"edition": "next"}, {"dump": "b.txt"})
        for row in scenario.papers(**asked)
    ]
    figures = [(item.status, item.entries, item.new, item.known, item.revised) for item in reports]
    return [figures, news, scenario.withdrawn_pairs(), rows]


def test_ingest_on_postgresql_is_as_on_sqlite(tmp_path: Path, postgres_url: str) -> None:
    for name in ("lite", "postgres"):
        (tmp_path / name).mkdir()
    expected = story(DumpScenario(tmp_path / "lite"))
    scenario = DumpScenario(tmp_path / "postgres", url=postgres_url)
    assert story(scenario) == expected
    scenario.engine.dispose()
