"""Delivery at wire speed: N subscribers from database rows to a sink, beside its references.

    python benchmarks/delivery.py                        20,000 subscribers, 15 shared digests, 5 pairs
    python benchmarks/delivery.py --distinct             the same, every digest another one
    python benchmarks/delivery.py --subscribers 100000 --pairs 1

References in the same run, in turn with ours: `smtp-source -s 10 -d` with mails of the same size into the
same sink (Postfix's own load tools), and the plain way: Jinja, premailer, EmailMessage and smtplib for each
message. Ours has the ledger, error handling and fully synchronous commits on. Prints messages a second,
CPU of the sender per message, peak memory, and ratios pair by pair; medians are what counts.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import shutil
import smtplib
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from email.message import EmailMessage
from itertools import combinations
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

NOW = datetime(2026, 4, 17, 7, tzinfo=UTC)
READY = datetime(2026, 4, 17, 5, tzinfo=UTC)
JOINED = datetime(2026, 4, 1, tzinfo=UTC)
TOPICS = ("circuits", "quantum", "neuromorphic", "interpretability")
PAPERS = 30  # in a digest
POOL = 300  # papers that distinct digests draw from
PLAIN = 100  # messages of the plain way: enough for a rate, few enough to wait for
VOCABULARY = """analog circuit sizing with learned surrogates for transistor level layout quantum error
correction on lattice surgery spiking network memristor crossbar training rule sparse feature dictionary"""
WORDS = VOCABULARY.split()


def text(words: int, seed: int) -> str:
    chosen = random.Random(seed)
    return " ".join(chosen.choice(WORDS) for _ in range(words)).capitalize() + "."


def fill(folder: Path, number: int, *, distinct: bool) -> None:
    """A database in which everybody is owed a digest of some 30 papers."""
    from sqlalchemy import insert
    from sqlmodel import SQLModel

    from newsletter.db import schema
    from newsletter.db.engine import default_url, open_engine, writing
    from subscribers.tables import Subscriber, Subscription

    engine = open_engine(default_url(folder))
    SQLModel.metadata.create_all(engine)
    pool = POOL if distinct else PAPERS
    with writing(engine) as connection:
        connection.execute(
            insert(schema.dumps),
            {"id": 1, "sha256": "0" * 64, "file": "x", "size": 1, "status": "ingested", "received_at": READY},
        )
        connection.execute(
            insert(schema.papers),
            [
                {
                    "id": paper,
                    "title": text(11, paper),
                    "abstract": " ".join(text(22, paper * 100 + n) for n in range(9)),
                    "author_count": 5,
                    "first_listed_on": date(2026, 4, 17),
                    "first_dump_id": 1,
                    "first_position": paper,
                    "ingested_at": READY,
                    "edition": 1,
                }
                for paper in range(1, pool + 1)
            ],
        )
        connection.execute(
            insert(schema.editions),
            {"number": 1, "date": date(2026, 4, 17), "published_at": READY, "ready_at": READY},
        )
        # shared: every paper in every topic, so that each of the 15 sets of topics gets all thirty
        pairs = [] if distinct else [(p, t) for p in range(1, pool + 1) for t in TOPICS]
        if pairs:
            connection.execute(
                insert(schema.edition_papers),
                [{"edition": 1, "paper_id": p, "topic": t, "score": 0.9, "place": p} for p, t in pairs],
            )
        sets = [chosen for size in range(1, 5) for chosen in combinations(TOPICS, size)]
        chooser = random.Random(7)
        for start in range(1, number + 1, 5_000):
            ids = range(start, min(start + 5_000, number + 1))
            connection.execute(
                insert(Subscriber.__table__),
                [
                    {
                        "id": n,
                        "ref": f"ref{n:019}",
                        "leave_id": f"leave{n:017}",
                        "address": f"reader{n}@example.org",
                        "address_key": f"reader{n}@example.org",
                        "name": f"Reader {n}",
                        "state": "confirmed",
                        "created_at": JOINED,
                        "confirmed_at": JOINED,
                        "slots_done_to": JOINED,
                        "cadence_since": JOINED,
                    }
                    for n in ids
                ],
            )
            connection.execute(
                insert(Subscription.__table__),
                [
                    {"subscriber_id": n, "topic": topic, "since": JOINED}
                    for n in ids
                    for topic in (TOPICS[:1] if distinct else sets[n % 15])
                ],
            )
            if distinct:
                connection.execute(
                    insert(schema.reader_debts),
                    [
                        {
                            "subscriber_id": n,
                            "paper_id": p,
                            "topic": "circuits",
                            "kind": "returned",
                            "made_at": READY,
                        }
                        for n in ids
                        for p in chooser.sample(range(1, pool + 1), PAPERS)
                    ],
                )


def work(folder: Path, verb: str, port: int, connections: int) -> dict[str, float]:
    """One step in a process of its own; what it took."""
    from newsletter.db.engine import default_url, open_engine
    from newsletter.delivery.message import House, MessageBuilder
    from newsletter.delivery.relay import Relay, Security
    from newsletter.pipeline.compose import compose
    from newsletter.pipeline.deliver import deliver
    from newsletter.pipeline.links import Links
    from newsletter.pipeline.post import Post
    from newsletter.pipeline.press import DigestPress
    from newsletter.render.environment import MailEnvironment
    from newsletter.render.views import Brand
    from newsletter.topics.definitions import load_topics

    engine = open_engine(default_url(folder))
    started, cpu = time.perf_counter(), _cpu()
    if verb == "compose":
        brand = Brand(name="Paper Digest")
        press = DigestPress(MailEnvironment(), brand=brand, topics=list(load_topics().values()))
        count = compose(engine, now=NOW, press=press).composed
    else:
        builder = MessageBuilder(
            House(
                sender="Paper Digest <news@example.org>",
                base_url="https://papers.example.org",
                list_name="Paper Digest",
                secret_key=b"k" * 32,
            )
        )
        relay = Relay(
            host="127.0.0.1",
            port=port,
            security=Security.NONE,
            connections=connections,
            messages_per_connection=1_000_000,
        )
        post = Post(
            relays=[relay],
            builder=builder,
            links=Links(base_url="https://papers.example.org", secret_keys=["k" * 32]),
            locks_dir=folder / "locks",
            wall=lambda: datetime.now(UTC),
        )
        counts = deliver(engine, post, now=NOW)
        assert counts.stopped is None, counts.stopped
        count = counts.sent
    return {
        "count": count,
        "seconds": time.perf_counter() - started,
        "cpu": _cpu() - cpu,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def step(folder: Path, verb: str, *, port: int = 0, connections: int = 10) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, __file__, "--worker", verb, str(folder), str(port), str(connections)],
        check=True,
        capture_output=True,
        text=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def one_mail(folder: Path) -> bytes:
    """A mail as ours goes out: for its size, and for the plain way's template."""
    from newsletter.db.engine import default_url, open_engine, reading
    from newsletter.delivery.contents import load_content

    with reading(open_engine(default_url(folder))) as connection:
        content = load_content(connection, 1)
    return b"".join((*content.text, *content.html)) + b"x" * 1_200  # headers


@contextmanager
def sink() -> Iterator[int]:
    """Postfix's smtp-sink on a free port; it accepts everything and keeps nothing."""
    program = shutil.which("smtp-sink") or "/usr/sbin/smtp-sink"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([program, "-u", "nobody", f"127.0.0.1:{port}", "256"])
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield port
    finally:
        process.kill()
        process.wait()


def smtp_source(port: int, count: int, size: int) -> float:
    """Seconds that smtp-source takes for as many mails of the same size."""
    program = shutil.which("smtp-source") or "/usr/sbin/smtp-source"
    started = time.perf_counter()
    subprocess.run(
        [program, "-s", "10", "-d", "-m", str(count), "-l", str(size), f"127.0.0.1:{port}"], check=True
    )
    return time.perf_counter() - started


def plain_way(port: int, count: int, papers: int) -> tuple[float, float]:
    """(seconds, CPU seconds) of rendering, inlining, building and sending each message by itself."""
    from jinja2 import Environment
    from premailer import transform

    styles = (ROOT / "templates/email/styles.css").read_text().splitlines()
    plain = "\n".join(line for line in styles if "{{" not in line and "{%" not in line)
    template = Environment(autoescape=True).from_string(
        f"<html><head><style>{plain}</style></head><body class=page>"
        "<h1 class=name>{{ name }}</h1>{% for title, abstract in papers %}"
        "<div class=paper><h3 class=title><a href='https://example.org'>{{ title }}</a></h3>"
        "<p class=meta>5 authors</p><p class=abstract>{{ abstract }}</p><p class=why>Matched</p></div>"
        "{% endfor %}<p class=foot><a href='https://example.org/u/{{ name }}'>leave</a></p></body></html>"
    )
    rows = [(text(11, n), " ".join(text(22, n * 100 + k) for k in range(3))) for n in range(papers)]
    started, cpu = time.perf_counter(), _cpu()
    with smtplib.SMTP("127.0.0.1", port) as client:
        for number in range(count):
            message = EmailMessage()
            message["From"], message["To"] = "news@example.org", f"reader{number}@example.org"
            message["Subject"] = "Today's papers"
            message.set_content("\n".join(title for title, _ in rows))
            page = transform(template.render(name=f"Reader {number}", papers=rows), allow_network=False)
            message.add_alternative(page, subtype="html")
            client.send_message(message)
    return time.perf_counter() - started, _cpu() - cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--subscribers", type=int, default=20_000)
    parser.add_argument("--distinct", action="store_true", help="every reader's digest is another one")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--connections", type=int, default=10)
    parser.add_argument("--worker", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        verb, folder, port, connections = options.worker
        print(json.dumps(work(Path(folder), verb, int(port), int(connections))))
        return
    digests = "distinct" if options.distinct else "15 shared"
    ratios, ours, source = [], [], []
    with tempfile.TemporaryDirectory() as name, sink() as port:
        base = Path(name) / "base"
        base.mkdir()
        fill(base, options.subscribers, distinct=options.distinct)
        composed = step(base, "compose")
        size = len(one_mail(base))
        print(
            f"{options.subscribers:,} subscribers, {digests} digests, mails of {size / 1000:.0f} kB; "
            f"composed {composed['count']:,.0f} "
            f"in {composed['seconds']:.1f} s, "
            f"peak {composed['peak_mib']:.0f} MiB"
        )
        for _ in range(options.pairs):
            folder = Path(name) / "run"
            shutil.copytree(base, folder)
            sent = step(folder, "deliver", port=port, connections=options.connections)
            assert sent["count"] == options.subscribers, sent
            shutil.rmtree(folder)
            reference = smtp_source(port, options.subscribers, size)
            ours.append(sent)
            source.append(options.subscribers / reference)
            ratios.append(sent["count"] / sent["seconds"] / source[-1])
            print(
                f"  ours {sent['count'] / sent['seconds']:,.0f} msg/s, "
                f"{sent['cpu'] / sent['count'] * 1e6:,.0f} µs CPU each, peak {sent['peak_mib']:.0f} MiB; "
                f"smtp-source {source[-1]:,.0f} msg/s; ratio {ratios[-1]:.2f}"
            )
        seconds, cpu = plain_way(port, PLAIN, PAPERS)
    rate = statistics.median(sent["count"] / sent["seconds"] for sent in ours)
    print(
        f"median of {options.pairs}: ours {rate:,.0f} msg/s, "
        f"{statistics.median(s['cpu'] / s['count'] for s in ours) * 1e6:,.0f} µs CPU each; "
        f"smtp-source {statistics.median(source):,.0f}; ratio {statistics.median(ratios):.2f}\n"
        f"plain way ({PLAIN} messages): {PLAIN / seconds:,.1f} msg/s, {cpu / PLAIN * 1e6:,.0f} µs CPU each; "
        f"ours is {rate / (PLAIN / seconds):,.0f} times as fast"
    )


if __name__ == "__main__":
    main()
