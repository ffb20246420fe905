"""`newsletter schedule`: what is due, day by day, without anybody calling a command."""

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
    from newsletter.scheduler.timetable import Timetable

log = logging.getLogger("newsletter.scheduler")

app = typer.Typer(add_completion=False)

# Seconds between two turns of a step.
INBOX = 10.0
COMPOSE = 30.0  # the delay after a reader's hour that nobody notices
DELIVER = 5.0
CHECK = 60.0
WATCH = 300.0
TIDY = 3600.0


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
    from newsletter.scheduler.shutdown import until_signalled

    timetable = make_timetable(wiring)
    with until_signalled() as stop, timetable.running():
        timetable.wait(stop)


def check(wiring: Wiring) -> None:
    """Raise what is wrong with the settings or the database before anything runs."""
    _ = (wiring.work.engine, wiring.delivery_options, wiring.digest_renderer, wiring.work.matcher)


def changed_at(file: Path) -> int | None:
    """When a file last changed, ns; None when it is not there."""
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return None


def make_watch_step(wiring: Wiring) -> Callable[[], bool]:
    """The step that looks for alarms and notifies the admin of new ones."""
    from newsletter.cli.alerting import alarm_policy, make_notifier
    from newsletter.ops.alarms.watch import look_and_tell
    from newsletter.settings.sources import TOML_NAME

    work = wiring.work
    policy, notifier = alarm_policy(work.settings), make_notifier(wiring)
    settings = work.state_dir / TOML_NAME
    read = changed_at(settings)

    def step() -> bool:
        now = datetime.now(UTC)
        if changed_at(settings) != read:
            log.warning("%s has changed since it was read: restart to use it, topics too", TOML_NAME)
        return look_and_tell(work.engine, state_dir=work.state_dir, terms=policy, teller=notifier, now=now)

    return step


def make_timetable(wiring: Wiring) -> Timetable:
    """The jobs of one newsletter and how often each runs."""
    from newsletter.ops.state_dir import INBOX as FOLDER
    from newsletter.pipeline.intake.inbox import Inbox
    from newsletter.pipeline.jobs import Jobs, taker
    from newsletter.scheduler.job_runner import JobRunner
    from newsletter.scheduler.leader_lock import LeaderLock
    from newsletter.scheduler.timetable import Timetable

    work = wiring.work
    stopping = threading.Event()
    leader = LeaderLock(wiring.delivery_options.locks_dir)
    jobs = Jobs(
        engine=work.engine,
        state_dir=work.state_dir,
        inbox=Inbox(
            work.state_dir / FOLDER,
            take=taker(work.engine, archive=work.dumps_dir, matcher=work.matcher),
        ),
        options=wiring.send_options,
        delivery=wiring.delivery_options,
        clock=lambda: datetime.now(UTC),
    )
    steps = [
        JobRunner(name, step, every=every, engine=work.engine, leads=leader.leads, stop=stopping.is_set)
        for name, step, every in (
            ("inbox", jobs.take_in, INBOX),
            ("compose", jobs.compose, COMPOSE),
            ("deliver", lambda: jobs.deliver(stopping.is_set), DELIVER),
            ("check", jobs.check, CHECK),
            ("watch", make_watch_step(wiring), WATCH),
            ("tidy", jobs.tidy, TIDY),
        )
    ]
    return Timetable(steps, leader=leader, leaving=stopping)
