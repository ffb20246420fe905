"""Looking for news costs the same however many papers are known."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Select

from newsletter.db.engine import open_engine, reading
from newsletter.papers.unpublished import unpublished_maybes, unpublished_pairs
from tests.databases import migrated_url

SMALL_TABLES = ("ix_papers_news", "ix_paper_topics_admin")  # partial indexes: they hold few rows


@pytest.mark.parametrize("statement", [unpublished_pairs(), unpublished_maybes()], ids=["pairs", "maybes"])
def test_news_are_found_without_reading_all_papers(tmp_path: Path, statement: Select[tuple[object]]) -> None:
    engine = open_engine(migrated_url(tmp_path))
    text = str(statement.compile(engine, compile_kwargs={"literal_binds": True}))
    with reading(engine) as connection:
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")]
    scans = [step for step in plan if step.startswith("SCAN ") and "anon" not in step]
    assert scans != []
    assert [step for step in scans if not step.endswith(SMALL_TABLES)] == []
