"""Which addresses of a roster came before, on disk: memory stays flat however long the roster is."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from types import TracebackType


class DuplicateIndex:
    """The addresses that were read so far, with the row of each. A private file that vanishes by itself."""

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
        """Note (address key, row number) pairs; returns for each repeating row the row that was first."""
        again: dict[int, int] = {}
        for key, number in keys:
            try:
                self._database.execute("INSERT INTO seen VALUES (?, ?)", (key, number))
            except sqlite3.IntegrityError:
                found = self._database.execute("SELECT number FROM seen WHERE key = ?", (key,)).fetchone()
                again[number] = found[0]
        return again
