"""A step's turns: repeated while there is work, left to rest after a failure, reported without an address."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from newsletter.core.errors import StorageError
from newsletter.db.engine import default_url, open_engine
from newsletter.scheduler.job_runner import LONGEST_REST, JobRunner, rest_after


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(default_url(tmp_path))
    yield engine
    engine.dispose()


class ScriptedStep:
    """A step that fares as it was told, and counts its calls."""

    def __init__(self, *fates: bool | Exception) -> None:
        self.fates = list(fates)
        self.calls = 0

    def __call__(self) -> bool:
        self.calls += 1
        fate = self.fates.pop(0) if self.fates else False
        if isinstance(fate, Exception):
            raise fate
        return fate


class Clock:
    def __init__(self) -> None:
        self.ticks = 0.0

    def __call__(self) -> float:
        return self.ticks


def _turns(engine: Engine, step: Callable[[], bool], clock: Clock | None = None, **more: object) -> JobRunner:
    return JobRunner("deliver", step, every=1.0, engine=engine, ticks=clock or Clock(), **more)  # type: ignore[arg-type]


def test_turn_repeats_the_step_while_there_is_work(engine: Engine) -> None:
    step = ScriptedStep(True, True, False, True)
    turns = _turns(engine, step)
    turns.turn()
    assert step.calls == 3


def test_turn_stops_between_two_steps_when_told(engine: Engine) -> None:
    step = ScriptedStep(True, True, True)
    _turns(engine, step, stop=lambda: step.calls == 2).turn()
    assert step.calls == 2


def test_turn_of_one_who_does_not_lead_does_nothing(engine: Engine) -> None:
    step = ScriptedStep()
    _turns(engine, step, leads=lambda: False).turn()
    assert step.calls == 0


def test_rest_doubles_up_to_a_quarter_of_an_hour() -> None:
    assert [rest_after(n) for n in (1, 2, 3, 4, 8, 1000)] == [10, 20, 40, 80, LONGEST_REST, LONGEST_REST]


def test_failing_step_rests_ever_longer_and_is_well_again_by_itself(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "newsletter.scheduler")
    full = StorageError("the disk is full", hint="Make room.")
    step, clock = ScriptedStep(full, ValueError("odd"), False), Clock()
    turns = _turns(engine, step, clock)
    called = []
    for second in (0, 9, 10, 29, 30, 31):
        clock.ticks = second
        turns.turn()
        called.append((step.calls, turns.failures, turns.trouble))
    assert called == [
        (1, 1, "the disk is full: Make room."),
        (1, 1, "the disk is full: Make room."),
        (2, 2, "unexpected ValueError"),
        (2, 2, "unexpected ValueError"),
        (3, 0, ""),
        (4, 0, ""),
    ]
    assert [
        record.getMessage() for record in caplog.records if "unexpected in" not in record.getMessage()
    ] == [
        "step=deliver failures=1 next_in=10s why='the disk is full: Make room.'",
        "step=deliver failures=2 next_in=20s why='unexpected ValueError'",
        "step=deliver works again after failures=2",
    ]


def test_lock_that_cannot_be_made_is_a_failure_like_any_other(engine: Engine) -> None:
    def leads() -> bool:
        raise StorageError("the folder of locks cannot be written")

    turns = _turns(engine, ScriptedStep(), leads=leads)
    turns.turn()
    assert (turns.failures, turns.trouble) == (1, "the folder of locks cannot be written")
