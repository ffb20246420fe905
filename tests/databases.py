"""Databases that have all tables and no row: made once for each test process, copied for each test."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from newsletter.db.engine import DEFAULT_FILE, default_url, open_engine
from newsletter.db.migrate import upgrade


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


def migrate(url: str) -> None:
    """Give an empty database all tables."""
    engine = open_engine(url)
    upgrade(engine)
    engine.dispose()  # the last connection writes SQLite's log into the file
