"""Adds the tables of rolled-up history, and indexes of the few rows among many.

It takes nothing away: the release before goes on working beside it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import UTCDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create what this version adds."""
    _add_history()
    _add_partial_index("ix_editions_held", "editions", ["number"], sqlite="held = 1", postgresql="held")
    is_open = "carried_by is null and ended is null"
    columns = ["subscriber_id", "made_at"]
    _add_partial_index("ix_reader_debts_open", "reader_debts", columns, sqlite=is_open, postgresql=is_open)
    if op.get_bind().dialect.name == "postgresql":
        # A roll-up deletes a month at once: its space is to be free before the next one.
        for table in ("deliveries", "reader_debts", "digest_papers", "digests", "pieces"):
            op.execute(f"ALTER TABLE {table} SET (autovacuum_vacuum_scale_factor = 0.02)")
    op.drop_index("ix_deliveries_waiting", "deliveries")  # it lacked the id
    waits = "state in ('queued', 'deferred')"
    columns = ["next_attempt_at", "id"]
    _add_partial_index("ix_deliveries_waiting", "deliveries", columns, sqlite=waits, postgresql=waits)


def _add_partial_index(name: str, table: str, columns: list[str], *, sqlite: str, postgresql: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(sqlite), postgresql_where=sa.text(postgresql))


def _add_history() -> None:
    op.create_table(
        "history_months",
        sa.Column("month", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("begun_at", UTCDateTime(), nullable=False),
        sa.Column("sealed_at", UTCDateTime(), nullable=True),
        *(_count(name) for name in ("readers", "deliveries", "given", "contents")),
        sa.Column("checksum", sa.String(), nullable=False),
        _count("erased_readers"),
        sa.Column("erased_checksum", sa.String(), nullable=False),
        sa.Column("broken_since", UTCDateTime(), nullable=True),
        sa.Column("proof", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("month"),
    )
    op.create_table(
        "history_readers",
        sa.Column("month", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("subscriber_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("month", "subscriber_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "history_contents",
        sa.Column("digest_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("month", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest_id"),
    )
    op.create_table(
        "history_papers",
        sa.Column("paper_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("month", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("paper_id", "month"),
        sqlite_with_rowid=False,
    )


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)
