"""What the tests of readers share: an instant, a policy, and the debts of readers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, select

from newsletter.db.engine import reading
from newsletter.db.schema import reader_debts
from newsletter.pipeline.readers.policy import ReaderPolicy

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
POLICY = ReaderPolicy(known_topics=("circuits", "quantum", "everything"), suppression_key=b"key of the tests")


def debts(engine: Engine) -> list[tuple[Any, ...]]:
    with reading(engine) as connection:
        rows = connection.execute(
            select(reader_debts.c.paper_id, reader_debts.c.topic, reader_debts.c.kind).order_by(
                reader_debts.c.id
            )
        )
        return [tuple(row) for row in rows]
