"""Adds heirs of split papers, counters of rate limits, and pauses of recipient domains."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "paper_heirs",
        sa.Column("heir_id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["heir_id"], ["papers.id"]),
        sa.ForeignKeyConstraint(["source_id"], ["papers.id"]),
        sa.PrimaryKeyConstraint("heir_id", "source_id", "until"),
    )
    op.create_index("ix_paper_heirs_source_id", "paper_heirs", ["source_id"], unique=False)
    op.create_table(
        "mail_counts",
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=False),
        sa.Column("slice", sa.BigInteger(), nullable=False),
        sa.Column("mails", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "seconds", "slice"),
    )
    op.create_table(
        "pauses",
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("domain"),
    )
