"""Measures ingest: papers a second with a million known papers, compared with few known papers.

python benchmarks/ingest.py [--known 1000000] [--few 10000] [--papers 10000] [--per-dump 50] [--folder DIR]

It fills two stores, one with `--few` papers and one with `--known`. Then it ingests the same dumps into both
alternately, so that both run on an equally busy machine. Everything counts: reading the file, parsing,
storing the bytes, identity, candidates, topics, the commit. The known papers have texts, revisions, keys,
bands and listings of usual size. New papers share bands with unrelated known papers as often as real
abstracts do, and one paper in 50 overlaps strongly with a known one. Exits 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, Engine
from sqlmodel import SQLModel

import newsletter.db.tables
import subscribers.tables
from newsletter.core.papers.identity import title_key
from newsletter.core.papers.overlap import BANDS, bands, triples
from newsletter.db.engine import open_engine, writing
from newsletter.db.search_index import create_indexes
from newsletter.pipeline.intake.ingest import ingest
from newsletter.sources.registry import read_listing
from newsletter.topics.definitions import load_topics
from newsletter.topics.matcher import Matcher

assert newsletter.db.tables
assert subscribers.tables
MIN_SPEED = 500  # papers a second
MAX_RATIO = 1.3  # time with many known papers over time with few
BY_CHANCE = 1e-6  # of unrelated pairs share a band: 0.9e-6 over 615 real abstracts and 60 hash functions
TWIN_EVERY = 50  # papers; one of them has a new title and a known abstract
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
STAMP = "2026-01-01 09:00:00.000000"
TOPICAL = ("quantum circuits", "spiking neurons", "mechanistic interpretability", "analog circuit sizing")
COMMON = ("the", "of", "a", "and", "to", "in", "we", "for", "that", "with", "on", "is", "by", "this", "our")


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A generated paper."""

    title: str
    abstract: str


def vocabulary(rng: random.Random) -> list[str]:
    """Some 8,000 pronounceable words."""
    starts, ends = ["b", "c", "d", "f", "gr", "l", "m", "n", "p", "qu", "r", "st", "tr", "v"], "aeiou"
    syllables = [start + end for start in starts for end in ends]
    return list(dict.fromkeys("".join(rng.choices(syllables, k=rng.choice((2, 3, 3)))) for _ in range(8_000)))


def new_papers(rng: random.Random, words: list[str], number: int) -> list[Paper]:
    """Papers as long as real ones (abstracts of some 1,300 characters), a quarter of them on some topic."""
    found = []
    for place in range(number):
        title = " ".join(rng.choices(words, k=9)).title() + f" {place}"
        text = [rng.choice(COMMON) if rng.random() < 0.4 else rng.choice(words) for _ in range(190)]
        text[0], text[19] = "we propose", "results show"  # without words of abstracts a listing is held
        text[1:6] = title.lower().split()[:5]  # and a title that shares none with its abstract is no title
        if rng.random() < 0.25:
            text[rng.randrange(150)] = rng.choice(TOPICAL)
        sentences = [" ".join(text[start : start + 19]).capitalize() + "." for start in range(0, 190, 19)]
        found.append(Paper(title=title, abstract=" ".join(sentences)))
    return found


def page(papers: list[Paper], day: datetime) -> str:
    """A dump as docs/explanation/sources.md describes it."""
    lines = ["Daily Papers", "", "byAK and the research community", "", f"{day:%b} {day.day}", ""]
    for number, paper in enumerate(papers):
        lines += [paper.title, "", paper.abstract, ""]
        if number % 3:
            lines += [f"  • {number % 9 + 1} authors", "·", f"{day:%b} {day.day}, 2024 {number % 5}", ""]
    return "\n".join(lines)


def fill(
    engine: Engine, known: int, *, rng: random.Random, words: list[str], coming: list[Paper], per_dump: int
) -> None:
    """Store `known` papers, published long ago."""
    pool = [" ".join(rng.choices(words, k=18)).capitalize() + "." for _ in range(20_000)]

    def rows(start: int, end: int) -> Iterator[tuple[int, str, str, int, int]]:
        for paper_id in range(start, end):
            title = " ".join(rng.choices(words, k=9)).title()
            yield (
                paper_id,
                title,
                " ".join(rng.choices(pool, k=9)),
                (paper_id - 1) // per_dump + 1,
                paper_id % per_dump,
            )

    with writing(engine) as connection:
        run = connection.exec_driver_sql
        run(
            "INSERT INTO dumps (id, sha256, file, size, status, listed_on, received_at, ingested_at, "
            "backfill, entries, new, known, revised, nonblank_lines, unread_lines) "
            "VALUES (?, ?, 'base.txt', 1, 'ingested', '2025-06-01', ?, ?, 0, 0, 0, 0, 0, 0, 0)",
            [(number, f"base-{number}", STAMP, STAMP) for number in range(1, known // per_dump + 2)],
        )
        for start in range(1, known + 1, 50_000):
            run(
                "INSERT INTO papers (id, title, abstract, first_dump_id, first_position, first_listed_on, "
                "ingested_at, backfill, revision, edition) "
                f"VALUES (?, ?, ?, ?, ?, '2025-06-01', '{STAMP}', 0, 1, 1)",
                list(rows(start, min(start + 50_000, known + 1))),
            )
        twins = [
            (paper.abstract, rng.randint(1, known))
            for paper in coming[::TWIN_EVERY][: max(known // TWIN_EVERY, 1)]
        ]
        run("UPDATE papers SET abstract = ? WHERE id = ?", twins)
        run(
            "INSERT INTO paper_revisions (paper_id, number, title, abstract, dump_id, recorded_at) "
            f"SELECT id, 1, title, abstract, first_dump_id, '{STAMP}' FROM papers"
        )
        run(
            "INSERT INTO listed_entries (dump_id, position, paper_id, line, printed, title) "
            "SELECT first_dump_id, first_position, id, 1, '2024-05-01', title FROM papers ORDER BY 1, 2"
        )
        run(
            "INSERT INTO paper_keys (scheme, key, paper_id) "
            "SELECT 'title', lower(replace(title, ' ', '')), id FROM papers ORDER BY 2"
        )
        _fill_bands(connection, known, rng=rng, coming=coming, twins=twins)
        run(
            'INSERT INTO paper_topics (paper_id, topic, score, strength, evidence, "by") '
            "SELECT id, 'circuits', 0.7, 'strong', '[\"circuit\"]', 'rules' FROM papers WHERE id % 4 = 0"
        )


def _fill_bands(
    connection: Connection,
    known: int,
    *,
    rng: random.Random,
    coming: list[Paper],
    twins: list[tuple[str, int]],
) -> None:
    run = connection.exec_driver_sql
    run(
        f"WITH RECURSIVE band(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM band WHERE n < {BANDS}) "
        "INSERT INTO paper_bands (band, paper_id) "
        "SELECT random() & 9223372036854775807, id FROM papers, band ORDER BY 1"
    )
    shared = [(key, paper_id) for abstract, paper_id in twins for key in bands(triples(abstract))]
    for paper in coming:
        chances = known * BY_CHANCE
        times = int(chances) + (rng.random() < chances % 1)
        shared += [(rng.choice(bands(triples(paper.abstract))), rng.randint(1, known)) for _ in range(times)]
    run("INSERT OR IGNORE INTO paper_bands (band, paper_id) VALUES (?, ?)", sorted(set(shared)))


def measure(*, known: int, few: int, papers: int, per_dump: int, folder: Path) -> dict[str, float]:
    """Papers a second with few and with many known, the ratio of the times, and the overlaps found."""
    rng = random.Random(20261122)
    words = vocabulary(rng)
    coming = new_papers(rng, words, papers)
    matcher = Matcher(load_topics())
    assert title_key("Bado Cemi") == "badocemi"  # `fill` makes keys in this way
    paths = []
    for start in range(0, papers, per_dump):
        day = NOW - timedelta(days=300 - start // per_dump)
        path = folder / f"dump-{start:06}-{day:%Y-%m-%d}.txt"
        path.write_text(page(coming[start : start + per_dump], day), encoding="utf-8")
        paths.append(path)
    stores = {}
    for name, number in (("few", few), ("known", known)):
        started = time.perf_counter()
        stores[name] = open_engine(f"sqlite:///{folder / name}.sqlite3")
        SQLModel.metadata.create_all(stores[name])
        with writing(stores[name]) as connection:
            create_indexes(connection)  # of search; the papers that are known are not in it
        fill(stores[name], number, rng=random.Random(1), words=words, coming=coming, per_dump=per_dump)
        print(f"{number:>9,} known papers stored in {time.perf_counter() - started:.0f} s", flush=True)
    for store in stores.values():
        store.dispose()  # closes the last connection, so that SQLite moves its log into the file
    os.sync()  # else the first commits would write gigabytes that filling left in the system's cache
    spent = dict.fromkeys(stores, 0.0)
    plain = 0.0
    overlaps = dict.fromkeys(stores, 0)
    new = dict.fromkeys(stores, 0)
    for number, path in enumerate(paths):
        started = time.perf_counter()
        for entry in read_listing(path.read_bytes(), name=path.name).entries:
            matcher.match(entry.title, entry.abstract)
        plain += time.perf_counter() - started
        for name in sorted(stores, reverse=bool(number % 2)):
            started = time.perf_counter()
            [report] = ingest(
                stores[name], [path], archive=folder / f"{name}-dumps", matcher=matcher, now=NOW
            )
            spent[name] += time.perf_counter() - started
            assert report.error is None, report.error
            new[name] += report.new
            overlaps[name] += len(report.possibly_same)
    joined = papers // TWIN_EVERY  # known abstracts under new titles are new versions
    assert set(new.values()) == {papers - joined}, new
    return {
        "few": papers / spent["few"],
        "known": papers / spent["known"],
        "ratio": spent["known"] / spent["few"],
        "plain": spent["known"] / plain,
        "overlaps": overlaps["known"],
    }


def main() -> int:
    """Measure, print, and say whether the bars hold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--known", type=int, default=1_000_000, help="papers known in the large store")
    parser.add_argument("--few", type=int, default=10_000, help="papers known in the small store")
    parser.add_argument("--papers", type=int, default=10_000, help="papers ingested into each")
    parser.add_argument("--per-dump", type=int, default=50)
    parser.add_argument("--folder", type=Path, help="folder of the stores; default: a temporary folder")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        found = measure(
            known=asked.known,
            few=asked.few,
            papers=asked.papers,
            per_dump=asked.per_dump,
            folder=Path(folder),
        )
    print(f"{found['few']:>9,.0f} papers/s with {asked.few:,} known")
    print(f"{found['known']:>9,.0f} papers/s with {asked.known:,} known (bar: {MIN_SPEED})")
    print(f"{found['ratio']:>9.2f} times as long (bar: {MAX_RATIO}); {found['overlaps']:,} overlaps reported")
    print(f"{found['plain']:>9.2f} times as long as a plain loop that parses and matches the same listings")
    return 0 if found["known"] >= MIN_SPEED and found["ratio"] <= MAX_RATIO else 1


if __name__ == "__main__":
    sys.exit(main())
