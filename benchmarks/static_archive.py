"""Measures the static copy of an archive: a whole build, and the build after one more edition.

python benchmarks/static_archive.py ARCHIVE [--folder DIR]

ARCHIVE: gzipped JSON lines, a paper each: {"day", "id", "title", "summary", "authors", "organization",
"published", "upvotes", "comments", "github"}. All but the last day goes into an empty database as an archive,
the last day comes as news in an edition. It prints files and CPU seconds of each build, and their ratio to a
reference of the same run: copying as many files. Exits 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from daily_papers import days_of
from search import load

from newsletter.db.engine import default_url, open_engine
from newsletter.db.migrate import upgrade
from newsletter.pipeline.archive.static_build import StaticSite, build_archive
from newsletter.pipeline.content.digest_renderer import topic_views
from newsletter.pipeline.intake.ingest import ingest_bytes
from newsletter.pipeline.publish import publish
from newsletter.render.page_renderer import PageRenderer
from newsletter.render.view_models import Brand
from newsletter.topics.definitions import load_topics
from newsletter.topics.matcher import Matcher

WHOLE_BAR, NEXT_BAR = 60.0, 3.0  # CPU seconds, for 6,651 papers
FIRST_LOAD_BAR = 300_000  # bytes of the search page with what it loads before anybody types
NOW = datetime(2026, 5, 2, 12, tzinfo=UTC)


def main() -> int:
    """Load, build twice, print; returns the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("archive", type=Path)
    parser.add_argument("--folder", type=Path, help="build there, and keep it")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return run(asked.archive, Path(folder), asked.folder or Path(folder) / "out")


def run(archive: Path, folder: Path, out: Path) -> int:
    """Measure in `folder`; returns the exit code."""
    engine = open_engine(default_url(folder))
    upgrade(engine)
    before, latest = folder / "before.jsonl.gz", split(archive, folder / "before.jsonl.gz")
    papers = load(engine, before)
    topics = load_topics()
    pages = PageRenderer(
        brand=Brand(), topics=topic_views(list(topics.values())), base_url="http://localhost:8000"
    )
    site = StaticSite(
        pages=pages,
        topics=topics,
        newsletter="Paper Digest",
        language="en",
        site_url="http://localhost:8000",
    )
    print(f"{papers} papers, and {len(latest)} of the next edition")
    failed, seconds = 0, {}
    for name, bar in (("whole", WHOLE_BAR), ("next", NEXT_BAR), ("same", NEXT_BAR)):
        if name == "next":
            data = json.dumps(latest).encode()
            ingest_bytes(
                engine, data, name="next.json", archive=folder / "dumps", matcher=Matcher(topics), now=NOW
            )
            publish(engine, now=NOW)
        started = time.process_time()
        report = build_archive(engine, out, site, now=NOW)
        seconds[name] = time.process_time() - started
        print(
            f"{name:6} {report.pages:7,} files {report.changed:7,} changed"
            f" {seconds[name]:7.2f} s CPU; bar {bar:.0f}"
        )
        failed |= seconds[name] > bar
    started = time.process_time()
    for number, file in enumerate([file for file in out.rglob("*") if file.is_file()]):
        (folder / f"reference-{number}").write_bytes(file.read_bytes())
    copied = time.process_time() - started
    print(f"a whole build takes {seconds['whole'] / copied:.0f} times as long as copying its files")
    first = [out / name for name in ("search.html", "search/words.js")]
    first += [out / "assets" / name for name in ("style.css", "archive.css", "static-search.js")]
    loaded = sum(file.stat().st_size for file in first)
    shards = sorted((file.stat().st_size for file in out.glob("search/words-*.js")), reverse=True)
    print(f"first load of the search: {loaded:,} bytes; bar {FIRST_LOAD_BAR:,}")
    print(f"{len(shards)} files of words, the largest {shards[0]:,} bytes")
    return int(failed or loaded > FIRST_LOAD_BAR)


def split(archive: Path, before: Path) -> list[dict[str, Any]]:
    """Write all days but the last one to `before`; returns the last one as an answer of the API."""
    with gzip.open(archive, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    last = max(row["day"] for row in rows)
    with gzip.open(before, "wt", encoding="utf-8", compresslevel=1) as kept:
        kept.writelines(json.dumps(row) + "\n" for row in rows if row["day"] != last)
    return days_of(archive)[last]


if __name__ == "__main__":
    sys.exit(main())
