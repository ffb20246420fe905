"""The memory of an import does not grow with the roster.

`benchmarks/rosters.py` measures whole imports, in time and in the memory of a process.
"""

from __future__ import annotations

import csv
import sys
import tracemalloc
from pathlib import Path

import pytest

from newsletter.db.engine import open_engine, writing
from subscribers.preferences import Preferences
from subscribers.roster.duplicates import DuplicateIndex
from subscribers.roster.importer import import_rows
from subscribers.roster.reader import Roster
from subscribers.roster.row_parser import ImportPolicy
from tests.databases import migrated_url
from tests.subscribers.conftest import KEY, NOON, TOPICS

pytestmark = pytest.mark.full

MAX_GROWTH = 1.2  # of the peak, from a tenth of the rows to all of them


def _roster(path: Path, rows: int) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["email", "name", "topics", "cadence", "weekday", "hour", "timezone"])
        for n in range(rows):
            weekly = n % 3 == 0
            out.writerow(
                [
                    f"reader{n}@host{n % 5000}.example.org",
                    f"Réader {n}",
                    ";".join(TOPICS[: n % 3 + 1]),
                    "weekly" if weekly else "daily",
                    "friday" if weekly else "",
                    n % 24,
                    ("UTC", "Europe/Berlin", "America/New_York")[n % 3],
                ]
            )
    return path


def _import(path: Path, database: Path) -> None:
    engine = open_engine(migrated_url(database.parent, database.name))
    policy = ImportPolicy(
        known_topics=TOPICS,
        default_topics=("everything",),
        defaults=Preferences(),
        confirmed=True,
        now=NOON,
        suppression_key=KEY,
    )
    added = 0
    with Roster(path) as roster, DuplicateIndex() as seen:
        for batch in roster.batches():
            with writing(engine) as connection:
                added += import_rows(connection, batch, policy=policy, seen=seen).added
    engine.dispose()
    with path.open(encoding="utf-8") as file:
        assert added == sum(1 for _ in file) - 1


def _peak(tmp_path: Path, rows: int) -> int:
    path = _roster(tmp_path / f"peak{rows}.csv", rows)
    tracemalloc.start()
    _import(path, tmp_path / f"peak{rows}.sqlite3")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    sys.stdout.write(f"{rows} rows: at most {peak / 2**20:.1f} MiB\n")
    return peak


def test_import_rows_uses_constant_memory(tmp_path: Path) -> None:
    _peak(tmp_path, 6_000)
    few = _peak(tmp_path, 4_000)
    assert _peak(tmp_path, 12_000) <= MAX_GROWTH * few
