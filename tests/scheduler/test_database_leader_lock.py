"""One worker of all machines leads, and another follows as soon as its connection ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from newsletter.core.errors import StorageError
from newsletter.db.engine import LEADER_LOCK, is_lock_held, open_engine, reading, writing
from newsletter.scheduler.database_leader_lock import DatabaseLeaderLock

pytestmark = pytest.mark.dialects


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    engine = open_engine(postgres_url)
    yield engine
    engine.dispose()


def test_one_leads_until_it_lets_go(engine: Engine) -> None:
    one, two = DatabaseLeaderLock(engine), DatabaseLeaderLock(engine)
    assert [one.acquire(), two.acquire(), one.acquire()] == [True, False, True]
    assert (one.held, two.held) == (True, False)
    with reading(engine) as connection:
        assert is_lock_held(connection, LEADER_LOCK)
    one.release()
    with reading(engine) as connection:
        assert not is_lock_held(connection, LEADER_LOCK)
    assert [two.acquire(), one.acquire()] == [True, False]
    two.release()


def test_leader_whose_connection_broke_learns_of_it(engine: Engine) -> None:
    one, two = DatabaseLeaderLock(engine), DatabaseLeaderLock(engine)
    assert one.acquire()
    with writing(engine) as connection:
        connection.execute(
            text("SELECT pg_terminate_backend(pid, 10000) FROM pg_locks WHERE objid = :n AND objsubid = 1"),
            {"n": LEADER_LOCK},
        )
    assert two.acquire()
    with pytest.raises(StorageError):
        one.acquire()
    assert (one.held, one.acquire()) == (False, False)
    two.release()
