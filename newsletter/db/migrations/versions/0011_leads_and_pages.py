"""Adds how many papers a reader sees at length in a digest, and the search index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from newsletter.db.search_index import create_indexes, fill_indexes

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create what this version adds."""
    op.add_column(
        "subscribers", sa.Column("cards", sa.Integer(), nullable=True, server_default=sa.text("10"))
    )
    op.add_column(
        "subscribers",
        sa.Column("links_epoch", sa.Integer(), nullable=False, server_default=sa.text("0")),
    )
    op.create_index(
        "ix_papers_first_listed", "papers", ["first_listed_on", "first_dump_id", "first_position", "id"]
    )
    dropped = sa.text("dropped_at is not null")
    op.create_index(
        "ix_edition_papers_dropped",
        "edition_papers",
        ["paper_id"],
        sqlite_where=dropped,
        postgresql_where=dropped,
    )
    connection = op.get_bind()
    create_indexes(connection)
    fill_indexes(connection)
