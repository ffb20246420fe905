"""Composes a day for a million readers while people sign up, and measures what both cost.

python benchmarks/million.py FOLDER [--readers 1000000] [--rate 20] [--url URL]

The readers are made once and stay in the folder. Another process stores sign-ups at the given rate, as the
web page does. It prints CPU seconds of composing and their ratio to a reference in the same run (one row
inserted for each reader, with the same keys), the memory, and what the sign-ups took. Exits 1 when a bar is
missed.
"""

from __future__ import annotations

import argparse
import json
import resource
import select
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from limits import RateLimitItemPerHour

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.year import Newsletter, cpu
from newsletter.db.engine import open_engine, writing
from newsletter.pipeline.readers import signup_requests
from newsletter.pipeline.readers.policy import ReaderPolicy, RequestLimits
from subscribers.requests import PageRequest, RequestKind

MOST_CPU = 60.0  # seconds for a million readers
MOST_WAIT = 1.5  # seconds: 99 of 100 sign-ups
REFERENCE = (
    "CREATE TEMPORARY TABLE reference (subscriber_id integer, kind varchar, name varchar, digest integer, "
    "UNIQUE (subscriber_id, kind, name))",
    "INSERT INTO reference SELECT id, 'digest', '2026-01-05', id % 15 FROM subscribers ORDER BY id",
    "DROP TABLE reference",
)


def sign_ups(url: str, rate: float) -> None:
    """Store sign-ups until the input closes; prints the seconds of each and the errors, as JSON."""
    engine = open_engine(url)
    policy = ReaderPolicy(known_topics=("circuits", "quantum"), suppression_key=b"a key of the benchmark")
    per_hour = (RateLimitItemPerHour(20),)
    limits = RequestLimits(per_client=per_hour, per_address=per_hour, per_reader=per_hour)
    took: list[float] = []
    errors = 0
    begun = time.monotonic()
    number = 0
    while not select.select([sys.stdin], [], [], 0)[0]:
        due = begun + number / rate
        time.sleep(max(0.0, due - time.monotonic()))
        number += 1
        request = PageRequest(
            kind=RequestKind.SIGN_UP,
            at=datetime.now(UTC),
            address=f"new{number}@people.example",
            topics=("circuits",),
        )
        # An open page waits from the moment of its click, also behind the one before.
        clicked = max(due, begun)
        try:
            signup_requests.submit(
                engine,
                request,
                client=f"10.{number // 65536}.{number // 256 % 256}.{number % 256}",
                request_limits=limits,
                policy=policy,
                now=datetime.now(UTC),
            )
        except Exception:
            errors += 1
        took.append(time.monotonic() - clicked)
    print(json.dumps({"took": sorted(took), "errors": errors}))


def main() -> int:
    """Run it as a script; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--readers", type=int, default=1_000_000)
    parser.add_argument("--rate", type=float, default=20.0, help="sign-ups a second")
    parser.add_argument("--url", help="database; default: a SQLite file in the folder")
    parser.add_argument("--sign-ups", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.sign_ups:
        sign_ups(asked.url, asked.rate)
        return 0
    newsletter = Newsletter(asked.folder, readers=asked.readers, url=asked.url)
    day = newsletter.days + 1
    newsletter.publish_day(day)

    def refer() -> None:
        with writing(newsletter.engine) as connection:
            for statement in REFERENCE:
                connection.exec_driver_sql(statement)

    reference = cpu(refer)
    url = newsletter.engine.url.render_as_string(hide_password=False)
    people = subprocess.Popen(
        [sys.executable, __file__, str(asked.folder), "--sign-ups", "--url", url, "--rate", str(asked.rate)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    time.sleep(3)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.monotonic()
    composed: list[int] = []
    took = cpu(lambda: composed.append(newsletter.compose(newsletter.slot(day))))
    wall = time.monotonic() - begun
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    said, _ = people.communicate("\n", timeout=120)
    found = json.loads(said)
    waits = found["took"]
    p99 = waits[int(len(waits) * 0.99)]
    print(
        f"{composed[0]} digests: {took:.1f} s CPU, {wall:.1f} s; {took / reference:.1f} times as much "
        f"as to insert one row for each reader ({reference:.1f} s); memory grew by {grown / 1024:.0f} MiB"
    )
    print(
        f"{len(waits)} sign-ups meanwhile: {found['errors']} errors, median {waits[len(waits) // 2]:.3f} s, "
        f"p99 {p99:.2f} s, longest {waits[-1]:.2f} s"
    )
    bar = MOST_CPU * asked.readers / 1_000_000
    return int(took > bar or p99 > MOST_WAIT or found["errors"] > 0)


if __name__ == "__main__":
    sys.exit(main())
