"""The same statements on PostgreSQL: ingest, publish, withdraw, merge, split, replay, list."""

from __future__ import annotations

from pathlib import Path

from newsletter.pipeline.curation.corrections import merge_papers, possibly_same, split_papers
from tests.pipeline.intake.scenario import DumpScenario, PrintedPaper, abstract_of, page, reworded


def story(stand: DumpScenario) -> list[object]:
    """What comes of a few days."""
    text = abstract_of("x")
    reports = [
        stand.drop("a.txt", page("Mar 3", "Quantum Lattices", PrintedPaper(title="Circuits", abstract=text))),
        stand.drop("old.txt", page("Mar 1", "Archived Notes"), backfill=True),
    ]
    stand.publish()
    later = PrintedPaper(title="Other Circuits", abstract=reworded(text), comments=3)
    changed = PrintedPaper(title="Quantum Lattices", abstract=reworded(abstract_of("Quantum Lattices")))
    reports.append(stand.drop("b.txt", page("Mar 4", changed, later, "Spikes")))
    [case] = possibly_same(stand.engine)
    merge_papers(stand.engine, case["other_id"], case["id"], now=stand.now)
    news = [stand.news()]
    split_papers(stand.engine, case["id"], news=True, now=stand.now)
    news.append(stand.news())
    stand.withdraw("a.txt")
    stand.redate("b.txt", "2025-03-04")
    stand.replay("b.txt")
    rows = [
        {**row, "id": 0}
        for asked in ({}, {"edition": "next"}, {"dump": "b.txt"})
        for row in stand.papers(**asked)
    ]
    figures = [(item.status, item.entries, item.new, item.known, item.revised) for item in reports]
    return [figures, news, stand.withdrawn_pairs(), rows]


def test_ingest_on_postgresql_is_as_on_sqlite(tmp_path: Path, postgres_url: str) -> None:
    for name in ("lite", "postgres"):
        (tmp_path / name).mkdir()
    expected = story(DumpScenario(tmp_path / "lite"))
    stand = DumpScenario(tmp_path / "postgres", url=postgres_url)
    assert story(stand) == expected
    stand.engine.dispose()
