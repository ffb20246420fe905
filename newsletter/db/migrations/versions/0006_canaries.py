"""Adds the early slots of canaries, and why the edition guard held an edition."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table and the columns."""
    op.create_table(
        "canary_slots",
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("subscriber_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["edition"], ["editions.number"]),
        sa.PrimaryKeyConstraint("edition", "subscriber_id", "at"),
    )
    op.create_index("ix_canary_slots_subscriber_id", "canary_slots", ["subscriber_id"], unique=False)
    op.add_column("editions", sa.Column("held_because", sa.String(), nullable=True))
    op.add_column("editions", sa.Column("excused", sa.JSON(), nullable=True))
