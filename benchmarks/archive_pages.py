"""Measures the pages of the archive over many stored papers, against a page that reads none.

python benchmarks/archive_pages.py ARCHIVE [--rounds N] [--days N] [--kept FOLDER] [--profile KIND]

ARCHIVE: gzipped JSON lines, a paper each: {"day", "id", "title", "summary", "authors", "organization"}. Each
day is ingested and published as an edition. Every page is asked for through the whole application, and what
counts is CPU time of this process. Prints for each kind the median and the slowest in milliseconds, and the
median's ratio to /healthz in the same run. Exits 1 when a median is above its bar.

--kept: keeps the newsletter in that folder, and uses the one that is there. --profile: shows where a kind
spends its time.
"""

from __future__ import annotations

import argparse
import cProfile
import gzip
import json
import pstats
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from sqlalchemy import func, select  # noqa: E402 - the path above is for it

from newsletter.db.engine import DEFAULT_FILE, reading  # noqa: E402
from newsletter.db.schema import editions, papers  # noqa: E402
from newsletter.render.archive_links import paper_path  # noqa: E402
from tests.smtp_servers.recording import RecordingServer  # noqa: E402
from tests.web.newsletter_site import NewsletterSite  # noqa: E402

BARS = {"paper": 20.0, "archive": 50.0, "month": 50.0, "topic": 50.0, "edition": 50.0}  # ms
TRIES = 40  # pages of a kind


def load(site: NewsletterSite, archive: Path, days: int) -> None:
    """Ingest each day of the archive and publish it. days: the last ones; 0: all."""
    found: dict[str, list[dict[str, object]]] = {}
    with gzip.open(archive, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            named = row.get("organization")
            found.setdefault(row["day"], []).append(
                {
                    "title": " ".join(row["title"].split()),
                    "abstract": " ".join(row["summary"].split()),
                    "authors": row["authors"],
                    "organization": named if isinstance(named, str) else "",
                    "arxiv_id": row["id"],
                }
            )
    for day in sorted(found)[-days:]:
        site.newsletter.ingest(json.dumps(found[day]).encode(), f"{day}.json", at=f"{day}T05:00")
        site.newsletter.publish(f"{day}T06:00")


def addresses(site: NewsletterSite) -> dict[str, list[str]]:
    """Some pages of each kind."""
    chosen = random.Random(1)
    with reading(site.newsletter.engine) as connection:
        rows = connection.execute(select(papers.c.id, papers.c.title)).all()
        numbers = list(connection.execute(select(editions.c.number)).scalars())
        first, last = connection.execute(
            select(func.min(papers.c.first_listed_on), func.max(papers.c.first_listed_on))
        ).one()
    months = sorted({f"{first:%Y-%m}", f"{last:%Y-%m}", "2025-01", "2025-03", "2025-10"})
    topics = list(site.newsletter.topics)
    return {
        "healthz": ["/healthz"],
        "link": ["/link"],
        "paper": [paper_path(row.id, row.title) for row in chosen.sample(rows, min(TRIES, len(rows)))],
        "edition": [f"/editions/{n}" for n in chosen.sample(numbers, min(TRIES, len(numbers)))],
        "archive": ["/archive"],
        "month": [f"/archive/{month}" for month in months if f"{first:%Y-%m}" <= month <= f"{last:%Y-%m}"],
        "topic": [f"/topics/{slug}{page}" for slug in topics for page in ("", "?page=2")],
        "missing": ["/papers/999999999", "/papers/0012-x", "/archive/1999-01", f"/topics/nope?page={10**18}"],
        "sample": ["/sample"],
        "search": ["/search?q=language+model", "/search?q=%22chain+of+thought%22"],
        "sitemap": ["/sitemap.xml", "/sitemaps/0.xml", "/sitemaps/1.xml"],
    }


def measure(site: NewsletterSite, paths: Sequence[str], rounds: int) -> list[float]:
    """CPU milliseconds of each request."""
    taken = []
    for _ in range(rounds):
        for path in paths:
            begun = time.process_time()
            site.browser.get(path, follow_redirects=False)
            taken.append((time.process_time() - begun) * 1000)
    return taken


def main() -> int:
    """Load, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--days", type=int, default=0)
    parser.add_argument("--kept", type=Path)
    parser.add_argument("--profile")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, RecordingServer() as server:
        folder = options.kept or Path(temporary)
        known = (folder / DEFAULT_FILE).exists()
        folder.mkdir(parents=True, exist_ok=True)
        site = NewsletterSite(folder, server, client_limit="")
        site.now = datetime(2026, 5, 1, tzinfo=UTC)
        if not known:
            load(site, options.archive, options.days)
        kinds = addresses(site)
        if options.profile:
            with cProfile.Profile() as profile:
                # Routes run in threads, which a profile does not see: the pages are made here.
                profiled(site, kinds[options.profile] * options.rounds)
            pstats.Stats(profile).sort_stats("cumulative").print_stats(45)
            return 0
        with reading(site.newsletter.engine) as connection:
            print(connection.execute(select(func.count()).select_from(papers)).scalar_one(), "papers")
        slow = 0
        base = 1.0
        for kind, paths in kinds.items():
            measure(site, paths, 1)
            taken = measure(site, paths, options.rounds)
            base = median(taken) if kind == "healthz" else base
            slow += median(taken) > BARS.get(kind, float("inf"))
            print(
                f"{kind:10} median {median(taken):7.2f} ms   slowest {max(taken):7.2f} ms   "
                f"{median(taken) / base:5.1f} x healthz"
            )
        return 1 if slow else 0


def profiled(site: NewsletterSite, paths: Sequence[str]) -> None:
    """Call the routes of these paths without the server."""
    from urllib.parse import parse_qsl, urlsplit

    from fastapi import Request

    from newsletter.web.archive import pages

    for address in paths:
        path, query = urlsplit(address).path, urlsplit(address).query
        request = Request(
            {
                "type": "http",
                "method": "GET",
                "path": path,
                "query_string": query.encode(),
                "headers": [],
                "app": site.app,
                "server": ("localhost", 8000),
                "scheme": "http",
            }
        )
        part = path.rpartition("/")[2]
        page = dict(parse_qsl(query)).get("page", "1")
        if path == "/archive":
            pages.archive(request)
        elif path.startswith("/archive/"):
            pages.month(request, part, page)
        elif path.startswith("/topics/"):
            pages.topic(request, part, page)
        elif path.startswith("/editions/"):
            pages.edition(request, part)
        else:
            pages.paper(request, part)


if __name__ == "__main__":
    sys.exit(main())
