"""Measures search and related papers over an archive of papers, against a plain scan with LIKE.

python benchmarks/search.py ARCHIVE [--database URL] [--rounds N]

ARCHIVE: gzipped JSON lines, a paper each: {"day", "id", "title", "summary", "authors", "organization"}. It is
loaded as backfill into an empty database (default: SQLite in a temporary folder). For each kind of query it
prints the median and the 95th percentile in CPU milliseconds of this process, and the median's ratio to a
scan of all papers with `abstract LIKE '%word%'` in the same run. What PostgreSQL's server does is only in the
wall milliseconds, the last columns. Exits 1 when a 95th percentile of CPU time is above its bar.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median, quantiles

from sqlalchemy import Connection, Engine, select

from newsletter.core.papers.listing import Entry, ListedOn, Listing
from newsletter.db.engine import default_url, open_engine, reading, writing
from newsletter.db.migrate import upgrade
from newsletter.db.schema import papers
from newsletter.papers import dumps
from newsletter.papers.reconcile import reconcile
from newsletter.papers.related import related_papers
from newsletter.papers.search import parse_query, search
from newsletter.papers.visibility import Visibility
from newsletter.topics.definitions import load_topics
from newsletter.topics.matcher import Matcher

NOW = datetime(2026, 5, 1, tzinfo=UTC)
SEARCH_BAR, RELATED_BAR = 50, 20  # ms, 95th percentile
QUERIES = {
    "a rare word": ("memristor", "okapi", "thermodynamic", "tokamak", "sarcasm"),
    "a frequent word": ("model", "data", "language", "training", "image"),
    "several words": ("diffusion transformer", "video generation control", "graph retrieval", "code agent"),
    "a phrase": ('"large language model"', '"chain of thought"', "GPT-4", "self-attention"),
    "half typed": ("qua", "di", "transf", "reinf", "mo"),
    "author": ("author:chen", 'author:"yann lecun"', "author:wang vision"),
    "filters": ("topic:quantum", "from:2025-01 to:2025-03", "topic:robotics arm", "video from:2025-06"),
    "identifier": ("2405.15738", "https://arxiv.org/abs/2405.15738v2", "10.48550/arXiv.2405.15738"),
    "no such": ("xyzzy", "how do I make transformers faster on my phone", "the of and"),
    "hostile": (
        "NEAR(a b) * ^",
        "a " * 1000,
        "x" * 100_000,
        "' OR 1=1 --",
        '"' * 1000,
        "de* mo* re* in* co*",
    ),
}


def load(engine: Engine, archive: Path) -> int:
    """Store the papers of the archive; returns their number."""
    days: dict[str, list[Entry]] = {}
    with gzip.open(archive, "rt") as lines:
        for line in lines:
            row = json.loads(line)
            entries = days.setdefault(row["day"], [])
            named = row.get("organization")
            entries.append(
                Entry(
                    position=len(entries) + 1,
                    line=len(entries) + 1,
                    title=" ".join(row["title"].split()),
                    abstract=" ".join(row["summary"].split()),
                    author_names=tuple(row["authors"]),
                    organization=named if isinstance(named, str) else None,
                    identifiers=(("arxiv", row["id"]),),
                )
            )
    matcher = Matcher(load_topics())
    for number, (day, entries) in enumerate(sorted(days.items())):
        listed_on = date.fromisoformat(day)
        with writing(engine, exclusive=True) as connection:
            dump = {"sha256": f"{number:064}", "file": day, "size": 1, "status": "ingested", "backfill": True}
            dump_id = dumps.add(
                connection, dump | {"listed_on": listed_on, "received_at": NOW, "ingested_at": NOW}
            )
            listing = Listing(
                format="archive", printed=None, entries=tuple(entries), nonblank_lines=len(entries)
            )
            reconcile(
                connection,
                listing,
                dump_id=dump_id,
                matcher=matcher,
                now=NOW,
                backfill=True,
                decided=ListedOn(date=listed_on, source="option"),
            )
    return sum(map(len, days.values()))


def measure(calls: list[Callable[[], object]], rounds: int) -> tuple[float, float, float, float]:
    """Median and 95th percentile of all calls: CPU ms, then wall ms."""
    cpu, wall = [], []
    for call in calls:
        call()  # compiles its statements
    for _ in range(rounds):
        for call in calls:
            started = time.process_time(), time.perf_counter()
            call()
            cpu.append((time.process_time() - started[0]) * 1e3)
            wall.append((time.perf_counter() - started[1]) * 1e3)
    return median(cpu), quantiles(cpu, n=20)[-1], median(wall), quantiles(wall, n=20)[-1]


def scan(connection: Connection) -> float:
    """Milliseconds of CPU, and of waiting for a server, of a scan of all abstracts for a word."""
    chosen = select(papers.c.id).where(papers.c.abstract.like("%memristor%"))
    return measure([lambda: connection.execute(chosen).all()], 10)[0]


def main() -> int:
    """Load, measure, print; returns the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("archive", type=Path)
    parser.add_argument("--database")
    parser.add_argument("--rounds", type=int, default=20)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(asked.database or default_url(Path(folder)))
        upgrade(engine)
        print(f"{load(engine, asked.archive)} papers")
        failed = run(engine, asked.rounds)
        engine.dispose()
    return failed


def run(engine: Engine, rounds: int) -> int:
    """Measure and print each kind of query; returns whether a bar was missed."""
    view = Visibility.public({slug: slug != "circuits" for slug in load_topics()}, now=NOW)
    missed = 0
    with reading(engine) as connection:
        base = scan(connection)
        print(f"scan with LIKE: {base:.1f} ms\n{'':16} p50 ms  p95 ms  ratio  wall p50  wall p95")

        def searching(typed: str) -> Callable[[], object]:
            return lambda: search(connection, parse_query(typed, is_typing=True), view=view)

        def relating(paper_id: int) -> Callable[[], object]:
            return lambda: related_papers(connection, paper_id, view=view)

        kinds = {name: [searching(typed) for typed in typed_] for name, typed_ in QUERIES.items()}
        ids = connection.execute(select(papers.c.id).where(papers.c.id % 97 == 0)).scalars()
        kinds["related papers"] = [relating(paper_id) for paper_id in ids]
        for name, calls in kinds.items():
            middle, high, *wall = measure(calls, rounds if len(calls) < 10 else 1)
            bar = RELATED_BAR if name == "related papers" else SEARCH_BAR
            missed |= high > bar
            print(
                f"{name:16} {middle:6.1f}  {high:6.1f}  {middle / base:5.2f}  {wall[0]:8.1f}  {wall[1]:8.1f}"
            )
    return missed


if __name__ == "__main__":
    sys.exit(main())
