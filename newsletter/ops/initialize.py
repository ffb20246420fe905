"""Sets up a state directory and its database, and migrates a database.

Reads no settings: the command line passes their values.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import inspect

from newsletter.core.errors import StorageError
from newsletter.db.engine import DEFAULT_FILE, default_url, open_engine, reading
from newsletter.db.migrate import upgrade
from newsletter.ops.state_dir import CREDENTIALS, check_writable, prepare
from subscribers import suppression_key

SUPPRESSION_KEY = "suppression_key"


@dataclass(frozen=True, slots=True, kw_only=True)
class InitReport:
    """The result of `init`."""

    made: tuple[str, ...]  # names in the state directory; empty when nothing was missing
    revision: str  # of the database schema


def set_up(state_dir: Path, *, database_url: str, known_keys: frozenset[str]) -> InitReport:
    """Make the missing parts: directory, newsletter.toml, inbox, keys, database at this version's revision.

    known_keys: the names among secret_key and suppression_key that the settings have. Raises StorageError,
    also when the suppression key is lost and the database holds hashes made with it.
    """
    if SUPPRESSION_KEY not in known_keys and not (state_dir / CREDENTIALS / SUPPRESSION_KEY).exists():
        _check_key_is_not_needed(state_dir, database_url)
    made = prepare(state_dir, known_keys=known_keys)
    check_writable(state_dir)
    before, revision = _upgrade(database_url)
    if before is None:
        made.append("database")
    return InitReport(made=tuple(made), revision=revision)


def _check_key_is_not_needed(state_dir: Path, database_url: str) -> None:
    """Raise StorageError when the database holds addresses hashed with the missing suppression key."""
    if database_url == default_url(state_dir) and not (state_dir / DEFAULT_FILE).exists():
        return
    engine = open_engine(database_url)
    try:
        with reading(engine) as connection:
            has_table = inspect(connection).has_table("suppressions")
            hashed = suppression_key.count_hashes(connection) if has_table else 0
    finally:
        engine.dispose()
    if hashed:
        raise StorageError(
            f"{SUPPRESSION_KEY} is missing, and {hashed} addresses that must not be mailed hang on it",
            hint=f"Put {CREDENTIALS}/{SUPPRESSION_KEY} back from a backup; a new key would forget them all.",
        )


def migrate_existing(state_dir: Path, *, database_url: str) -> tuple[str | None, str]:
    """Migrate the database. Returns its revision before and after. Makes no database: `init` does."""
    check_writable(state_dir)
    if database_url == default_url(state_dir) and not (state_dir / DEFAULT_FILE).exists():
        raise StorageError(
            f"no newsletter in {state_dir}",
            hint="Run `newsletter init` first, or name the right --state-dir.",
        )
    return _upgrade(database_url)


def _upgrade(database_url: str) -> tuple[str | None, str]:
    engine = open_engine(database_url)
    try:
        return upgrade(engine)
    finally:
        engine.dispose()
