"""Jobs are put in within a transaction of the newsletter, and never spoil it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, text

from newsletter.db.engine import open_engine, reading, rolled_back, writing
from newsletter.workers.deferring import defer
from newsletter.workers.engine_tables import clear_away, make_tables, schema_name, see_tables
from newsletter.workers.step import Step

pytestmark = pytest.mark.dialects

COMPOSE = Step(name="compose", queue="compose", run=lambda: None, priority=3)


def jobs(engine: Engine) -> list[tuple[Any, ...]]:
    with reading(engine) as connection:
        found = connection.execute(
            text("SELECT task_name, queue_name, priority, args, status FROM procrastinate_jobs ORDER BY id")
        )
        return [tuple(row) for row in found]


def test_job_comes_with_the_transaction_that_makes_its_rows_due(engine: Engine) -> None:
    with rolled_back(engine) as connection:
        assert defer(connection, COMPOSE, first=1, last=None)
    assert jobs(engine) == []
    with writing(engine) as connection:
        assert defer(connection, COMPOSE, first=1, last=None)
    assert jobs(engine) == [("compose", "compose", 3, {"first": 1, "last": None}, "todo")]


def test_job_that_waits_already_serves_as_well(engine: Engine) -> None:
    with writing(engine) as connection:
        new = [
            defer(connection, COMPOSE, first=1, last=9),
            defer(connection, COMPOSE, first=1, last=9),
            defer(connection, COMPOSE, first=10, last=None),
            defer(connection, COMPOSE, queue="compose 1/2", first=1, last=9),
        ]
    assert new == [True, False, True, True]
    with writing(engine) as connection:
        connection.execute(text("UPDATE procrastinate_jobs SET status = 'doing'"))
        assert defer(connection, COMPOSE, first=1, last=9), "one that runs may have looked before"
    assert len(jobs(engine)) == 4


def test_trouble_with_the_engine_leaves_the_transaction_whole(postgres_url: str) -> None:
    engine = open_engine(postgres_url)  # which has no tables of the engine
    with writing(engine) as connection:
        connection.execute(text("INSERT INTO runs (verb, at, done, everyone) VALUES ('x', now(), 7, false)"))
        assert not defer(connection, COMPOSE)
    with reading(engine) as connection:
        assert connection.execute(text("SELECT done FROM runs")).scalars().all() == [7]
    engine.dispose()


def test_tables_are_made_once_and_apart(postgres_url: str) -> None:
    engine = open_engine(postgres_url)
    see_tables(engine)
    for _ in range(2):
        make_tables(engine)
    with reading(engine) as connection:
        found = connection.execute(
            text("SELECT DISTINCT schemaname FROM pg_tables WHERE tablename LIKE 'procrastinate%'")
        )
        assert found.scalars().all() == [schema_name()]
    engine.dispose()


def test_jobs_that_ended_or_lost_their_worker_are_cleared_away(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(
            text("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now()), (now() - interval '2m')")
        )
        alive, dead = connection.execute(text("SELECT id FROM procrastinate_workers ORDER BY id")).scalars()
        for number, (status, worker) in enumerate(
            [
                ("todo", None),
                ("doing", alive),
                ("doing", dead),
                ("doing", None),  # its worker was cleared away: such a job stays for ever
                ("succeeded", None),
                ("failed", alive),
                ("aborted", None),
            ]
        ):
            connection.execute(
                text(
                    "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, worker_id) "
                    "VALUES ('compose', 'compose', jsonb_build_object('n', cast(:n AS int)), "
                    "cast(:status AS procrastinate_job_status), :worker)"
                ),
                {"n": number, "status": status, "worker": worker},
            )
    assert clear_away(engine) == 5
    assert [job[3]["n"] for job in jobs(engine)] == [0, 1]
