"""Adds how many papers a reader sees at length in a digest."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create what this version adds."""
    op.add_column(
        "subscribers", sa.Column("cards", sa.Integer(), nullable=True, server_default=sa.text("10"))
    )
