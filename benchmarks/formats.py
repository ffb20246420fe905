"""Measures how fast each format is read and ingested, and what hostile files cost.

python benchmarks/formats.py [--papers 1000] [--size 10000000] [--folder DIR]

The shipped papers, numbered anew, are written in each shape of a listing. It prints the papers that a CPU
second reads, and how many go through the whole of ingest; and the ratio of reading to a reference of the same
run: the parser of that format alone over the same bytes, or a plain loop over their lines. Then it prints
seconds of CPU and peak memory for each hostile file of tests/sources/hostile_files.py, `--size` bytes each
(0: none). Run it on a quiet machine. Exits 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from email import message_from_bytes
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lxml import etree, html

from newsletter.db.engine import open_engine
from newsletter.db.migrate import upgrade
from newsletter.pipeline.intake.ingest import ingest_bytes
from newsletter.sources.registry import read_listing
from newsletter.topics.definitions import load_topics
from newsletter.topics.matcher import Matcher
from tests.sources.hostile_files import HOSTILE, costs, warm_up
from tests.sources.shapes import SHAPES, Shape
from tests.sources.shapes.records import Record, shipped_records

MIN_SPEED = {".json": 500, ".html": 300}  # papers a second through ingest
MOST_SECONDS = 1.0  # of CPU for a hostile file
MOST_MEMORY = 25  # times the size of a hostile file
DAY = date(2026, 2, 2)
NOW = datetime(2026, 2, 2, 9, tzinfo=UTC)
PER_FILE = 50


def numbered(papers: int) -> list[Record]:
    """So many papers with titles, abstracts and identifiers of their own."""
    rng, found = random.Random(20260202), []
    for number, record in zip(range(papers), itertools.cycle(shipped_records()), strict=False):
        words = record.abstract.split()
        rng.shuffle(words)  # the same abstract would make it a new version of the same paper
        title = f"{record.title} {number}"
        found.append(
            dataclasses.replace(record, id=f"2602.{number:05}", title=title, abstract=" ".join(words))
        )
    return found


def reference(shape: Shape) -> tuple[str, Callable[[bytes], object]]:
    """A name, and the parser alone that a program for this shape would call."""
    if shape.suffix == ".json":
        return "json.loads", json.loads
    if shape.suffix == ".jsonl":
        return "json.loads", lambda data: [json.loads(line) for line in data.splitlines()]
    if shape.suffix == ".xml":
        return "lxml.etree", etree.fromstring
    if shape.suffix == ".html":
        return "lxml.html", html.document_fromstring
    if shape.suffix == ".eml":
        return "email", lambda data: message_from_bytes(data).get_payload(decode=True)
    return "a loop of lines", lambda data: [line.split() for line in data.decode().splitlines()]


def cpu(call: Callable[[], object]) -> float:
    """Seconds of CPU that a call takes."""
    begin = time.process_time()
    call()
    return max(time.process_time() - begin, 1e-6)


def measure_formats(papers: int, folder: Path) -> list[str]:
    """Print a line for each shape; returns the bars that are missed."""
    records, missed = numbered(papers), []
    matcher = Matcher(load_topics())
    print(f"{'shape':30} {'read/s':>8} {'ingest/s':>9} {'times':>7}  reference")
    for number, (name, shape) in enumerate(SHAPES.items()):
        files = [shape.write(records[n : n + PER_FILE], DAY) for n in range(0, papers, PER_FILE)]
        read_listing(files[0], name="x")
        parser, alone = reference(shape)
        plain = cpu(lambda files=files, alone=alone: [alone(data) for data in files])
        reading = cpu(lambda files=files: [read_listing(data, name="x") for data in files])
        engine = open_engine(f"sqlite:///{folder / str(number)}.db")
        upgrade(engine)
        reports = []
        begin = time.process_time()
        for place, data in enumerate(files):
            report = ingest_bytes(
                engine,
                data,
                name=f"{place}{shape.suffix}",
                archive=folder / f"dumps{number}",
                matcher=matcher,
                now=NOW,
            )
            reports.append(report)
        ingesting = time.process_time() - begin
        engine.dispose()
        if any(report.status != "ingested" for report in reports):
            missed.append(f"{name}: {reports[0].status}: {reports[0].error}")
        if papers / ingesting < MIN_SPEED.get(shape.suffix, 0):
            missed.append(f"{name}: fewer than {MIN_SPEED[shape.suffix]} papers/s")
        print(
            f"{name:30} {papers / reading:8,.0f} {papers / ingesting:9,.0f} {reading / plain:7.1f}  {parser}",
            flush=True,
        )
    return missed


def measure_hostile(size: int) -> list[str]:
    """Print a line for each hostile file; returns the bars that are missed."""
    warm_up()
    missed = []
    print(f"\n{'hostile file':42} {'seconds':>7} {'MB':>6}  what came of it")
    for name in HOSTILE:
        seconds, peak, said = costs(name, size)
        print(f"{name:42} {seconds:7.2f} {peak / 1e6:6.0f}  {said[:90]}", flush=True)
        if seconds > MOST_SECONDS:
            missed.append(f"{name}: {seconds:.1f} s")
        if peak > MOST_MEMORY * max(size, 1_000_000):
            missed.append(f"{name}: {peak / 1e6:.0f} MB")
    return missed


def main() -> int:
    """Measure, print, and say whether the bars hold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--papers", type=int, default=1000, help="in each shape")
    parser.add_argument("--size", type=int, default=10_000_000, help="bytes of a hostile file; 0: none")
    parser.add_argument("--folder", type=Path, help="folder of the stores; default: a temporary folder")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        missed = measure_formats(asked.papers, Path(folder))
    if asked.size:
        missed += measure_hostile(asked.size)
    for bar in missed:
        print(f"missed: {bar}")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
