"""Adds the fingerprint of the suppression key, and an index of deliveries that failed here."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table and the index."""
    op.create_table(
        "suppression_key",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_deliveries_failed",
        "deliveries",
        ["finished_at"],
        unique=False,
        sqlite_where=sa.text("state = 'failed' and reply_code is null"),
        postgresql_where=sa.text("state = 'failed' and reply_code is null"),
    )
