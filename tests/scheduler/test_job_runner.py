"""A job: repeated while there is work, delayed after a failure, logged without an address."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from newsletter.core.errors import StorageError
from newsletter.db.engine import default_url, open_engine
from newsletter.scheduler.job_runner import BackOff, JobRunner


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(default_url(tmp_path))
    yield engine
    engine.dispose()


class ScriptedStep:
    """A step that returns or raises the given results in order, then returns False. Counts its calls."""

    def __init__(self, *results: bool | Exception) -> None:
        self.results = list(results)
        self.calls = 0

    def __call__(self) -> bool:
        self.calls += 1
        result = self.results.pop(0) if self.results else False
        if isinstance(result, Exception):
            raise result
        return result


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def _job(engine: Engine, step: Callable[[], bool], clock: Clock | None = None, **more: object) -> JobRunner:
    return JobRunner("deliver", step, engine=engine, interval=1.0, clock=clock or Clock(), **more)  # type: ignore[arg-type]


def test_run_repeats_the_step_while_there_is_work(engine: Engine) -> None:
    step = ScriptedStep(True, True, False, True)
    _job(engine, step).run()
    assert step.calls == 3


def test_run_stops_between_two_steps_when_told(engine: Engine) -> None:
    step = ScriptedStep(True, True, True)
    _job(engine, step, stop=lambda: step.calls == 2).run()
    assert step.calls == 2


def test_run_without_the_lead_does_nothing(engine: Engine) -> None:
    step = ScriptedStep()
    _job(engine, step, is_leader=lambda: False).run()
    assert step.calls == 0


def test_delay_doubles_up_to_a_quarter_of_an_hour() -> None:
    assert [BackOff().delay(failures) for failures in (1, 2, 3, 4, 8, 1000)] == [10, 20, 40, 80, 900, 900]


def test_delay_of_an_impatient_back_off() -> None:
    back_off = BackOff(first=2, longest=30)
    assert [back_off.delay(failures) for failures in (1, 2, 3, 4, 5, 6)] == [2, 4, 8, 16, 30, 30]


def test_failing_step_is_delayed_longer_each_time_and_recovers_by_itself(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "newsletter.scheduler")
    full = StorageError("the disk is full", hint="Make room.")
    step, clock = ScriptedStep(full, ValueError("odd"), False), Clock()
    job = _job(engine, step, clock)
    called = []
    for second in (0, 9, 10, 29, 30, 31):
        clock.seconds = second
        job.run()
        called.append((step.calls, job.failures, job.last_error, job.delay_left))
    assert called == [
        (1, 1, "the disk is full: Make room.", 10),
        (1, 1, "the disk is full: Make room.", 1),
        (2, 2, "unexpected ValueError", 20),
        (2, 2, "unexpected ValueError", 1),
        (3, 0, "", 0),
        (4, 0, "", 0),
    ]
    assert [
        record.getMessage() for record in caplog.records if "unexpected in" not in record.getMessage()
    ] == [
        "step=deliver failures=1 next_in=10s why='the disk is full: Make room.'",
        "step=deliver failures=2 next_in=20s why='unexpected ValueError'",
        "step=deliver works again after failures=2",
    ]


def test_lock_that_cannot_be_made_is_a_failure_like_any_other(engine: Engine) -> None:
    def is_leader() -> bool:
        raise StorageError("the folder of locks cannot be written")

    job = _job(engine, ScriptedStep(), is_leader=is_leader)
    job.run()
    assert (job.failures, job.last_error) == (1, "the folder of locks cannot be written")
