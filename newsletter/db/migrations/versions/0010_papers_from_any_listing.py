"""What listings of other formats say of a paper, which source brought a dump, which server said what."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("papers", sa.Column("categories", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("papers", sa.Column("upvotes", sa.Integer(), nullable=True))
    op.add_column("papers", sa.Column("upvotes_on", sa.Date(), nullable=True))
    op.add_column("papers", sa.Column("project_url", sa.String(), nullable=True))
    op.add_column("papers", sa.Column("arxiv_id", sa.String(), nullable=True))
    op.add_column("papers", sa.Column("doi", sa.String(), nullable=True))
    op.add_column("listed_entries", sa.Column("upvotes", sa.Integer(), nullable=True))
    op.add_column("listed_entries", sa.Column("announcement", sa.String(), nullable=True))
    op.add_column("dumps", sa.Column("source", sa.String(), nullable=True))
    op.add_column("paper_decisions", sa.Column("filled", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("deliveries", sa.Column("relay", sa.String(), nullable=True))
    op.add_column("strikes", sa.Column("relay", sa.String(), nullable=True))
    op.drop_index("ix_papers_merged_into", table_name="papers")
    merged = sa.text("merged_into is not null")
    op.create_index(
        "ix_papers_merged_into", "papers", ["merged_into"], sqlite_where=merged, postgresql_where=merged
    )
    op.drop_index("ix_papers_news", table_name="papers")
    op.create_index(
        "ix_papers_news",
        "papers",
        ["id"],
        sqlite_where=sa.text("edition is null and backfill = 0"),
        postgresql_where=sa.text("edition is null and not backfill"),
    )
    op.create_table(
        "sources",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("next_fetch_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fetched_on", sa.Date(), nullable=True),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("url", sa.String(), nullable=True),
        sa.Column("etag", sa.String(), nullable=True),
        sa.Column("last_modified", sa.String(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_index("ix_dumps_source", "dumps", ["source"])
    op.create_index("ix_dumps_ingested", "dumps", ["status", "ingested_at"])
    op.create_index("ix_paper_revisions_dump_id", "paper_revisions", ["dump_id"])
    op.add_column("digests", sa.Column("new_versions", sa.JSON(none_as_null=True), nullable=True))
