"""Measures delivery from database rows to an SMTP sink, and compares it with reference programs.

    python benchmarks/delivery.py                        20,000 subscribers, 15 shared digests, 5 pairs
    python benchmarks/delivery.py --distinct             the same, every digest another one
    python benchmarks/delivery.py --dkim rsa             with DKIM signing (rsa, ed25519, both)
    python benchmarks/delivery.py --subscribers 100000 --pairs 1     peak memory
    python benchmarks/delivery.py --rtt 20               20 ms of round trip, compared with smtplib
    python benchmarks/delivery.py --compose 1000000      composing, compared with plain inserts

The references run alternately with ours in the same run. `smtp-source -s 10 -d` (Postfix's load generator)
sends messages of the same size to the same sink. The plain way renders, inlines, builds and sends each
message by itself, with Jinja, premailer, EmailMessage and smtplib. Ours has the ledger, error handling and
fully synchronous commits on. It prints messages a second, CPU of the sender for each message, peak memory,
and a ratio for each pair of runs. Judge by the medians.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import shutil
import smtplib
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.delivery_database import PAPERS, fill, text  # noqa: E402 - the path above is for it
from benchmarks.smtp_sink import smtp_sink, smtp_sink_program  # noqa: E402 - the path above is for it

NOW = datetime(2026, 4, 17, 7, tzinfo=UTC)
PLAIN_MESSAGES = 100  # of the plain way, which takes some 0.1 s for each


def work(folder: Path, verb: str, port: int, connections: int, dkim: str, url: str) -> dict[str, float]:
    """Run one step (compose or deliver); returns its count, seconds, CPU seconds and peak memory.

    url: of the database; empty for the one in the folder.
    """
    from newsletter.core.mail.rates import Rate
    from newsletter.db.engine import default_url, open_engine
    from newsletter.delivery.message.builder import MessageBuilder, SenderIdentity
    from newsletter.delivery.outbox.rate_counters import Limits
    from newsletter.delivery.smtp.relay import Relay, Security
    from newsletter.pipeline.compose.compose import compose
    from newsletter.pipeline.compose.options import SendOptions
    from newsletter.pipeline.content.digest_renderer import DigestRenderer
    from newsletter.pipeline.content.personalization import Links
    from newsletter.pipeline.deliver.options import DeliveryOptions
    from newsletter.pipeline.deliver.run import deliver
    from newsletter.render.environment import MailEnvironment
    from newsletter.render.view_models import Brand
    from newsletter.topics.definitions import load_topics

    engine = open_engine(url or default_url(folder))
    started, cpu = time.perf_counter(), _cpu()
    if verb == "compose":
        brand = Brand(name="Paper Digest")
        renderer = DigestRenderer(MailEnvironment(), brand=brand, topics=list(load_topics().values()))
        count = compose(engine, SendOptions(renderer=renderer), now=NOW).composed
    else:
        builder = MessageBuilder(
            SenderIdentity(
                sender="Paper Digest <news@example.org>",
                base_url="https://papers.example.org",
                list_name="Paper Digest",
                secret_keys=["k" * 32],
            )
        )
        relay = Relay(
            host="127.0.0.1",
            port=port,
            security=Security.NONE,
            connections=connections,
            messages_per_connection=1_000_000,
        )
        # Limits that are never reached: counting them is part of the cost.
        limits = Limits(everything=[Rate(10**8, 3600)], relays={relay.name: [Rate(10**8, 86_400)]})
        options = DeliveryOptions(
            relays=[relay],
            limits=limits,
            builder=signed(builder, dkim),
            links=Links(base_url="https://papers.example.org", newsletter="Papers", secret_keys=["k" * 32]),
            locks_dir=folder / "locks",
            suppression_key=b"of the benchmark",
            wall=lambda: datetime.now(UTC),
        )
        counts = deliver(engine, options, now=NOW)
        assert counts.stopped is None, counts.stopped
        count = counts.sent
    return {
        "count": count,
        "seconds": time.perf_counter() - started,
        "cpu": _cpu() - cpu,
        "peak_mib": peak_kib() / 1024,
    }


def peak_kib() -> int:
    """Peak memory of this process alone; ru_maxrss would give that of the parent process."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


def signed(builder: Any, dkim: str) -> Any:
    """The builder, with signatures by new keys. dkim: none, rsa, ed25519 or both."""
    from newsletter.delivery.message.dkim import DkimSigner, SigningBuilder
    from newsletter.delivery.message.dkim_keys import Algorithm, generate, parse

    kinds = {"none": (), "both": ("rsa", "ed25519")}.get(dkim, (dkim,))
    keys = [parse(generate(Algorithm(kind)), domain="example.org", selector=kind) for kind in kinds]
    return SigningBuilder(builder, DkimSigner(keys)) if keys else builder


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def step(
    folder: Path, verb: str, *, port: int = 0, connections: int = 10, dkim: str = "none", url: str = ""
) -> dict[str, float]:
    return result_of(begin(folder, verb, port=port, connections=connections, dkim=dkim, url=url))


def begin(
    folder: Path, verb: str, *, port: int, connections: int = 10, dkim: str = "none", url: str = ""
) -> subprocess.Popen[str]:
    """Start a step in a process of its own. url: of the database, when it is not in the folder."""
    command = [
        sys.executable,
        __file__,
        "--worker",
        verb,
        str(folder),
        str(port),
        str(connections),
        dkim,
        url,
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def result_of(process: subprocess.Popen[str]) -> dict[str, float]:
    """What a step found, once it is over."""
    output, _ = process.communicate()
    assert process.returncode == 0, process.returncode
    found: dict[str, float] = json.loads(output)
    return found


def one_mail(folder: Path) -> bytes:
    """The bytes of one message, for its size."""
    from sqlalchemy import func, select

    from newsletter.db.engine import default_url, open_engine, reading
    from newsletter.db.schema import digests
    from newsletter.delivery.outbox.content_store import load_content

    with reading(open_engine(default_url(folder))) as connection:
        newest = connection.execute(select(func.max(digests.c.id))).scalar_one()
        content = load_content(connection, newest)
    return b"".join((*content.text, *content.html)) + b"x" * 1_200  # headers


@contextmanager
def sink() -> Iterator[int]:
    """Postfix's smtp-sink on a free port; it accepts every message and stores none."""
    with smtp_sink(smtp_sink_program() or "smtp-sink", "-u", "nobody") as port:
        yield port


def smtp_source(port: int, count: int, size: int) -> float:
    """Seconds that smtp-source takes for `count` messages of `size` bytes."""
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


@contextmanager
def delayed(port: int, seconds: float) -> Iterator[int]:
    """A proxy for `port` that delays every byte by half of `seconds`, in both directions."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(
        asyncio.start_server(partial(_carry, port, seconds / 2), "127.0.0.1", 0, limit=2**22)
    )
    threading.Thread(target=loop.run_forever, daemon=True).start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)


async def _carry(port: int, delay: float, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    further, onward = await asyncio.open_connection("127.0.0.1", port, limit=2**22)
    loop = asyncio.get_running_loop()

    async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(2**18):
            loop.call_later(delay, target.write, data)
        loop.call_later(delay, target.close)

    with suppress(asyncio.CancelledError):
        await asyncio.gather(pump(reader, onward), pump(further, writer))


def with_smtplib(port: int, count: int, mail: bytes, connections: int) -> float:
    """Seconds for `count` ready messages over `connections` kept connections, with a thread for each."""
    numbers = iter(range(count))
    lock = threading.Lock()

    def send() -> None:
        with smtplib.SMTP("127.0.0.1", port) as client:
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                client.sendmail("news@example.org", f"reader{number}@example.org", mail)

    threads = [threading.Thread(target=send) for _ in range(connections)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - started


def far_away(base: Path, *, count: int, rtt: float, pairs: int, connections: int) -> None:
    mail = one_mail(base)
    ratios = []
    with sink() as port, delayed(port, rtt) as far:
        for _ in range(pairs):
            run = base.parent / "run"
            shutil.copytree(base, run)
            sent = step(run, "deliver", port=far, connections=connections)
            shutil.rmtree(run)
            plain = with_smtplib(far, count, mail, connections)
            ratios.append(plain / sent["seconds"])
            print(
                f"  round trip {rtt * 1000:.0f} ms, {connections} connections each: ours "
                f"{sent['count'] / sent['seconds']:,.0f} msg/s, smtplib "
                f"{count / plain:,.0f}; ratio {ratios[-1]:.1f}"
            )
    print(f"median of {pairs}: {statistics.median(ratios):.1f} times smtplib")


def plain_inserts(folder: Path, count: int) -> float:
    """Seconds of plain sqlite3 for inserting `count` rows like those of deliveries."""
    import sqlite3

    source = sqlite3.connect(folder / "newsletter.sqlite3")
    (table,) = source.execute("select sql from sqlite_master where name = 'deliveries'").fetchone()
    columns = [row[1] for row in source.execute("pragma table_info(deliveries)")]
    row = source.execute("select * from deliveries limit 1").fetchone()
    source.close()
    target = sqlite3.connect(folder / "plain.sqlite3")
    target.execute("pragma journal_mode = wal")
    target.execute(table)
    id_column, subscriber_column = columns.index("id"), columns.index("subscriber_id")
    rows = (
        tuple(n if column in (id_column, subscriber_column) else value for column, value in enumerate(row))
        for n in range(1, count + 1)
    )
    started = time.perf_counter()
    with target:
        target.executemany(f"insert into deliveries values ({','.join('?' * len(columns))})", rows)
    seconds = time.perf_counter() - started
    target.close()
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--subscribers", type=int, default=20_000)
    parser.add_argument("--distinct", action="store_true", help="every reader's digest is another one")
    parser.add_argument("--dkim", choices=["none", "rsa", "ed25519", "both"], default="none")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--connections", type=int, default=10)
    parser.add_argument(
        "--rtt", type=float, default=0, help="milliseconds; compares 2,000 messages with smtplib"
    )
    parser.add_argument("--compose", type=int, default=0, help="compose so many deliveries and stop")
    parser.add_argument("--worker", nargs=6, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        verb, folder, port, connections, dkim, url = options.worker
        print(json.dumps(work(Path(folder), verb, int(port), int(connections), dkim, url)))
        return
    count = options.compose or (2_000 if options.rtt else options.subscribers)
    with tempfile.TemporaryDirectory() as name:
        base = Path(name) / "base"
        base.mkdir()
        fill(base, count, distinct=options.distinct)
        composed = step(base, "compose")
        size = len(one_mail(base))
        digests = "distinct" if options.distinct else "15 shared"
        print(
            f"{count:,} subscribers, {digests} digests, mails of {size / 1000:.0f} kB; composed "
            f"{composed['count']:,.0f} in {composed['seconds']:.1f} s, peak {composed['peak_mib']:.0f} MiB"
        )
        if options.compose:
            plain = plain_inserts(base, count)
            times = composed["seconds"] / plain
            print(f"plain sqlite3 inserts as many rows in {plain:.1f} s: {times:.1f} times that")
        elif options.rtt:
            far_away(
                base,
                count=count,
                rtt=options.rtt / 1000,
                pairs=options.pairs,
                connections=options.connections,
            )
        else:
            compare_with_references(base, options, size)


def compare_with_references(base: Path, options: argparse.Namespace, size: int) -> None:
    ratios, ours, source = [], [], []
    with sink() as port:
        for _ in range(options.pairs):
            folder = base.parent / "run"
            shutil.copytree(base, folder)
            sent = step(folder, "deliver", port=port, connections=options.connections, dkim=options.dkim)
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
        seconds, cpu = plain_way(port, PLAIN_MESSAGES, PAPERS)
    rate = statistics.median(sent["count"] / sent["seconds"] for sent in ours)
    print(
        f"median of {options.pairs}: ours {rate:,.0f} msg/s, "
        f"{statistics.median(s['cpu'] / s['count'] for s in ours) * 1e6:,.0f} µs CPU each; "
        f"smtp-source {statistics.median(source):,.0f}; ratio {statistics.median(ratios):.2f}\n"
        f"plain way ({PLAIN_MESSAGES} messages): {PLAIN_MESSAGES / seconds:,.1f} msg/s, "
        f"{cpu / PLAIN_MESSAGES * 1e6:,.0f} µs CPU each; "
        f"ours is {rate / (PLAIN_MESSAGES / seconds):,.0f} times as fast"
    )


if __name__ == "__main__":
    main()
