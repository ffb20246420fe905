"""A move to another database: whole whatever kills it, equal on both sides, nobody mailed from both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    JSON,
    Connection,
    Date,
    Engine,
    Float,
    Integer,
    LargeBinary,
    Table,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.types import Boolean

from newsletter.core.errors import DatabaseMovedError, StorageError, UsageError
from newsletter.db.engine import file_url, open_engine, reading, writing
from newsletter.db.migrate import check_current
from newsletter.db.schema import deliveries, papers
from newsletter.delivery.outbox.sender_locks import owning
from newsletter.ops.database_move.move import MoveOptions, MoveReport, move, take_back
from newsletter.ops.database_move.plan import Copied, declared_tables
from newsletter.ops.database_move.rows import checksum
from newsletter.papers.search.full_text import matching
from newsletter.papers.search.query import Phrase, Term
from newsletter.pipeline.explain.audit import audit
from tests.databases import migrated_url
from tests.marks import first_quick
from tests.pipeline.whole_newsletter import WholeNewsletter, utc
from tests.smtp_servers.recording import RecordingServer

NOW = utc("2026-04-16T08:00")
ODD_TEXT = "Zoë's “ﬁeld”\t\\N \\. 'x' \"y\"\r\n\u2028 𝄞 NULL"


OF_THE_ROLL_UP = "history_"  # an odd row there is damage to the audit
EVERY = 5  # of so many places a run dies at one


class Killed(BaseException):
    """Stands for a kill: nothing catches it."""


_opened: list[Engine] = []


@pytest.fixture(autouse=True)
def _dispose() -> Iterator[None]:
    """Close all connections: a server's database is dropped behind the test."""
    yield
    while _opened:
        _opened.pop().dispose()


def opened(url: str) -> Engine:
    """The database, until the test ends."""
    _opened.append(open_engine(url))
    return _opened[-1]


def running(folder: Path, url: str) -> WholeNewsletter:
    """A newsletter that has mailed for two days, with a row in every table."""
    folder.mkdir(exist_ok=True)
    with RecordingServer() as server:
        newsletter = WholeNewsletter(folder, port=server.port, url=url)
        _opened.append(newsletter.engine)
        for number in range(4):
            newsletter.reader(f"r{number}@readers.example", "circuits", "quantum", joined="2026-04-12T12:00")
        for day in (14, 15):
            newsletter.ingest_samples([day])
            newsletter.send(f"2026-04-{day}T07:00")
    with writing(newsletter.engine) as connection:
        for table in declared_tables():
            rows_there = connection.execute(select(table).limit(1)).first()
            if rows_there is None and not table.name.startswith(OF_THE_ROLL_UP):
                connection.execute(insert(table), _odd_row(connection, table))
        highest = connection.execute(select(papers.c.id).order_by(papers.c.id.desc())).scalars().all()
        # A paper that was merged into a later one: no order of its rows fits both references.
        connection.execute(update(papers).where(papers.c.id == highest[-1]).values(merged_into=highest[0]))
        connection.execute(update(papers).where(papers.c.id == highest[0]).values(code_url=ODD_TEXT))
    return newsletter


def _odd_row(connection: Connection, table: Table) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for column in table.columns:
        found = next(iter(column.foreign_keys), None)
        if found is not None:
            row[column.name] = connection.execute(select(found.column)).scalars().first()
        elif isinstance(column.type, JSON):
            row[column.name] = {"b": [1, None, 0.1], "a": ODD_TEXT}
        elif isinstance(column.type, Boolean):
            row[column.name] = True
        elif isinstance(column.type, Float):
            row[column.name] = 0.1 + 0.2
        elif isinstance(column.type, Date):
            row[column.name] = date(2026, 2, 28)
        elif isinstance(column.type, LargeBinary):
            row[column.name] = bytes(range(256))
        elif isinstance(column.type, Integer):
            row[column.name] = 1_000_000 if column.primary_key else 7
        elif "DateTime" in type(column.type).__name__:
            row[column.name] = datetime(2026, 4, 1, 1, 2, 3, 456789, tzinfo=UTC)
        else:
            row[column.name] = ODD_TEXT
    return row


def options(newsletter: WholeNewsletter, source: str, target: str, **changes: Any) -> MoveOptions:
    locks = newsletter.folder / "locks"
    return MoveOptions(source=source, target=target, locks_dir=locks, now=NOW, **{"wait": 0.0, **changes})


def move_once(wanted: MoveOptions, passed: Callable[[str], None] = lambda _point: None) -> MoveReport:
    return move(wanted, audit=lambda engine: audit(engine, now=NOW).as_json(), passed=passed)


@pytest.fixture(
    params=first_quick(["sqlite to sqlite", "sqlite to postgresql", "postgresql to sqlite"], quick=2)
)
def sides(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """The URLs of a migrated source and an empty target."""
    source, _, target = request.param.partition(" to ")
    old = request.getfixturevalue("postgres_url") if source == "postgresql" else migrated_url(tmp_path)
    new = (
        request.getfixturevalue("empty_postgres_url")
        if target == "postgresql"
        else file_url(tmp_path / "new.sqlite3")
    )
    return str(old), str(new)


@pytest.mark.dialects
def test_move_brings_every_table_over_and_leaves_the_old_one_shut(
    sides: tuple[str, str], tmp_path: Path
) -> None:
    source, target = sides
    newsletter = running(tmp_path / "n", source)
    report = move_once(options(newsletter, source, target))
    assert set(report.tables) == {table.name for table in declared_tables()}
    empty = {name for name, found in report.tables.items() if not found.rows}
    assert all(name.startswith(OF_THE_ROLL_UP) for name in empty)
    assert report.audit == newsletter.audit("2026-04-16T08:00").as_json()
    with pytest.raises(DatabaseMovedError, match="moved to"):
        check_current(newsletter.engine)
    before = newsletter.engine
    with pytest.raises(DatabaseMovedError, match="moves to another"):  # also who had it open
        newsletter.send("2026-04-16T07:00")
    after = opened(target)
    check_current(after)
    with reading(before) as old, reading(after) as there:
        assert found_by(old) == found_by(there) != []
    with RecordingServer() as server:  # ids go on behind the highest, and nobody gets a paper twice
        new = WholeNewsletter(tmp_path / "n", port=server.port, url=target)
        _opened.append(new.engine)
        new.ingest_samples([16])
        sent = new.send("2026-04-16T07:00").sent
    assert sent == 4
    assert new.audit("2026-04-16T08:00").clean
    assert move_again_does_nothing(newsletter, source, target)


def found_by(connection: Connection) -> list[int]:
    return sorted(connection.execute(matching(connection, [Term(phrases=(Phrase(("the",)),))])).scalars())


def move_again_does_nothing(newsletter: WholeNewsletter, source: str, target: str) -> bool:
    again = move_once(options(newsletter, source, target))
    return again.done_before and not again.copied


@pytest.mark.dialects
def test_a_move_that_is_killed_anywhere_goes_on(sides: tuple[str, str], tmp_path: Path) -> None:
    source, target = sides
    newsletter = running(tmp_path / "n", source)
    wanted = options(newsletter, source, target)
    places: list[str] = []

    def die_at_a_new_place(point: str) -> None:
        if point not in places:
            places.append(point)
            if len(places) % EVERY == 0:
                raise Killed

    while True:
        try:
            report = move_once(wanted, die_at_a_new_place)
            break
        except Killed:
            continue
    assert len(places) > len(declared_tables())
    assert report.resumed
    new = opened(target)
    check_current(new)
    with reading(newsletter.engine) as old, reading(new) as there:
        for table in declared_tables():
            assert checksum(old, Copied(table)) == checksum(there, Copied(table))


def test_half_a_database_is_not_used(tmp_path: Path) -> None:
    source, target = migrated_url(tmp_path), file_url(tmp_path / "new.sqlite3")
    newsletter = running(tmp_path / "n", source)
    with pytest.raises(Killed):
        move_once(options(newsletter, source, target), _dying_at("copied papers"))
    with pytest.raises(DatabaseMovedError, match=r"is being filled from sqlite:.*newsletter\.sqlite3"):
        check_current(opened(target))
    with pytest.raises(DatabaseMovedError, match=r"moves to another database: sqlite:.*new\.sqlite3"):
        check_current(newsletter.engine)
    with pytest.raises(UsageError, match="has begun"):
        move_once(options(newsletter, source, file_url(tmp_path / "third.sqlite3")))


def _dying_at(place: str) -> Callable[[str], None]:
    def passed(point: str) -> None:
        if point == place:
            raise Killed

    return passed


@pytest.mark.parametrize(
    ("owner_lives", "message"), [(True, "a sender is at work"), (False, None)], ids=["at work", "dead"]
)
def test_a_move_waits_for_senders_that_live(tmp_path: Path, owner_lives: bool, message: str | None) -> None:
    source, target = migrated_url(tmp_path), file_url(tmp_path / "new.sqlite3")
    newsletter = running(tmp_path / "n", source)
    with owning(tmp_path / "n" / "locks") as owner, writing(newsletter.engine) as connection:
        values = {
            "state": "handing over",
            "owner": owner if owner_lives else f"{owner}x",
            "leased_until": NOW,
        }
        connection.execute(update(deliveries).where(deliveries.c.id == 1).values(**values))
        connection.commit()
        if message is None:
            assert move_once(options(newsletter, source, target)).rows > 0
            return
        with pytest.raises(StorageError, match=message):
            move_once(options(newsletter, source, target))
    check_current(newsletter.engine)  # nothing was held


@pytest.mark.dialects
def test_the_way_back_is_open_until_the_new_one_is_used(sides: tuple[str, str], tmp_path: Path) -> None:
    source, target = sides
    newsletter = running(tmp_path / "n", source)
    wanted = options(newsletter, source, target)
    move_once(wanted)
    new = opened(target)
    with writing(new) as connection:
        connection.execute(update(papers).where(papers.c.id == 1).values(title="Changed"))
    with pytest.raises(StorageError, match="has been used since the move"):
        take_back(wanted)
    with reading(newsletter.engine) as connection:
        title = connection.execute(select(papers.c.title).where(papers.c.id == 1)).scalar_one()
    with writing(new) as connection:  # it was not shut either
        connection.execute(update(papers).where(papers.c.id == 1).values(title=title))
    take_back(wanted)
    check_current(newsletter.engine)
    with writing(newsletter.engine) as connection:
        connection.execute(update(papers).where(papers.c.id == 1).values(title="Changed"))
    with pytest.raises(DatabaseMovedError, match="was given up"):
        check_current(new)
    with pytest.raises(DatabaseMovedError), writing(new) as connection:
        connection.execute(update(papers).where(papers.c.id == 1).values(title="Changed"))


def _own_table(connection: Connection) -> None:
    connection.execute(text("CREATE TABLE notes_of_mine (id INTEGER)"))


def _own_column(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE papers ADD COLUMN mine INTEGER"))


def _nul(connection: Connection) -> None:
    connection.execute(text("UPDATE papers SET title = 'a' || char(0) || 'b' WHERE id = 1"))


def _wide(connection: Connection) -> None:
    connection.execute(text("UPDATE papers SET first_position = 5000000000 WHERE id = 1"))


@pytest.mark.dialects
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_own_table, "knows nothing: notes_of_mine"),
        (_own_column, "papers differs from this version's in the column mine"),
        (_nul, "papers.title of the row 1 holds a NUL"),
        (_wide, "a row of papers does not fit"),
    ],
)
def test_what_cannot_move_is_named(
    tmp_path: Path, empty_postgres_url: str, spoil: Callable[[Connection], None], message: str
) -> None:
    source = migrated_url(tmp_path)
    newsletter = running(tmp_path / "n", source)
    with writing(newsletter.engine) as connection:
        spoil(connection)
    with pytest.raises(StorageError, match=message):
        move_once(options(newsletter, source, empty_postgres_url))


def test_a_used_target_is_refused_and_left_alone(tmp_path: Path) -> None:
    source = migrated_url(tmp_path)
    newsletter = running(tmp_path / "n", source)
    running(tmp_path / "o", migrated_url(tmp_path, "other.sqlite3"))
    with pytest.raises(StorageError, match="is not empty"):
        move_once(options(newsletter, source, file_url(tmp_path / "other.sqlite3")))
    check_current(newsletter.engine)
