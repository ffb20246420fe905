"""Replays real days of Daily Papers: ingest, topics, digests for five readers, mail to a real server, audit.

python benchmarks/daily_papers.py ARCHIVE [--days N] [--folder DIR]

ARCHIVE: gzipped JSON lines, a paper each: {"day", "id", "title", "summary", "authors", "published",
"upvotes", "comments", "github"}. Each day goes in as an answer of the API, in the order of the dates, and a
send follows at noon. Four readers follow one topic each, and one follows everything. It prints papers and
matches by month, CPU seconds by stage, and their ratio to a reference: the same answers parsed as JSON. Exits
1 when a bar is missed, a paper is counted twice, or the audit finds anything.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from smtp_sink import smtp_sink, smtp_sink_program
from sqlalchemy import func, select

from newsletter.core.debts.digest_plan import EVERYTHING
from newsletter.db.engine import open_engine, reading, writing
from newsletter.db.migrate import upgrade
from newsletter.db.schema import paper_topics, papers
from newsletter.delivery.message.builder import MessageBuilder, SenderIdentity
from newsletter.delivery.smtp.relay import Relay, Security
from newsletter.pipeline.compose.options import SendOptions
from newsletter.pipeline.content.digest_renderer import DigestRenderer
from newsletter.pipeline.content.personalization import Links
from newsletter.pipeline.deliver.options import DeliveryOptions
from newsletter.pipeline.explain.audit import audit
from newsletter.pipeline.intake.ingest import ingest_bytes
from newsletter.pipeline.send import send
from newsletter.render.environment import MailEnvironment
from newsletter.render.view_models import Brand
from newsletter.topics.definitions import load_topics
from newsletter.topics.matcher import Matcher
from subscribers.lifecycle import signup
from subscribers.preferences import Preferences

MOST_CPU = 180.0  # seconds for 435 days
KEY = "a key of the benchmark, 32 octets or so"


def days_of(archive: Path) -> dict[str, list[dict[str, Any]]]:
    """The archive's papers by day, as records of the API of 2026."""
    found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    with gzip.open(archive, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            paper = {
                "id": row["id"],
                "authors": [{"name": name, "hidden": False} for name in row["authors"]],
                "publishedAt": row["published"],
                "submittedOnDailyAt": f"{row['day']}T00:00:00.000Z",
                "title": row["title"],
                "summary": row["summary"],
                "upvotes": row["upvotes"],
                "githubRepo": row["github"],
            }
            found[row["day"]].append({"paper": paper, "numComments": row["comments"]})
    return dict(sorted(found.items()))


class Stopwatch:
    """CPU seconds by stage."""

    def __init__(self) -> None:
        """All stages begin at zero."""
        self.seconds: Counter[str] = Counter()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the CPU seconds of the block under this name."""
        begin = time.process_time()
        yield
        self.seconds[name] += time.process_time() - begin  # type: ignore[assignment]


def replay(folder: Path, days: dict[str, list[dict[str, Any]]], port: int) -> tuple[Stopwatch, list[str]]:
    """Run all days in `folder`; returns the CPU seconds and what went wrong."""
    url = f"sqlite:///{folder / 'newsletter.db'}"

    engine = open_engine(url)
    upgrade(engine)
    topics = load_topics()
    matcher = Matcher(topics)
    identity = SenderIdentity(
        sender="Paper Digest <news@papers.example.org>",
        base_url="http://localhost:8000",
        list_name="Paper Digest",
        secret_keys=[KEY],
    )
    options = SendOptions(
        renderer=DigestRenderer(
            MailEnvironment(), brand=Brand(name="Paper Digest"), topics=list(topics.values())
        )
    )
    delivery = DeliveryOptions(
        relays=[Relay(host="127.0.0.1", port=port, security=Security.NONE, connections=2)],
        builder=MessageBuilder(identity),
        links=Links(base_url="http://localhost:8000", newsletter="Paper Digest", secret_keys=[KEY]),
        locks_dir=folder / "locks",
        wall=lambda: datetime.now(UTC),
        suppression_key=KEY.encode(),
    )
    first = datetime.fromisoformat(min(days)).replace(tzinfo=UTC)
    with writing(engine) as connection:
        for topic in dict.fromkeys((*topics, EVERYTHING)):
            signup.add(
                connection,
                address=f"{topic}@reader.example",
                topics_wanted=[topic],
                known_topics=list(topics),
                given={},
                confirmed=True,
                how="admin",
                now=first - timedelta(days=1),
                suppression_key=KEY.encode(),
                defaults=Preferences(),
                default_topics=(),
            )
    watch, faults, new, mailed = Stopwatch(), [], 0, 0
    for day, records in days.items():
        data = json.dumps(records).encode()
        morning = datetime.fromisoformat(day).replace(hour=5, tzinfo=UTC)
        with watch.stage("reference: json.loads"):
            json.loads(data)
        with watch.stage("ingest"):
            report = ingest_bytes(
                engine, data, name=f"{day}.json", archive=folder / "dumps", matcher=matcher, now=morning
            )
        new += report.new
        if report.status != "ingested" or report.listed_on is None or report.listed_on.isoformat() != day:
            faults.append(f"{day}: {report.status} as of {report.listed_on}: {report.error}")
        with watch.stage("send"):
            sent = send(engine, options, delivery, now=morning.replace(hour=12))
        mailed += sent.sent
        if not sent.complete:
            faults.append(f"{day}: the send was not complete: {sent.as_json()}")
    with watch.stage("audit"):
        found = audit(engine, now=morning + timedelta(days=1))
    if found.repeated or found.missed:
        faults.append(f"audit: {found.repeated} repeated, {found.missed} missed")
    distinct = len({record["paper"]["id"] for records in days.values() for record in records})
    if new != distinct:
        faults.append(f"{new} papers were news, and the archive holds {distinct}")
    with reading(engine) as connection:
        month = func.substr(papers.c.first_listed_on, 1, 7)
        listed = dict(iter(connection.execute(select(month, func.count()).group_by(month))))
        matched = connection.execute(
            select(month, paper_topics.c.topic, func.count())
            .join(paper_topics, paper_topics.c.paper_id == papers.c.id)
            .where(paper_topics.c.strength == "strong")
            .group_by(month, paper_topics.c.topic)
        )
        counts = {(of_month, topic): number for of_month, topic, number in matched}
    shown_topics = [topic for topic in topics if topic != EVERYTHING]
    print(f"{'month':8} {'papers':>7} " + " ".join(f"{topic:>16}" for topic in shown_topics))
    for of_month, number in sorted(listed.items()):
        shown = " ".join(f"{counts.get((of_month, topic), 0):>16}" for topic in shown_topics)
        print(f"{of_month:8} {number:>7} {shown}")
    print(f"\n{len(days)} days, {new} papers, {mailed} messages")
    return watch, faults


def main() -> int:
    """Run it as a script; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("archive", type=Path)
    parser.add_argument("--days", type=int, default=0, help="only the first so many days")
    parser.add_argument("--folder", type=Path, help="an empty folder to work in")
    arguments = parser.parse_args()
    program = smtp_sink_program()
    if program is None:
        print("smtp-sink is not installed; it comes with Postfix", file=sys.stderr)
        return 2
    days = days_of(arguments.archive)
    user = ["-u", "nobody"] if os.getuid() == 0 else []  # which it asks of root
    days = dict(list(days.items())[: arguments.days or len(days)])
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder, smtp_sink(program, *user) as port:
        watch, faults = replay(Path(folder), days, port)
    reference = watch.seconds.pop("reference: json.loads")
    for stage, seconds in watch.seconds.items():
        print(
            f"{stage:8} {seconds:7.1f} s CPU, {seconds / reference:7.0f} times json.loads of the same answers"
        )
    total = sum(watch.seconds.values())
    bar = MOST_CPU * len(days) / 435
    print(f"{'all':8} {total:7.1f} s CPU; bar: {bar:.0f} s")
    for fault in faults:
        print(fault)
    return int(bool(faults) or total > bar)


if __name__ == "__main__":
    sys.exit(main())
