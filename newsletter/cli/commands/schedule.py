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
from newsletter.cli.workspace import Workspace, workspace

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
    work = workspace(ctx)
    check(work)
    logging.config.dictConfig(LOGGING)
    from newsletter.scheduler.shutdown import until_signalled

    clockwork = make_clockwork(work)
    with until_signalled() as stop, clockwork.running():
        clockwork.wait(stop)


def check(work: Workspace) -> None:
    """Raise what is wrong with the settings or the database before anything runs."""
    _ = (work.engine, work.post, work.press, work.matcher)


def changed_at(file: Path) -> int | None:
    """When a file last changed, ns; None when it is not there."""
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return None


def watching(work: Workspace) -> Callable[[], bool]:
    """The step that looks for what an admin must hear of."""
    from newsletter.cli.alerting import teller_of, terms_of
    from newsletter.ops.alarms.watch import look_and_tell
    from newsletter.settings.sources import TOML_NAME

    terms, teller = terms_of(work), teller_of(work)
    settings = work.state_dir / TOML_NAME
    read = changed_at(settings)

    def step() -> bool:
        now = datetime.now(UTC)
        if changed_at(settings) != read:
            log.warning("%s has changed since it was read: restart to use it, topics too", TOML_NAME)
        return look_and_tell(work.engine, state_dir=work.state_dir, terms=terms, teller=teller, now=now)

    return step


def make_clockwork(work: Workspace) -> Timetable:
    """The steps of one newsletter with their turns."""
    from newsletter.ops.state_dir import INBOX as FOLDER
    from newsletter.pipeline.intake.inbox import Inbox
    from newsletter.pipeline.jobs import Jobs, taker
    from newsletter.scheduler.job_runner import JobRunner
    from newsletter.scheduler.leader_lock import LeaderLock
    from newsletter.scheduler.timetable import Timetable

    leaving = threading.Event()
    leader = LeaderLock(work.post.locks_dir)
    chores = Jobs(
        engine=work.engine,
        state_dir=work.state_dir,
        inbox=Inbox(
            work.state_dir / FOLDER,
            take=taker(work.engine, archive=work.dumps_dir, matcher=work.matcher),
        ),
        options=work.send_options,
        delivery=work.post,
        clock=lambda: datetime.now(UTC),
    )
    steps = [
        JobRunner(name, step, every=every, engine=work.engine, leads=leader.leads, stop=leaving.is_set)
        for name, step, every in (
            ("inbox", chores.take_in, INBOX),
            ("compose", chores.compose, COMPOSE),
            ("deliver", lambda: chores.deliver(leaving.is_set), DELIVER),
            ("check", chores.check, CHECK),
            ("watch", watching(work), WATCH),
            ("tidy", chores.tidy, TIDY),
        )
    ]
    return Timetable(steps, leader=leader, leaving=leaving)
