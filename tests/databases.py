"""Databases that have all tables and no row: made once for each test process, copied for each test."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.util import LRUCache

from newsletter.db.engine import DEFAULT_FILE, default_url, open_engine
from newsletter.db.migrate import upgrade

STATEMENTS = 3000  # compiled ones that a test process keeps


def migrated_url(folder: Path, name: str = DEFAULT_FILE) -> str:
    """The URL of a SQLite database in this folder, as `newsletter init` makes it; one that is there stays."""
    file = folder / name
    if not file.exists():
        file.write_bytes(_migrated_file())
    return default_url(folder).replace(DEFAULT_FILE, name)


@cache
def _migrated_file() -> bytes:
    with TemporaryDirectory(prefix="newsletter-template-") as folder:
        migrate(default_url(Path(folder)))
        return (Path(folder) / DEFAULT_FILE).read_bytes()


def share_compiled_statements() -> None:
    """Let all SQLite engines of this process compile each statement once: a quarter of a test's time.

    SQLAlchemy keeps compiled statements by engine and dialect; each test has an engine of its own.
    """
    with open_engine("sqlite://").connect() as connection:
        dialect = connection.dialect
    compiled: LRUCache[Any, Any] = LRUCache(STATEMENTS)

    def share(connection: Connection) -> None:
        if connection.dialect.name == dialect.name:
            connection.dialect = dialect
            connection.execution_options(compiled_cache=compiled)

    event.listen(Engine, "engine_connect", share)


def migrate(url: str) -> None:
    """Give an empty database all tables."""
    engine = open_engine(url)
    upgrade(engine)
    engine.dispose()  # the last connection writes SQLite's log into the file
