"""Runs several days of a newsletter in seconds with the functions of the other commands: `newsletter demo`.

Uses no files outside its own folder, and no network but loopback.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from newsletter.cli import output
from newsletter.cli.wiring import Wiring, reader_policy
from newsletter.cli.workspace import Workspace, workspace
from newsletter.core.errors import StorageError, UsageError

if TYPE_CHECKING:
    from newsletter.ops.demo_mail_server import DemoMailServer

app = typer.Typer(add_completion=False)

DEFAULT_FOLDER = "demo-state"
MARK = ".newsletter-demo"  # a file in the demo's folder: no other folder is ever emptied
INGEST_HOUR = 6  # UTC; of each day's listing
FRIDAY = 4  # as `date.weekday` counts; the day of the weekly reader
SEND_HOURS = (7, 12, 18, 23)  # UTC; a crontab would run more often


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoReader:
    """One reader of the demo."""

    address: str
    topics: tuple[str, ...]
    preferences: dict[str, Any]
    summary: str  # of topics and preferences, for people


READERS = (
    DemoReader(
        address="ada@readers.example",
        topics=("circuits", "quantum"),
        preferences={"cadence": "daily", "hour": 7},
        summary="circuits and quantum, daily at 7 UTC",
    ),
    DemoReader(
        address="grace@readers.example",
        topics=("interpretability", "neuromorphic"),
        preferences={"cadence": "weekdays", "hour": 18, "timezone": "Europe/Berlin"},
        summary="interpretability and neuromorphic, weekdays at 18 in Berlin",
    ),
    DemoReader(
        address="kay@readers.example",
        topics=("everything",),
        preferences={"cadence": "weekly", "weekday": "friday", "hour": 9, "timezone": "America/New_York"},
        summary="everything, Fridays at 9 in New York",
    ),
)


@app.command()
def demo(ctx: typer.Context) -> None:
    """Watch it work: sample papers, three readers, a mail server.

    Takes in listings of three kinds, of several days, and mails three readers through a mail server of its
    own, all in the folder demo-state. Nothing leaves this machine. Run it as often as you like: each run
    starts from an empty folder.
    """
    workspace(ctx)  # reports a wrong setting in the environment, as every command does
    from newsletter.ops.demo_mail_server import running_mail_server

    folder = _folder(ctx.obj)
    _empty_folder(folder)
    with running_mail_server(folder / "mail") as server:
        wiring = _newsletter(folder, server)
        days = _sample_days()
        last = _friday(max(days))
        output.say("Three readers:")
        _add_readers(wiring.work, min(days))
        _say_kinds(days)
        output.say("\nDay after day, they come in, and `send` runs four times:")
        rows = [row for day, listings in days.items() for row in _day(wiring, day, listings)]
        rows.extend(_quiet_days(wiring, max(days), last))
    readers = [reader.address.split("@")[0] for reader in READERS]
    output.print_table(("day", "listing", "papers", *readers), rows)
    joined = _say_joined(wiring.work)
    clean = _audit(wiring.work, now=_at(last, SEND_HOURS[-1]) + timedelta(hours=1))
    _where_to_look(folder, server, asked=max(days), paper=joined)
    if not clean:
        raise typer.Exit(output.FAILED)


def _folder(given: Workspace) -> Path:
    """The state directory of the demo: ./demo-state, unless another one is named."""
    named = given.state_dir
    if given.state_dir_flag is None and named == Path("state").absolute():
        return Path(DEFAULT_FOLDER).absolute()
    return named


def _empty_folder(folder: Path) -> None:
    from newsletter.ops.state_dir import unusable

    try:
        if folder.exists() and any(folder.iterdir()):
            if not (folder / MARK).exists():
                raise UsageError(
                    f"{folder} is not empty, and no demo made it",
                    hint="Name another folder: `newsletter --state-dir FOLDER demo`.",
                )
            for path in folder.iterdir():
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARK).write_text("Made by `newsletter demo`, which empties this folder when it starts.\n")
    except OSError as error:
        raise unusable(folder, error) from error


def _newsletter(folder: Path, server: DemoMailServer) -> Wiring:
    """A newsletter in `folder` that sends through `server`; the environment cannot change that."""
    from newsletter.db.engine import default_url
    from newsletter.ops.initialize import set_up

    work = Workspace(
        state_dir_flag=folder,
        flags={
            "sender": "Research papers <papers@newsletter.example>",
            "base_url": "http://localhost:8000",
            "database_url": default_url(folder),
            "welcome": 0,
            "hold": 0,
            "dkim": [],
            "default_timezone": "UTC",
            "smtp": {
                "host": server.host,
                "port": server.port,
                "security": "none",
                "username": None,
                "password": None,
            },
        },
    )
    set_up(folder, database_url=work.database_url, known_keys=frozenset())
    return Wiring(Workspace(state_dir_flag=folder, flags=work.flags))  # reads the keys that were just made


def _add_readers(work: Workspace, first_day: date) -> None:
    from newsletter.pipeline.readers import admin

    for reader in READERS:
        admin.add(
            work.engine,
            address=reader.address,
            topics=reader.topics,
            preferences=reader.preferences,
            confirmed=True,
            policy=reader_policy(work),
            now=_at(first_day, INGEST_HOUR) - timedelta(hours=1),
        )
        output.say(f"  {reader.address}: {reader.summary}")


def _say_kinds(days: Mapping[date, Sequence[Path]]) -> None:
    """Name each kind of listing by its first file."""
    from newsletter.sources.registry import formats, read_listing

    kinds: dict[str, str] = {}
    for file in (file for listings in days.values() for file in listings):
        kinds.setdefault(read_listing(file.read_bytes(), name=file.name).format, file.name)
    output.say("\nListings of several kinds; the contents tell which one it is:")
    output.print_table(
        ("format", "first file", "what it is"),
        [(kind, name, formats()[kind].ABOUT) for kind, name in kinds.items()],
    )


def _day(wiring: Wiring, day: date, listings: Sequence[Path]) -> list[tuple[str, ...]]:
    """A row for each listing of the day; the last one has what the readers got."""
    from newsletter.pipeline.intake.ingest import ingest

    work, rows = wiring.work, []
    for report in ingest(
        work.engine, listings, archive=work.dumps_dir, matcher=work.matcher, now=_at(day, INGEST_HOUR)
    ):
        if report.error:
            raise StorageError(f"a sample dump was {report.status}", hint=report.error)
        rows.append((f"{day:%a %d %b}", Path(report.file).name, f"{report.entries}, {report.new} new"))
    return [*((*row, *("" for _ in READERS)) for row in rows[:-1]), (*rows[-1], *_mailed(wiring, day))]


def _sample_days() -> dict[date, list[Path]]:
    """The sample dumps that ship, by the dates in their names."""
    from newsletter.samples import listings

    days: dict[date, list[Path]] = {}
    for listing in listings():
        days.setdefault(date.fromisoformat(listing.name[:10]), []).append(Path(str(listing)))
    return days


def _friday(day: date) -> date:
    return day + timedelta(days=(FRIDAY - day.weekday()) % 7)


def _quiet_days(wiring: Wiring, day: date, last: date) -> Iterator[tuple[str, ...]]:
    """Rows of the days without a listing, up to the digest of the weekly reader."""
    while day < last:
        day += timedelta(days=1)
        yield (f"{day:%a %d %b}", "–", "–", *_mailed(wiring, day))


def _mailed(wiring: Wiring, day: date) -> list[str]:
    """How many papers each reader gets on this day."""
    from newsletter.pipeline.send import send

    before = _papers_sent(wiring)
    for hour in SEND_HOURS:
        send(wiring.work.engine, wiring.send_options, wiring.delivery_options, now=_at(day, hour))
    after = _papers_sent(wiring)
    return [_papers(after.get(each.address, 0) - before.get(each.address, 0)) for each in READERS]


def _papers_sent(wiring: Wiring) -> dict[str, int]:
    """Papers in sent digests, by address."""
    from newsletter.core.states import DeliveryState
    from newsletter.db.engine import reading
    from newsletter.delivery.outbox import queries
    from subscribers import audience

    with reading(wiring.work.engine) as connection:
        rows = queries.listed(
            connection,
            addresses=audience.addresses(),
            message_id=wiring.message_id,
            state=DeliveryState.SENT,
        )
    found: dict[str, int] = {}
    for row in rows:
        found[row["address"]] = found.get(row["address"], 0) + len(row["papers"])
    return found


def _papers(number: int) -> str:
    return f"{number} paper{'s' if number != 1 else ''}" if number else "–"


def _say_joined(work: Workspace) -> int:
    """Name the papers that several kinds of listings brought, and those that were no news.

    Returns the id of one that gained its identifier.
    """
    from newsletter.db.engine import reading
    from newsletter.papers import queries

    with reading(work.engine) as connection:
        rows = queries.rows(connection)
    joined = [row for row in rows if len(row["sources"]) > 1]
    output.say("\nKnown by title alone until another listing had the identifier; each is mailed once:")
    for row in joined:
        output.say(f"  {row['title']}\n    {', then '.join(row['sources'])}: {row['url']}")
    output.say("\nOnly a new version of a paper that nobody here has got, so no news:")
    for row in rows:
        if row["edition"] is None:
            output.say(f"  {row['title']}\n    {', then '.join(row['sources'])}: {row['url']}")
    return int(joined[0]["id"])


def _audit(work: Workspace, *, now: datetime) -> bool:
    from newsletter.pipeline.explain.audit import audit

    output.say("\nThe audit, computed anew from the rows:")
    report = audit(work.engine, now=now)
    output.say(
        f"  {report.deliveries} mails to {report.subscribers} readers, {report.given} papers given, "
        f"{report.repeated} repeated, {report.missed} missed"
    )
    output.say("  Nothing twice, nothing missed." if report.clean else "  The promise was broken.")
    return report.clean


def _where_to_look(folder: Path, server: DemoMailServer, *, asked: date, paper: int) -> None:
    from newsletter.ops.demo_mail_server import last_html

    page = folder / "digest.html"
    output.say("\nWhere to look:")
    for reader in READERS:
        output.say(f"  {server.maildir(reader.address)}", as_is=True)
    html = last_html(server.maildir(READERS[0].address))
    if html is not None:
        page.write_text(html, "utf-8")
        output.say(f"  {page}   (open it in a browser)")
    output.say("\nAsk it something:")
    why = f"why {READERS[0].address} --on {asked}"
    for command in (
        why,
        f"papers show {paper}",
        "deliveries list",
        "audit",
        f"archive build {folder / 'archive'}",
    ):
        output.say(f"  {output.program()} --state-dir {folder} {command}", as_is=True)


def _at(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour, 5), UTC)
