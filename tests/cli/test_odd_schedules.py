"""A schedule that only a change of the database by hand can bring: all readers get their mail."""

from __future__ import annotations

import sqlite3

import pytest

from newsletter.samples import dumps
from tests.cli.shell import Shell


@pytest.mark.parametrize(
    ("change", "alarm"),
    [
        ("hour = 99", "the database has hour 99 for 1 reader, which cannot be"),
        ("hour = -1", "the database has hour -1 for 1 reader, which cannot be"),
        ("cadence = 'weekly', weekday = 'someday'", "the database has weekday someday for 1 reader"),
        ("cadence = 'hourly'", "the database has cadence hourly for 1 reader, which cannot be"),
        ("timezone = 'Nowhere/City'", None),
        ("maximum = 0", None),
    ],
)
def test_one_odd_schedule_stops_nobody(shell: Shell, change: str, alarm: str | None) -> None:
    for address in ("ada@readers.example", "eve@readers.example"):
        shell.ok("subscribers", "add", address, "--confirmed", "--at", "2026-04-12T05:00")
    with sqlite3.connect(shell.state_dir / "newsletter.sqlite3") as connection:
        connection.execute(f"update subscribers set {change} where id = 1")
    connection.close()
    shell.ok("ingest", str(dumps()[0]), "--at", "2026-04-13T06:00")
    assert shell.ok("send", "--dry-run", "--at", "2026-04-13T06:30").stdout.startswith("Nothing is due.")
    shell.settings('[smtp]\nhost = "127.0.0.1"\nport = 9\n')
    shell("send", "--at", "2026-04-13T07:00")  # a Monday
    rows = shell.ok("deliveries", "list", "--json").json
    assert {row["address"] for row in rows} == {"ada@readers.example", "eve@readers.example"}
    shell.ok("audit", "--at", "2026-04-13T08:00")
    shell.ok("why", "ada@readers.example", "--on", "2026-04-13", "--at", "2026-04-13T08:00")
    shell.ok("subscribers", "show", "ada@readers.example")
    words = [found["what"] for found in shell("watch", "--at", "2026-04-13T08:00", "--json").json]
    found = [each for each in words if each.startswith("the database has")]
    assert found == ([] if alarm is None else [f"{alarm.removesuffix(', which cannot be')}, which cannot be"])
