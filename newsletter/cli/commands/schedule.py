"""Runs the recurring jobs until it is told to stop: `newsletter schedule`. Decides nothing itself."""

from __future__ import annotations

import logging
import logging.config
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from newsletter.cli.logs import LOGGING
from newsletter.cli.wiring import Wiring
from newsletter.cli.workspace import workspace

if TYPE_CHECKING:
    from newsletter.pipeline.jobs import Jobs
    from newsletter.scheduler.timetable import Timetable

log = logging.getLogger("newsletter.scheduler")

app = typer.Typer(add_completion=False)


@app.command()
def schedule(ctx: typer.Context) -> None:
    """Do what is due from now on: take dumps from the inbox, publish, compose, send.

    Runs until it is told to stop (Ctrl-C, SIGTERM); mails under way are finished first. Of several on one
    machine one works, and another takes over when that one ends. The web pages are `newsletter serve`;
    `newsletter run` is both.
    """
    wiring = Wiring(workspace(ctx))
    check(wiring)
    logging.config.dictConfig(LOGGING)
    from newsletter.scheduler.shutdown import stop_on_signals

    timetable = make_timetable(wiring)
    with stop_on_signals() as stop, timetable.running():
        timetable.wait(stop)


def check(wiring: Wiring) -> None:
    """Raise the errors of settings and database before anything runs."""
    _ = (wiring.work.engine, wiring.delivery_options, wiring.digest_renderer, wiring.work.matcher)


def changed_at(file: Path) -> int | None:
    """The time of a file's last change, ns; None when there is no file."""
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return None


def make_watch_step(wiring: Wiring) -> Callable[[], bool]:
    """The step that looks for alarms and notifies the admin of new ones."""
    from newsletter.cli.alerting import alarm_policy, make_notifier
    from newsletter.ops.alarms.watch import watch_step
    from newsletter.settings.sources import TOML_NAME

    work = wiring.work
    policy, notifier = alarm_policy(work.settings), make_notifier(wiring)
    settings = work.state_dir / TOML_NAME
    changed_before = changed_at(settings)

    def step() -> bool:
        now = datetime.now(UTC)
        if changed_at(settings) != changed_before:
            log.warning("%s has changed since it was read: restart to use it in mails, topics too", TOML_NAME)
        return watch_step(work.engine, state_dir=work.state_dir, policy=policy, notifier=notifier, now=now)

    return step


def make_jobs(wiring: Wiring) -> Jobs:
    """The recurring jobs of one newsletter."""
    from newsletter.cli.fetching import due_fetcher
    from newsletter.ops.state_dir import INBOX
    from newsletter.pipeline.intake.inbox import Inbox
    from newsletter.pipeline.jobs import Jobs, inbox_ingester

    work = wiring.work
    return Jobs(
        engine=work.engine,
        state_dir=work.state_dir,
        inbox=Inbox(
            work.state_dir / INBOX,
            ingest=inbox_ingester(work.engine, archive=work.dumps_dir, matcher=work.matcher),
        ),
        options=wiring.send_options,
        delivery=wiring.delivery_options,
        clock=lambda: datetime.now(UTC),
        keep_days=work.settings.history.keep_days,
        fetch_due=due_fetcher(work),
    )


def make_timetable(wiring: Wiring) -> Timetable:
    """The jobs of one newsletter and how often each runs."""
    from newsletter.cli.inbound import make_intakes
    from newsletter.scheduler.job_runner import JobRunner
    from newsletter.scheduler.leader_lock import LeaderLock
    from newsletter.scheduler.timetable import (
        CHECK_INTERVAL,
        COMPOSE_INTERVAL,
        DELIVER_INTERVAL,
        FETCH_INTERVAL,
        HISTORY_INTERVAL,
        INBOX_INTERVAL,
        PURGE_INTERVAL,
        WATCH_INTERVAL,
        Timetable,
    )

    work = wiring.work
    stopping = threading.Event()
    leader = LeaderLock(wiring.delivery_options.locks_dir)
    jobs = make_jobs(wiring)
    intakes = make_intakes(wiring)
    runners = [
        JobRunner(
            name,
            step,
            engine=work.engine,
            interval=interval,
            is_leader=leader.acquire,
            stop=stopping.is_set,
        )
        for name, step, interval in (
            ("inbox", jobs.ingest_inbox, INBOX_INTERVAL),
            ("fetch", jobs.fetch, FETCH_INTERVAL),
            ("compose", jobs.compose, COMPOSE_INTERVAL),
            ("deliver", lambda: jobs.deliver(stopping.is_set), DELIVER_INTERVAL),
            ("check", jobs.check_disk, CHECK_INTERVAL),
            ("watch", make_watch_step(wiring), WATCH_INTERVAL),
            ("tidy", jobs.purge, PURGE_INTERVAL),
            ("history", lambda: jobs.roll_up(stopping.is_set), HISTORY_INTERVAL),
            *((intake.name, intake.step, intake.interval) for intake in intakes),
        )
    ]
    at_end = [intake.close for intake in intakes]
    return Timetable(runners, leader=leader, stopping=stopping, at_end=at_end)
