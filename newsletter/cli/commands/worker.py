"""Runs one of several workers on one PostgreSQL database: `newsletter worker`. Decides nothing itself."""

from __future__ import annotations

import logging.config
import os
import socket
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli.logs import LOGGING
from newsletter.cli.options import Host
from newsletter.cli.wiring import Wiring, make_site
from newsletter.cli.workspace import Workspace, workspace
from newsletter.core.errors import ConfigurationError, UsageError
from newsletter.core.reader_range import Shard, shard_of

if TYPE_CHECKING:
    from newsletter.inbound.intakes.intake import Intake
    from newsletter.scheduler.database_leader_lock import DatabaseLeaderLock
    from newsletter.scheduler.timetable import Timetable
    from newsletter.workers.coarse_steps import WorkerSteps
    from newsletter.workers.step import Step
    from newsletter.workers.step_counts import StepCounts

LOOK_INTERVAL = 3.0  # seconds between two looks for mail that is due
QUEUES = ("ingest", "compose", "deliver", "inbound", "upkeep", "archive")

app = typer.Typer(add_completion=False)


@app.command()
def worker(
    ctx: typer.Context,
    *,
    queues: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,…",
            help=f"Work for these queues alone: {', '.join(QUEUES)}. Default: all.",
        ),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="K/N",
            help="Send first to every N-th reader: share K of N. Every sending worker names the same N.",
        ),
    ] = None,
    archive: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Keep the archive as files in this folder, renewed each hour."),
    ] = None,
    host: Host = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            metavar="PORT",
            help="Answer /healthz, /readyz and /metrics here. Default: none.",
        ),
    ] = None,
) -> None:
    """Work with other machines on one PostgreSQL database, each a worker.

    Does what `newsletter schedule` does, shared out among all workers, until it is told to stop (Ctrl-C,
    SIGTERM); what is under way is finished first. One of them leads, and another takes over when it ends. The
    web pages are `newsletter serve`. See “From one machine to several”.
    """
    work = workspace(ctx)
    chosen = _queues(queues, archive)
    share = _shard(shard)
    _check(work)
    wiring = Wiring(work)
    from newsletter.workers.engine_tables import make_tables, see_tables

    see_tables(work.engine)
    work.engine.dispose()  # connections that were opened before do not see them
    from newsletter.cli.commands import schedule

    schedule.check(wiring)
    logging.config.dictConfig(LOGGING)
    make_tables(work.engine)
    _run(wiring, chosen, share, archive=archive, host=host, port=port)


def _run(
    wiring: Wiring,
    queues: tuple[str, ...],
    shard: Shard | None,
    *,
    archive: Path | None,
    host: str | None,
    port: int | None,
) -> None:
    from newsletter.cli.commands.schedule import make_jobs
    from newsletter.cli.inbound import make_intakes
    from newsletter.scheduler.database_leader_lock import DatabaseLeaderLock
    from newsletter.scheduler.shutdown import stop_on_signals
    from newsletter.workers.coarse_steps import WorkerSteps
    from newsletter.workers.lanes import Lanes
    from newsletter.workers.step_counts import StepCounts

    work = wiring.work
    intakes = make_intakes(wiring) if "inbound" in queues else ()
    others = [*_intake_steps(intakes), *_upkeep_steps(wiring)]
    if archive is not None:
        others.append(_archive_step(wiring, archive))
    leader = DatabaseLeaderLock(work.engine)
    counts = StepCounts(leads=lambda: leader.held)
    with ExitStack() as stack:
        stop = stack.enter_context(stop_on_signals())
        steps = WorkerSteps(make_jobs(wiring), shard=shard, stop=stop, upkeep=others)
        for intake in intakes:
            stack.callback(intake.close)
        if port is not None:
            stack.enter_context(_health(wiring, counts, host=host, port=port))
        stack.enter_context(_looks(wiring, steps, leader, queues).running())
        Lanes(
            work.engine.url.set(drivername="postgresql").render_as_string(hide_password=False),
            steps.all,
            _lanes(queues, shard),
            name=f"{socket.gethostname()}:{os.getpid()}",
            counts=counts,
        ).run(stop)


def _looks(
    wiring: Wiring, steps: WorkerSteps, leader: DatabaseLeaderLock, queues: tuple[str, ...]
) -> Timetable:
    """What this worker looks after itself: what is due, and its own disk."""
    from newsletter.cli.commands.schedule import make_jobs
    from newsletter.scheduler.job_runner import BackOff, JobRunner
    from newsletter.scheduler.timetable import CHECK_INTERVAL, COMPOSE_INTERVAL, Timetable

    stopping = threading.Event()
    back_off = BackOff(first=LOOK_INTERVAL, longest=COMPOSE_INTERVAL)
    runners = [
        JobRunner(
            name,
            step,
            engine=wiring.work.engine,
            interval=interval,
            back_off=back_off,
            is_leader=leader.acquire if leads else lambda: True,
            stop=stopping.is_set,
        )
        for name, step, interval, leads in (
            ("look for digests", steps.look_for_digests, COMPOSE_INTERVAL, True),
            ("look for overdue mail", steps.look_for_overdue_mail, 2 * LOOK_INTERVAL, True),
            *([("look for mail", steps.look_for_mail, LOOK_INTERVAL, False)] if "deliver" in queues else []),
            ("check", make_jobs(wiring).check_disk, CHECK_INTERVAL, False),
        )
    ]
    return Timetable(runners, leader=leader, stopping=stopping)


def _health(
    wiring: Wiring, counts: StepCounts, *, host: str | None, port: int
) -> AbstractContextManager[int]:
    from newsletter.cli.http.server import serving_alongside
    from newsletter.web.health import make_health_app

    site = make_site(wiring)
    site.more_metrics = counts.exposition
    return serving_alongside(make_health_app(site), host=host or wiring.work.settings.web.host, port=port)


def _lanes(queues: tuple[str, ...], shard: Shard | None) -> dict[str, list[str]]:
    from newsletter.workers.coarse_steps import queue_of

    lanes = {queue: [queue] for queue in queues}
    if shard is not None and "deliver" in lanes:
        lanes["deliver"].append(queue_of(shard))
    return lanes


def _intake_steps(intakes: Sequence[Intake]) -> list[Step]:
    """The steps of what comes back: one for each way in."""
    from newsletter.workers.coarse_steps import EVERY_TEN_SECONDS
    from newsletter.workers.step import Step

    return [
        Step(
            name=f"inbound-{intake.name}",
            queue="inbound",
            run=intake.step,
            cron=EVERY_TEN_SECONDS
            if intake.interval < 60
            else f"*/{min(59, int(intake.interval) // 60)} * * * *",
        )
        for intake in intakes
    ]


def _archive_step(wiring: Wiring, folder: Path) -> Step:
    """The step that keeps a static copy of the archive in `folder`."""
    from newsletter.cli.commands.archive import static_site
    from newsletter.pipeline.archive.static_build import build_archive
    from newsletter.workers.coarse_steps import HOURLY
    from newsletter.workers.step import Step

    site, building = static_site(wiring.work, ""), threading.Lock()

    def build() -> None:
        with building:
            build_archive(wiring.work.engine, folder, site, now=datetime.now(UTC))

    return Step(name="archive", queue="archive", run=build, cron=HOURLY)


def _upkeep_steps(wiring: Wiring) -> list[Step]:
    """The alarms, and the clearing away of the engine's own tables."""
    from newsletter.cli.commands.schedule import make_watch_step
    from newsletter.workers.coarse_steps import EVERY_MINUTE
    from newsletter.workers.engine_tables import clear_away
    from newsletter.workers.step import Step

    return [
        Step(name="watch", queue="upkeep", run=make_watch_step(wiring), cron="*/5 * * * *"),
        Step(name="clear", queue="upkeep", run=partial(clear_away, wiring.work.engine), cron=EVERY_MINUTE),
    ]


def _queues(names: str | None, archive: Path | None) -> tuple[str, ...]:
    if names is None:
        return tuple(queue for queue in QUEUES if queue != "archive" or archive is not None)
    found = tuple(dict.fromkeys(name.strip() for name in names.split(",")))
    for name in found:
        if name not in QUEUES:
            raise UsageError(f"--queues: there is no queue {name!r}", hint=f"There are {', '.join(QUEUES)}.")
    if ("archive" in found) != (archive is not None):
        raise UsageError("the queue archive and --archive go together", hint="Name both, or none of them.")
    return found


def _shard(text: str | None) -> Shard | None:
    try:
        return None if text is None else shard_of(text)
    except ValueError as error:
        raise UsageError(f"--shard: {error}", hint="For example: --shard 2/4") from None


def _check(work: Workspace) -> None:
    """Raise ConfigurationError when the database or the engine is not there."""
    if not work.database_url.startswith("postgresql"):
        raise ConfigurationError(
            "`newsletter worker` needs PostgreSQL, and this newsletter is on SQLite",
            hint="On one machine `newsletter run` does all of it. The page “From one machine to several” "
            "says how to move to PostgreSQL.",
        )
    if find_spec("procrastinate") is None:
        raise ConfigurationError(
            "`newsletter worker` needs packages that are not installed",
            hint='Install them: pip install "newsletter[workers]".',
        )
