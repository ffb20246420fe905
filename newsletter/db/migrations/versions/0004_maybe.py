"""Adds doubtful papers: the preference of a reader, and those of editions and digests."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables and the column."""
    op.add_column("subscribers", sa.Column("maybe", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "edition_maybes",
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("paper_id", sa.Integer(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["edition"], ["editions.number"]),
        sa.ForeignKeyConstraint(["paper_id"], ["papers.id"]),
        sa.PrimaryKeyConstraint("edition", "paper_id", "topic"),
    )
    op.create_index("ix_edition_maybes_paper_id", "edition_maybes", ["paper_id"], unique=False)
    op.create_table(
        "digest_maybes",
        sa.Column("digest_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("paper_id", sa.Integer(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["digest_id"], ["digests.id"]),
        sa.ForeignKeyConstraint(["paper_id"], ["papers.id"]),
        sa.PrimaryKeyConstraint("digest_id", "position"),
    )
    op.create_index("ix_digest_maybes_paper_id", "digest_maybes", ["paper_id"], unique=False)
