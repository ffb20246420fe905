"""Opening the database: exclusive transactions, consistent views, the time zone of a connection."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import JSON, Engine, text
from sqlalchemy.pool import QueuePool

from newsletter.core.errors import StorageError
from newsletter.db.engine import open_engine, reading, rolled_back, writing

pytestmark = pytest.mark.dialects

WAIT = 0.3  # seconds: a thread that does not wait ends within them


def _waits_for(thread: threading.Thread) -> bool:
    thread.start()
    thread.join(WAIT)
    return thread.is_alive()


def test_exclusive_transactions_wait_for_each_other_and_see_the_result(empty_database_url: str) -> None:
    engine = open_engine(empty_database_url)
    seen: list[int] = []

    def second() -> None:
        with writing(engine, exclusive=True) as connection:
            seen.append(connection.execute(text("SELECT count(*) FROM notes")).scalar_one())

    def third() -> None:
        with rolled_back(engine) as connection:
            seen.append(connection.execute(text("SELECT count(*) FROM notes")).scalar_one())

    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE notes (word TEXT)"))
    threads = [threading.Thread(target=work) for work in (second, third)]
    with writing(engine, exclusive=True) as connection:
        assert [_waits_for(thread) for thread in threads] == [True, True]
        connection.execute(text("INSERT INTO notes VALUES ('first')"))
    for thread in threads:
        thread.join()
    assert seen == [1, 1]
    engine.dispose()


def test_other_writers_on_postgresql_do_not_wait_for_an_exclusive_one(empty_postgres_url: str) -> None:
    engine = open_engine(empty_postgres_url)
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE notes (word TEXT)"))
    with writing(engine, exclusive=True):
        with writing(engine) as other:
            other.execute(text("INSERT INTO notes VALUES ('other')"))
        with reading(engine) as view:
            assert view.execute(text("SELECT count(*) FROM notes")).scalar_one() == 1
    engine.dispose()


def test_reading_is_one_view_whatever_is_written_meanwhile(empty_database_url: str) -> None:
    engine = open_engine(empty_database_url)
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE notes (word TEXT)"))
    with reading(engine) as view:
        before = view.execute(text("SELECT count(*) FROM notes")).scalar_one()
        with writing(engine) as connection:
            connection.execute(text("INSERT INTO notes VALUES ('meanwhile')"))
        after = view.execute(text("SELECT count(*) FROM notes")).scalar_one()
    assert (before, after) == (0, 0)
    engine.dispose()


def test_session_on_postgresql_keeps_utc_whatever_the_database_says(empty_postgres_url: str) -> None:
    engine = open_engine(empty_postgres_url)
    with writing(engine) as connection:
        name = connection.execute(text("SELECT current_database()")).scalar_one()
        connection.execute(text(f"ALTER DATABASE {name} SET timezone TO 'Asia/Tokyo'"))
    engine.dispose()
    for way in (reading, writing, rolled_back):
        with way(engine) as connection:
            assert connection.execute(text("SHOW timezone")).scalar_one() == "UTC"
    engine.dispose()


def test_server_that_does_not_answer_is_an_error_with_a_hint() -> None:
    pytest.importorskip("psycopg")
    engine = open_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    with pytest.raises(StorageError) as caught, reading(engine) as connection:
        connection.execute(text("SELECT 1"))
    assert caught.value.hint == "The database server does not answer as database_url says."


def test_writers_of_one_process_queue_without_a_connection_each(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'queue.sqlite3'}")
    with writing(engine) as connection:
        connection.execute(text("create table counts (n integer)"))
    threads = [threading.Thread(target=_count_one, args=(engine,)) for _ in range(40)]
    with writing(engine) as connection:
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        assert isinstance(engine.pool, QueuePool)
        assert engine.pool.checkedout() == 1  # all the others are free for readers
    for thread in threads:
        thread.join(10)
    with reading(engine) as connection:
        assert connection.execute(text("select count(*) from counts")).scalar_one() == 40


def _count_one(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(text("insert into counts values (1)"))


@pytest.mark.parametrize(
    ("stored", "read"),
    [
        ('["\\ud800x"]', ["?x"]),
        ('["\\uDFFF"]', ["?"]),
        ('{"a": ["\\ud83d", "b"]}', {"a": ["?", "b"]}),
        ('["\\ud83d\\ude42"]', ["🙂"]),
        ('["\\\\ud800"]', ["\\ud800"]),
    ],
)
def test_half_of_a_surrogate_pair_is_read_as_a_question_mark(
    empty_database_url: str, stored: str, read: object
) -> None:
    engine = open_engine(empty_database_url)
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE notes (words JSON)"))
        connection.execute(text("INSERT INTO notes VALUES (:stored)"), {"stored": stored})
        found = connection.execute(text("SELECT words FROM notes").columns(words=JSON)).scalar_one()
    assert found == read
    engine.dispose()
