"""Measures roster imports: time compared with reading and checking alone, and peak memory.

python benchmarks/rosters.py [--rows 100000] [--few 10000] [--rounds 5] [--domains 5000] [--folder DIR]

Each round imports a roster of `--rows` rows into an empty database (everything counts: decoding, checks,
repeats, suppressions, consent, the commits). Then it only parses the same file with csv and checks each
address: with email-validator, the reference of the bar, and with our own quicker check. Each round gives one
ratio; their median and range are printed. Peak memory is that of fresh processes, one with `--few` rows and
one with all. Exits 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import csv
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from sqlmodel import SQLModel

import newsletter.db.tables
import subscribers.tables
from newsletter.db.engine import open_engine
from newsletter.pipeline.readers.policy import ReaderPolicy
from newsletter.pipeline.readers.rosters import import_roster
from subscribers.addresses import parse

assert newsletter.db.tables
assert subscribers.tables
MAX_TIMES = 4  # times as long as reading and checking alone
MAX_GROWTH = 10  # MiB more with all rows than with few
TOPICS = ("circuits", "quantum", "everything")
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
PER_MIB = 2**20 if sys.platform == "darwin" else 2**10  # units of ru_maxrss


def roster(path: Path, rows: int, domains: int) -> Path:
    """Write a roster in which people differ in every preference."""
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["email", "name", "topics", "cadence", "weekday", "hour", "timezone"])
        for n in range(rows):
            weekly = n % 3 == 0
            zone = ("UTC", "Europe/Berlin", "America/New_York")[n % 3]
            cadence, weekday = ("weekly", "friday") if weekly else ("daily", "")
            address = f"reader{n}@host{n % domains}.example.org"
            out.writerow(
                [address, f"Réader {n}", ";".join(TOPICS[: n % 3 + 1]), cadence, weekday, n % 24, zone]
            )
    return path


def import_into_empty(path: Path, database: Path) -> None:
    """Import a roster into an empty database."""
    engine = open_engine(f"sqlite:///{database}")
    SQLModel.metadata.create_all(engine)
    policy = ReaderPolicy(known_topics=TOPICS, suppression_key=b"of the benchmark")
    done = import_roster(engine, path, confirmed=True, policy=policy, now=NOW)
    engine.dispose()
    assert done["added"] > 0, done
    assert not done["refused"], done["refused"][:3]


def check(path: Path, address: Callable[[str], object]) -> None:
    """Parse the CSV and check each address."""
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            address(row["email"])


def validated(address: str) -> object:
    """Check an address with the reference library."""
    from email_validator import validate_email

    return validate_email(address, check_deliverability=False)


def spent(work: Callable[[], None]) -> tuple[float, float]:
    """Seconds on the clock, and processor seconds."""
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - clock, time.process_time() - processor


def peak(path: Path, database: Path) -> float:
    """Peak memory in MiB of a process that imports a roster."""
    command = [sys.executable, __file__, "--only", str(path), str(database)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure(*, rows: int, few: int, rounds: int, domains: int, folder: Path) -> bool:
    """Measure, print, and say whether the bars hold."""
    path = roster(folder / "roster.csv", rows, domains)
    ratios: dict[str, list[float]] = {}
    speeds = []
    for number in range(rounds + 1):
        database = folder / f"{number}.sqlite3"
        imported = spent(lambda to=database: import_into_empty(path, to))  # type: ignore[misc]
        database.unlink()
        for name, by in (("email-validator", validated), ("our own check", parse)):
            alone = spent(lambda by=by: check(path, by))  # type: ignore[misc]
            if number:  # the first round warms up
                ratios.setdefault(name, []).append(imported[0] / alone[0])
                ratios.setdefault(f"{name}, processor", []).append(imported[1] / alone[1])
        if number:
            speeds.append(rows / imported[0])
    print(f"{rows:,} rows on {domains:,} domains, {rounds} turns: {median(speeds):,.0f} rows/s")
    for name, found in ratios.items():
        bar = f"; bar: {MAX_TIMES}" if name == "email-validator" else ""
        print(f"{median(found):6.2f} times csv and {name} alone ({min(found):.2f} to {max(found):.2f}{bar})")
    small = peak(roster(folder / "few.csv", few, domains), folder / "few.sqlite3")
    large = peak(path, folder / "all.sqlite3")
    print(f"{small:6.1f} MiB at most with {few:,} rows, {large:.1f} with {rows:,} (bar: {MAX_GROWTH} more)")
    return median(ratios["email-validator"]) <= MAX_TIMES and large - small <= MAX_GROWTH


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--few", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--domains", type=int, default=5_000)
    parser.add_argument("--folder", type=Path, help="folder of the databases; default: a temporary folder")
    parser.add_argument("--only", type=Path, nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.only:
        import_into_empty(*asked.only)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / PER_MIB)
        return 0
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        good = measure(
            rows=asked.rows,
            few=asked.few,
            rounds=asked.rounds,
            domains=asked.domains,
            folder=Path(folder),
        )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
