"""Remembers the addresses of a roster on disk, to find repeated ones. Memory stays constant."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from types import TracebackType


class DuplicateIndex:
    """The addresses read so far with their row numbers, in a private file that SQLite deletes."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("")  # SQLite's private temporary database
        self._database.execute("PRAGMA cache_size = -8000")  # KiB in memory at most
        self._database.execute("CREATE TABLE seen (key TEXT PRIMARY KEY, number INTEGER) WITHOUT ROWID")

    def __enter__(self) -> DuplicateIndex:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def repeated(self, keys: Sequence[tuple[str, int]]) -> dict[int, int]:
        """Add (address key, row number) pairs; returns the first row of the same address by repeating row."""
        first_rows: dict[int, int] = {}
        for key, number in keys:
            try:
                self._database.execute("INSERT INTO seen VALUES (?, ?)", (key, number))
            except sqlite3.IntegrityError:
                found = self._database.execute("SELECT number FROM seen WHERE key = ?", (key,)).fetchone()
                first_rows[number] = found[0]
        return first_rows

    def first_row(self, key: str) -> int | None:
        """The row in which an address key was added; None when it was not."""
        found = self._database.execute("SELECT number FROM seen WHERE key = ?", (key,)).fetchone()
        return found[0] if found else None
