"""The wiring: every step gets its turns, a clock that jumps holds nobody up, a stop waits for what runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from newsletter.db.engine import default_url, open_engine
from newsletter.scheduler.job_runner import JobRunner
from newsletter.scheduler.leader_lock import LeaderLock
from newsletter.scheduler.timetable import Timetable

DAYS = 2 * 86400.0  # seconds


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(default_url(tmp_path))
    yield engine
    engine.dispose()


def _until(seen: Callable[[], bool], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if seen():
            return True
        time.sleep(0.05)
    return False


def _clockwork(engine: Engine, folder: Path, *steps: JobRunner, **more: Callable[[], float]) -> Timetable:
    return Timetable(steps, leader=LeaderLock(folder), leaving=threading.Event(), **more)


def _counting(engine: Engine, every: float, calls: list[float]) -> JobRunner:
    def step() -> bool:
        calls.append(time.monotonic())
        return False

    return JobRunner(f"step {every}", step, every=every, engine=engine)


def test_steps_get_their_turns_at_once_and_again(engine: Engine, tmp_path: Path) -> None:
    often: list[float] = []
    seldom: list[float] = []
    steps = (_counting(engine, 0.2, often), _counting(engine, 3600.0, seldom))
    with _clockwork(engine, tmp_path, *steps).running():
        assert _until(lambda: len(often) > 3)
    assert len(seldom) == 1


@pytest.mark.parametrize("jump", [DAYS, -DAYS])
def test_clock_that_jumps_lets_every_step_have_its_turn_at_once(
    engine: Engine, tmp_path: Path, jump: float
) -> None:
    calls: list[float] = []
    offset = 0.0
    clockwork = _clockwork(
        engine, tmp_path, _counting(engine, DAYS, calls), wall=lambda: time.time() + offset
    )
    with clockwork.running():  # its next turn is two days off, as after a jump back
        assert _until(lambda: len(calls) == 1)
        assert not _until(lambda: len(calls) > 1, seconds=1.5)
        offset = jump
        assert _until(lambda: len(calls) == 2)
        assert not _until(lambda: len(calls) > 2, seconds=1.5)


def test_stop_waits_for_the_step_that_runs_and_gives_the_lead_away(engine: Engine, tmp_path: Path) -> None:
    begun, ended = threading.Event(), threading.Event()
    leader, other, leaving = LeaderLock(tmp_path), LeaderLock(tmp_path), threading.Event()

    def step() -> bool:
        begun.set()
        leaving.wait()
        time.sleep(0.3)
        ended.set()
        return True

    turns = JobRunner("slow", step, every=60.0, engine=engine, leads=leader.leads, stop=leaving.is_set)
    with Timetable([turns], leader=leader, leaving=leaving).running():
        assert begun.wait(5)
        assert not other.leads()
    assert ended.is_set()
    assert other.leads()
    other.resign()
