"""Review: what an admin does to an edition before it is mailed: hold, release, note, drop a paper.

Freezes nothing (`newsletter.pipeline.publish`) and mails nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from newsletter.db.engine import writing
from newsletter.papers import editions


def hold(engine: Engine, number: int) -> dict[str, Any]:
    """Keep edition `number` back until it is released; returns its row. Raises NotFoundError."""
    with writing(engine) as connection:
        editions.hold(connection, number)
        return editions.rows(connection, number)[0]


def release(engine: Engine, number: int, *, now: datetime) -> dict[str, Any]:
    """Make edition `number` ready by `now` (aware); returns its row. Raises NotFoundError."""
    with writing(engine) as connection:
        editions.release(connection, number, now=now)
        return editions.rows(connection, number)[0]


def note(engine: Engine, number: int, text: str) -> dict[str, Any]:
    """Set the editor's words of edition `number`, or remove them (empty). Raises NotFoundError."""
    with writing(engine) as connection:
        editions.note(connection, number, text)
        return editions.rows(connection, number)[0]


def drop(engine: Engine, paper_id: int, *, now: datetime) -> int:
    """Take a paper out of every edition: who has not got it will not. Returns the pairs taken out."""
    with writing(engine) as connection:
        return editions.drop(connection, [paper_id], now=now)
