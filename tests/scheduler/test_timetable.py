"""The timetable: every job runs, a wall clock that jumps delays none, a stop waits for jobs in progress."""

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


def _timetable(folder: Path, *jobs: JobRunner, **more: Callable[[], float]) -> Timetable:
    return Timetable(jobs, leader=LeaderLock(folder), stopping=threading.Event(), **more)


def _counting(engine: Engine, interval: float, calls: list[float]) -> JobRunner:
    def step() -> bool:
        calls.append(time.monotonic())
        return False

    return JobRunner(f"step {interval}", step, engine=engine, interval=interval)


def test_jobs_run_immediately_and_again(engine: Engine, tmp_path: Path) -> None:
    often: list[float] = []
    seldom: list[float] = []
    jobs = (_counting(engine, 0.2, often), _counting(engine, 3600.0, seldom))
    with _timetable(tmp_path, *jobs).running():
        assert _until(lambda: len(often) > 3)
    assert len(seldom) == 1


@pytest.mark.parametrize("jump", [DAYS, -DAYS])
def test_wall_clock_that_jumps_lets_every_job_run_immediately(
    engine: Engine, tmp_path: Path, jump: float
) -> None:
    calls: list[float] = []
    offset = 0.0
    job = _counting(engine, DAYS, calls)
    with _timetable(
        tmp_path, job, wall=lambda: time.time() + offset
    ).running():  # its next run is in two days
        assert _until(lambda: len(calls) == 1)
        assert not _until(lambda: len(calls) > 1, seconds=1.5)
        offset = jump
        assert _until(lambda: len(calls) == 2)
        assert not _until(lambda: len(calls) > 2, seconds=1.5)


def test_stop_waits_for_the_job_in_progress_and_releases_the_lead(engine: Engine, tmp_path: Path) -> None:
    begun, ended = threading.Event(), threading.Event()
    leader, other, stopping = LeaderLock(tmp_path), LeaderLock(tmp_path), threading.Event()

    def step() -> bool:
        begun.set()
        stopping.wait()
        time.sleep(0.3)
        ended.set()
        return True

    job = JobRunner(
        "slow", step, engine=engine, interval=60.0, is_leader=leader.acquire, stop=stopping.is_set
    )
    with Timetable([job], leader=leader, stopping=stopping).running():
        assert begun.wait(5)
        assert not other.acquire()
    assert ended.is_set()
    assert other.acquire()
    other.release()
