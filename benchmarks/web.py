"""Measures the pages under load, and whether they answer all addresses in the same time.

It uses real processes, sockets, a database and an SMTP server.

    python benchmarks/web.py                         100 sign-ups a second for 60 s, then 500 tries a class
    python benchmarks/web.py --rate 200 --seconds 30 --workers 2
    python benchmarks/web.py --tries 0               the load alone; --seconds 0: the times alone

Load: `newsletter serve` with two workers on SQLite. This program acts as its trusted proxy at 127.0.0.1 and
names a client for each request. Sign-ups of distinct addresses start at fixed times, even when earlier ones
are not answered (open loop), and latencies count from these times. Then every answered sign-up must be one
pending subscriber and one message at the SMTP server, and nothing may be left over.

Times: sign-ups of known, unknown, unsubscribed and suppressed addresses in random order, one after another.
It compares the median of each class with the median of all. The request limits have their defaults.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.smtp_sink import smtp_sink, smtp_sink_program  # noqa: E402 - the path above is for it
from tests.smtp_servers.recording import RecordingServer  # noqa: E402
from tests.web.serving import Serving, serving  # noqa: E402

CLASSES = ("known", "unknown", "unsubscribed", "suppressed")
MAX_SPREAD = 0.10  # between the medians of the slowest and the fastest class
CONNECTIONS = 200  # that the proxy keeps open at most
REUSE_WITHIN = 3.0  # seconds; the pages close an idle connection after five
SETTLE_WITHIN = 120.0  # seconds in which all sign-ups must be answered and mailed


class Sink:
    """An SMTP server that accepts every message: Postfix's smtp-sink if installed, else our own."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="sink"))
        self._stack = ExitStack()
        self._own: RecordingServer | None = None
        self.port = 0

    def __enter__(self) -> Sink:
        program = smtp_sink_program()
        if program is None:
            self._own = self._stack.enter_context(RecordingServer())
            self.port = self._own.port
            return self
        self._folder.chmod(0o777)  # smtp-sink drops the rights of root
        user = ["-u", "nobody"] if os.getuid() == 0 else []
        self.port = self._stack.enter_context(smtp_sink(program, *user, "-d", f"{self._folder}/mail."))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        shutil.rmtree(self._folder)

    def recipients(self) -> Counter[str]:
        """Number of messages by address."""
        if self._own is not None:
            return Counter(self._own.recipients())
        found: Counter[str] = Counter()
        for path in self._folder.iterdir():
            with path.open("rb") as file:
                head = file.read(2_000).decode("latin-1")
            found.update(re.findall(r"^X-Rcpt-Args: <([^>]+)>", head, re.MULTILINE))
        return found


@dataclass(slots=True)
class Proxy:
    """Kept connections to the pages."""

    port: int
    kept: list[tuple[float, asyncio.StreamReader, asyncio.StreamWriter]] = field(default_factory=list)
    room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CONNECTIONS))

    async def post(self, path: str, fields: dict[str, str], *, client: str) -> tuple[int, bytes]:
        """Post a form; returns (status, headers and body)."""
        body = urlencode(fields).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: papers.example.org\r\nX-Forwarded-For: {client}\r\n"
            f"X-Forwarded-Proto: https\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        async with self.room:
            reader, writer = await self._connection()
            writer.write(head.encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", answer)
            assert length is not None, answer
            rest = await reader.readexactly(int(length.group(1)))
            self.kept.append((time.monotonic(), reader, writer))
        return int(answer.split(b" ", 2)[1]), answer + rest

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self.kept:
            since, reader, writer = self.kept.pop()
            if time.monotonic() - since < REUSE_WITHIN:
                return reader, writer
            writer.close()
        return await asyncio.open_connection("127.0.0.1", self.port)

    def close(self) -> None:
        """Close the kept connections."""
        for _, _, writer in self.kept:
            writer.close()


def client(number: int) -> str:
    """A network address of its own for each visitor."""
    return f"10.{number & 255}.{number >> 8 & 255}.{1 + (number >> 16 & 127)}"  # each in another /24, too


def sign_up_fields(email: str, form_time: str) -> dict[str, str]:
    """The fields of the sign-up form."""
    return {
        "form": form_time,
        "topics": "quantum",
        "cadence": "daily",
        "weekday": "monday",
        "hour": "7",
        "timezone": "Europe/Berlin",
        "email": email,
        "name": "A Reader",
        "website": "",
    }


# load


async def sign_ups(port: int, form_time: str, *, rate: float, seconds: float) -> Load:
    """Send sign-ups at their times; returns their outcomes."""
    proxy = Proxy(port)
    found = Load()
    start = time.perf_counter()

    async def one(number: int) -> None:
        email = f"reader{number}@host{number % 97}.example.org"
        due = start + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        found.late = max(found.late, time.perf_counter() - due)
        try:
            status, answer = await proxy.post(
                "/sign-up", sign_up_fields(email, form_time), client=client(number)
            )
        except (OSError, asyncio.IncompleteReadError) as error:
            found.errors[type(error).__name__] += 1
            return
        found.latencies.append(time.perf_counter() - due)
        if status == 303 and b"/check-your-mail" in answer:
            found.accepted.append(email)
        else:
            found.errors[str(status)] += 1

    await asyncio.gather(*(one(number) for number in range(int(rate * seconds))))
    proxy.close()
    return found


@dataclass(slots=True)
class Load:
    """The outcomes of the sign-ups."""

    accepted: list[str] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    late: float = 0.0  # seconds, the largest delay with which this program began one


def load(site: Serving, sink: Sink, *, rate: float, seconds: float) -> bool:
    """Send many sign-ups and print their outcomes; True when none failed and nothing is lost."""
    form_time = site.form_time()
    time.sleep(1.1)  # the page delays its answer to a form that comes back faster
    used = _processor(site)
    found = asyncio.run(sign_ups(site.port, form_time, rate=rate, seconds=seconds))
    began = time.monotonic()
    left = _settle(site)
    settled = time.monotonic() - began
    used = _processor(site) - used
    pending = people_in(site, "pending")
    mailed = sink.recipients()
    wanted = set(found.accepted)
    lost = len(wanted - pending)
    unmailed, twice = len(wanted - set(mailed)), sum(count - 1 for count in mailed.values())
    strange = len(pending - wanted) + len(set(mailed) - wanted)
    marks = [f"{_quantile(found.latencies, q) * 1000:,.0f}" for q in (0.5, 0.9, 0.99, 1.0)]
    print(
        f"load: {rate:g} sign-ups a second for {seconds:g} s, {site.workers} workers: "
        f"{len(wanted):,} accepted, errors: {sum(found.errors.values())} {dict(found.errors) or ''}\n"
        f"latency: median {marks[0]} ms, p90 {marks[1]}, p99 {marks[2]}, max {marks[3]} "
        f"(this program began none more than {found.late * 1000:.0f} ms late); "
        f"{used / max(1, len(wanted)) * 1000:.1f} ms of processor each, mail included\n"
        f"then: all answered and mailed {settled:.1f} s after the last; {len(pending):,} pending, "
        f"{sum(mailed.values()):,} mails; lost {lost}, without a mail {unmailed}, twice {twice}, "
        f"strange {strange}, left over {left}"
    )
    return not (found.errors or lost or unmailed or twice or strange or any(left.values()))


def _settle(site: Serving) -> dict[str, int]:
    """Wait until everything is answered and mailed; returns the numbers that are left over."""
    deadline = time.monotonic() + SETTLE_WITHIN
    while True:
        states = site.states()
        left = {**site.requests(), "mails": sum(states.values()) - states.get("sent", 0)}
        if not any(left.values()) or time.monotonic() > deadline:
            return left
        time.sleep(0.2)


def people_in(site: Serving, state: str) -> set[str]:
    """The addresses of all subscribers in a state."""
    from sqlalchemy import select

    from newsletter.db.engine import reading
    from subscribers.tables import Subscriber

    table = Subscriber.__table__  # type: ignore[attr-defined]
    with reading(site.engine) as connection:
        return set(connection.execute(select(table.c.address).where(table.c.state == state)).scalars())


def _quantile(values: list[float], share: float) -> float:
    ordered = sorted(values) or [0.0]
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _processor(site: Serving) -> float:
    """Processor seconds that the serving processes have used; 0 without /proc."""
    assert site.process is not None
    used = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(words[3]) == site.process.pid:  # the session, which it leads
            used += int(words[11]) + int(words[12])
    return used / os.sysconf("SC_CLK_TCK")


# times


def populate(site: Serving, tries: int) -> dict[str, list[str]]:
    """Store `tries` addresses of each class; returns them by class."""
    from newsletter.cli.wiring import reader_policy
    from newsletter.cli.workspace import Workspace
    from newsletter.pipeline.readers import admin, rosters

    emails = {name: [f"{name}{n}@example.org" for n in range(tries)] for name in CLASSES}
    roster = site.folder / "roster.csv"
    there = [email for name in CLASSES if name != "unknown" for email in emails[name]]
    roster.write_text("\n".join(["email,topics", *(f"{email},quantum" for email in there)]), "utf-8")
    now = datetime.now(UTC)
    policy = reader_policy(Workspace(state_dir_flag=site.folder))
    rosters.import_roster(site.engine, roster, confirmed=True, policy=policy, now=now)
    for email in emails["unsubscribed"]:
        admin.unsubscribe(site.engine, email, now=now)
    for email in emails["suppressed"]:
        admin.suppress(site.engine, email, policy=policy, now=now)
    return emails


async def tried(port: int, emails: dict[str, list[str]], form_time: str) -> dict[str, list[float]]:
    """Seconds of each try by class, one after another in random order."""
    proxy = Proxy(port)
    order = [(name, email) for name in CLASSES for email in emails[name]]
    random.Random(11).shuffle(order)
    order = [("warm-up", f"warm{n}@example.org") for n in range(20)] + order
    took: dict[str, list[float]] = {name: [] for name in ("warm-up", *CLASSES)}
    answers = set()
    for number, (name, email) in enumerate(order):
        started = time.perf_counter()
        status, answer = await proxy.post(
            "/sign-up", sign_up_fields(email, form_time), client=client(2**20 + number)
        )
        took[name].append(time.perf_counter() - started)
        answers.add((status, re.sub(rb"(?i)date: [^\r]+", b"", answer)))
    proxy.close()
    assert len(answers) == 1, answers  # equal bytes for every address
    return took


def times(site: Serving, *, tries: int) -> bool:
    """Try every class and print the medians; True when they are close to each other."""
    emails = populate(site, tries)
    form_time = site.form_time()
    time.sleep(1.1)
    took = asyncio.run(tried(site.port, emails, form_time))
    del took["warm-up"]
    together = statistics.median(value for values in took.values() for value in values)
    ratios = {name: statistics.median(values) / together for name, values in took.items()}
    print(f"times: {tries} tries of each class in random order; median of all {together * 1000:.2f} ms")
    for name, values in took.items():
        print(
            f"  {name:12} median {statistics.median(values) * 1000:6.2f} ms, p90 "
            f"{_quantile(values, 0.9) * 1000:6.2f}; {ratios[name]:.3f} of all (bar: {MAX_SPREAD:.0%})"
        )
    apart = max(ratios.values()) / min(ratios.values())
    print(f"  slowest to fastest class: {apart:.3f}")
    return apart <= 1 + MAX_SPREAD


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rate", type=float, default=100, help="sign-ups a second")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--tries", type=int, default=500, help="of each class")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="folder of the databases; default: a temporary folder")
    asked = parser.parse_args()
    good = True
    with tempfile.TemporaryDirectory(dir=asked.folder) as name:
        for part, wanted in (("load", asked.rate * asked.seconds), ("times", asked.tries)):
            if not wanted:
                continue
            folder = Path(name) / part
            folder.mkdir()
            with (
                Sink() as sink,
                serving(folder, sink.port, workers=asked.workers) as site,
            ):
                if part == "load":
                    good &= load(site, sink, rate=asked.rate, seconds=asked.seconds)
                else:
                    good &= times(site, tries=asked.tries)
                faults = [line for line in site.log().splitlines() if re.search(r" (ERROR|WARNING) ", line)]
                print(*faults[:5], sep="\n", end="\n" if faults else "")
                good &= not faults
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
