"""Measures delivery on PostgreSQL against SQLite in the same run, and two senders against one.

    python benchmarks/delivery_postgresql.py                   20,000 messages, 5 pairs
    python benchmarks/delivery_postgresql.py --two             one and two senders on PostgreSQL
    python benchmarks/delivery_postgresql.py --two --slow 20   the same; the mail server answers after 20 ms

Commits are fully synchronous on both. The databases hold the same rows: PostgreSQL's came by
`newsletter migrate --from … --to …`. The runs alternate; judge by the median of the ratios.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.delivery import begin, result_of, sink, step  # noqa: E402 - the path above is for it
from benchmarks.delivery_database import fill  # noqa: E402
from benchmarks.postgresql_server import copy_of, postgresql_server  # noqa: E402

SLOW_MESSAGES = 4_000  # round trips decide then


def move_over(base: Path, server: str) -> None:
    """Copy the database of a folder into PostgreSQL, as `base`; the folder stays usable."""
    import psycopg

    from newsletter.db.engine import default_url
    from newsletter.ops.database_move.move import MoveOptions, move

    with psycopg.connect(server.replace("+psycopg", "") + "/postgres", autocommit=True) as connection:
        connection.execute("CREATE DATABASE base")
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name) / "copy"
        shutil.copytree(base, copy)
        now = datetime.now(UTC)
        options = MoveOptions(
            source=default_url(copy), target=f"{server}/base", locks_dir=copy / "locks", now=now
        )
        started = time.perf_counter()
        report = move(options, audit=lambda _engine: {})
        seconds = time.perf_counter() - started
        print(f"moved {report.rows:,} rows in {seconds:.1f} s, {report.rows / seconds:,.0f} a second")


@contextmanager
def slow_sink(milliseconds: int) -> Iterator[int]:
    program = [sys.executable, str(Path(__file__).with_name("slow_sink.py")), str(milliseconds)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def both_databases(base: Path, server: str, *, pairs: int, connections: int) -> None:
    ratios = []
    with sink() as port:
        for _ in range(pairs):
            folder = base.parent / "run"
            shutil.copytree(base, folder)
            sqlite = step(folder, "deliver", port=port, connections=connections)
            with copy_of(server, "base", "run") as url:
                postgresql = step(folder, "deliver", port=port, connections=connections, url=url)
            shutil.rmtree(folder)
            assert sqlite["count"] == postgresql["count"], (sqlite, postgresql)
            rates = [found["count"] / found["seconds"] for found in (sqlite, postgresql)]
            cpu = [found["cpu"] / found["count"] * 1e6 for found in (sqlite, postgresql)]
            ratios.append(rates[1] / rates[0])
            print(
                f"  SQLite {rates[0]:,.0f} msg/s ({cpu[0]:,.0f} µs CPU each), "
                f"PostgreSQL {rates[1]:,.0f} ({cpu[1]:,.0f} µs); ratio {ratios[-1]:.2f}"
            )
    print(f"median of {pairs}: PostgreSQL delivers {statistics.median(ratios):.2f} of SQLite's rate")


def one_and_two(base: Path, server: str, *, pairs: int, connections: int, slow: int) -> None:
    ratios = []
    with slow_sink(slow) if slow else sink() as port:
        for _ in range(pairs):
            seconds = []
            for senders in (1, 2):
                with copy_of(server, "base", "run") as url, tempfile.TemporaryDirectory() as folder:
                    started = time.perf_counter()
                    running = [
                        begin(Path(folder), "deliver", port=port, connections=connections, url=url)
                        for _ in range(senders)
                    ]
                    found = [result_of(process) for process in running]
                    wall = time.perf_counter() - started
                    begun = min(
                        wall - one["seconds"] for one in found
                    )  # Python's own start counts for nobody
                    seconds.append((sum(one["count"] for one in found), wall - begun))
            rates = [count / took for count, took in seconds]
            assert seconds[0][0] == seconds[1][0], seconds
            ratios.append(rates[1] / rates[0])
            print(f"  one sender {rates[0]:,.0f} msg/s, two {rates[1]:,.0f}; ratio {ratios[-1]:.2f}")
    how = f"a mail server that answers after {slow} ms" if slow else "a mail server that answers at once"
    print(f"median of {pairs}, {how}: two senders deliver {statistics.median(ratios):.2f} times one's rate")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--subscribers", type=int, default=0, help="default 20,000, with --slow 4,000")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--connections", type=int, default=10)
    parser.add_argument("--two", action="store_true", help="compare two senders with one")
    parser.add_argument("--slow", type=int, default=0, help="milliseconds of each answer of the mail server")
    options = parser.parse_args()
    count = options.subscribers or (SLOW_MESSAGES if options.slow else 20_000)
    with tempfile.TemporaryDirectory() as name, postgresql_server() as server:
        base = Path(name) / "base"
        base.mkdir()
        made_by_migrations(base)
        fill(base, count, distinct=False)
        step(base, "compose")
        move_over(base, server)
        if options.two:
            one_and_two(base, server, pairs=options.pairs, connections=options.connections, slow=options.slow)
        else:
            both_databases(base, server, pairs=options.pairs, connections=options.connections)


def made_by_migrations(folder: Path) -> None:
    from newsletter.db.engine import default_url, open_engine
    from newsletter.db.migrate import upgrade

    engine = open_engine(default_url(folder))
    upgrade(engine)
    engine.dispose()


if __name__ == "__main__":
    main()
