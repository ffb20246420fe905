"""Lanes run jobs, try failed ones again, and survive the loss of the engine's tables and connections."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, text

from newsletter.core.errors import NewsletterError
from newsletter.db.engine import writing
from newsletter.workers import retrying
from newsletter.workers.deferring import defer
from newsletter.workers.lanes import Lanes
from newsletter.workers.step import Step
from newsletter.workers.step_counts import StepCounts

pytestmark = pytest.mark.full


@contextmanager
def working(
    engine: Engine, steps: Sequence[Step], lanes: Mapping[str, Sequence[str]] | None = None
) -> Iterator[StepCounts]:
    counts = StepCounts(leads=lambda: True)
    stopping = threading.Event()
    made = Lanes(
        engine.url.set(drivername="postgresql").render_as_string(hide_password=False),
        steps,
        lanes or {step.queue: [step.queue] for step in steps},
        name="test",
        counts=counts,
    )
    thread = threading.Thread(target=made.run, args=(stopping.is_set,))
    thread.start()
    try:
        yield counts
    finally:
        stopping.set()
        thread.join(60)
        assert not thread.is_alive()


def wait(seen: Callable[[], object], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def left(engine: Engine) -> int:
    with writing(engine) as connection:
        found: int = connection.execute(text("SELECT count(*) FROM procrastinate_jobs")).scalar_one()
        return found


def test_step_that_fails_is_tried_again_and_leaves_nothing(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrying, "FIRST_DELAY", 1)
    tried: list[str] = []

    def send(shard: str) -> None:
        tried.append(shard)
        if len(tried) < 3:
            raise NewsletterError("the mail server is away", hint="Wait.")

    step = Step(name="deliver", queue="deliver", run=send)
    with working(engine, [step]) as counts:
        with writing(engine) as connection:
            defer(connection, step, shard="1/2")
        wait(lambda: len(tried) == 3)
        wait(lambda: not left(engine))
        shown = counts.exposition().decode()
    assert tried == ["1/2"] * 3
    assert 'newsletter_worker_steps_total{outcome="failed",step="deliver"} 2.0' in shown
    assert 'newsletter_worker_steps_total{outcome="done",step="deliver"} 1.0' in shown
    assert "newsletter_worker_leads 1.0" in shown


def test_failed_step_puts_off_the_job_that_waits_in_its_place(engine: Engine) -> None:
    began, go_on, tried = threading.Event(), threading.Event(), []

    def send() -> None:
        tried.append(1)
        began.set()
        go_on.wait(30)
        raise NewsletterError("the mail server is away")

    step = Step(name="deliver", queue="deliver", run=send)
    with working(engine, [step]):
        with writing(engine) as connection:
            defer(connection, step)
        began.wait(30)
        with writing(engine) as connection:
            assert defer(connection, step)
        go_on.set()
        with_delay = text(
            "SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo' AND scheduled_at > now()"
        )

        def put_off() -> bool:
            with writing(engine) as connection:
                return bool(connection.execute(with_delay).scalar_one()) and left(engine) == 1

        wait(put_off)
    assert len(tried) <= 2


def test_lanes_go_on_after_their_tables_were_emptied_and_their_sessions_ended(engine: Engine) -> None:
    ran: list[int] = []
    step = Step(name="compose", queue="compose", run=lambda first: ran.append(first))
    with working(engine, [step]):
        for number, harm in enumerate(
            (
                "SELECT 1",
                "TRUNCATE procrastinate_jobs, procrastinate_workers, procrastinate_events, "
                "procrastinate_periodic_defers",
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND datname = current_database()",
            )
        ):
            with writing(engine) as connection:
                connection.exec_driver_sql(harm)
            engine.dispose()

            def deferred_again(number: int = number) -> bool:
                with writing(engine) as connection:
                    defer(connection, step, first=number)
                return number in ran

            wait(deferred_again)


def test_step_runs_by_its_cron_expression_and_a_stop_waits_for_it(engine: Engine) -> None:
    began, ended = threading.Event(), []

    def ingest() -> None:
        began.set()
        time.sleep(1)
        ended.append(1)

    with working(engine, [Step(name="ingest", queue="ingest", run=ingest, cron="* * * * * */1")]):
        assert began.wait(30)
    assert ended
