"""Migrates the database to the revision of this version, and checks its revision. Opens no engine.

The revisions are in `newsletter/db/migrations/versions`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from sqlalchemy import Connection, Engine, column, inspect, select, table, text

from newsletter.core.errors import DatabaseTooNewError, StorageError
from newsletter.db.engine import reading, writing
from newsletter.db.move_marks import check_no_move

MIGRATIONS = Path(__file__).parent / "migrations"
# Programs whose newest revision is this one work beside the schema of this version. A migration that they
# could not work beside raises it. It stands in the database, for those who do not know the newer revisions.
READABLE_FROM = "0012"
READERS = "schema_readers"
_READERS = table(READERS, column("oldest"))


@cache
def known_revisions() -> tuple[str, ...]:
    """The revisions that this version knows, oldest first, by the names of their files."""
    return tuple(sorted(file.name.split("_")[0] for file in (MIGRATIONS / "versions").glob("[0-9]*_*.py")))


def current_revision(connection: Connection) -> str | None:
    """The revision of the database; None when it was never set up."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return revision


def check_known(engine: Engine) -> str:
    """The database's revision, which may be an older one, or a newer one beside which this version works.

    Raises StorageError for a database not set up, DatabaseTooNewError for one of a newer version,
    DatabaseMovedError for one that has moved.
    """
    with reading(engine) as connection:
        revision = current_revision(connection)
        check_no_move(connection)
        if revision is None:
            raise StorageError("the database is not set up", hint="Run `newsletter init`.")
        _refuse_newer(connection, revision)
    return revision


def check_current(engine: Engine) -> None:
    """Raise StorageError for a database not set up or older.

    Raises DatabaseTooNewError for a newer one, unless this version works beside its schema.
    """
    if check_known(engine) in known_revisions()[:-1]:
        raise StorageError(
            "the database is of an older version",
            hint="Run `newsletter migrate`; a copy of the state directory first is never wrong.",
        )


def upgrade(engine: Engine) -> tuple[str | None, str]:
    """Run the missing migrations in one transaction. Returns the revision before and after.

    Raises DatabaseTooNewError for a database that a newer version migrated; one beside whose schema this
    version works stays as it is.
    """
    head = known_revisions()[-1]
    with writing(engine) as connection:
        before = current_revision(connection)
        if before is not None:
            _refuse_newer(connection, before)
            if before not in known_revisions():
                return before, before
        if before != head:
            check_no_move(connection)
            _run_alembic(connection)
            _say_who_may_read(connection)
    return before, head


def _say_who_may_read(connection: Connection) -> None:
    connection.execute(text(f"CREATE TABLE IF NOT EXISTS {READERS} (oldest VARCHAR NOT NULL)"))
    connection.execute(_READERS.delete())
    connection.execute(_READERS.insert().values(oldest=READABLE_FROM))


def _run_alembic(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _refuse_newer(connection: Connection, revision: str) -> None:
    if revision in known_revisions() or _may_read(connection):
        return
    raise DatabaseTooNewError(
        f"the database is of a newer version (revision {revision})",
        hint="Use the version of `newsletter` that wrote it, or restore a backup; nothing was changed.",
    )


def _may_read(connection: Connection) -> bool:
    if not inspect(connection).has_table(READERS):
        return False
    oldest: str | None = connection.execute(select(_READERS.c.oldest)).scalar()
    return oldest is not None and known_revisions()[-1] >= oldest
