"""The bar of rosters: 100,000 rows in at most four times the time of reading the CSV and checking addresses.

And in memory that does not grow with the roster.
"""

from __future__ import annotations

import csv
import sys
import time
import tracemalloc
from pathlib import Path

import pytest
from sqlmodel import SQLModel

from newsletter.db.engine import open_engine, writing
from subscribers.preferences import Preferences
from subscribers.roster.reading import Roster
from subscribers.roster.seen import Seen
from subscribers.roster.taking import take_in
from subscribers.roster.wanting import Terms
from tests.subscribers.conftest import KEY, NOON, TOPICS

MOST_TIMES = 4  # of reading and checking alone
MOST_GROWTH = 1.2  # of the peak, from a tenth of the rows to all of them
ROUNDS = 3  # the machine is not ours alone: the best of some counts


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


def _check_alone(path: Path) -> float:
    from email_validator import validate_email

    start = time.process_time()
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            validate_email(row["email"], check_deliverability=False)
    return time.process_time() - start


def _take_in(path: Path, database: Path) -> float:
    engine = open_engine(f"sqlite:///{database}")
    SQLModel.metadata.create_all(engine)
    terms = Terms(
        known_topics=TOPICS,
        default_topics=("everything",),
        defaults=Preferences(),
        confirmed=True,
        now=NOON,
        suppression_key=KEY,
    )
    added = 0
    start = time.process_time()
    with Roster(path) as roster, Seen() as seen:
        for batch in roster.batches():
            with writing(engine) as connection:
                added += take_in(connection, batch, terms=terms, seen=seen).added
    taken = time.process_time() - start
    engine.dispose()
    with path.open(encoding="utf-8") as file:
        assert added == sum(1 for _ in file) - 1
    return taken


def _times(tmp_path: Path, rows: int) -> float:
    path = _roster(tmp_path / "roster.csv", rows)
    times = []
    for n in range(ROUNDS):
        before = _check_alone(path)
        taken = _take_in(path, tmp_path / f"{n}.sqlite3")
        times.append(taken / ((before + _check_alone(path)) / 2))
    sys.stdout.write(f"{rows} rows: {min(times):.2f} to {max(times):.2f} times reading and checking\n")
    return min(times)


def _peak(tmp_path: Path, rows: int) -> int:
    path = _roster(tmp_path / f"peak{rows}.csv", rows)
    tracemalloc.start()
    _take_in(path, tmp_path / f"peak{rows}.sqlite3")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    sys.stdout.write(f"{rows} rows: at most {peak / 2**20:.1f} MiB\n")
    return peak


@pytest.mark.prove
def test_take_in_of_100_000_rows_costs_little_more_than_reading_them(tmp_path: Path) -> None:
    assert _times(tmp_path, 100_000) <= MOST_TIMES


@pytest.mark.prove
def test_take_in_holds_its_memory_flat(tmp_path: Path) -> None:
    _peak(tmp_path, 6_000)  # what is kept for good (imports, statements, domains) is kept before
    few = _peak(tmp_path, 10_000)
    assert _peak(tmp_path, 100_000) <= MOST_GROWTH * few


def test_take_in_holds_its_memory_flat_in_small(tmp_path: Path) -> None:
    _peak(tmp_path, 6_000)
    few = _peak(tmp_path, 4_000)
    assert _peak(tmp_path, 12_000) <= MOST_GROWTH * few
