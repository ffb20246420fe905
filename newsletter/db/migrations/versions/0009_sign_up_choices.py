"""What each sign-up asks for until its owner confirms, ids before a move, requests that wait; doubts;
dropped papers that were taken back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables and columns."""
    op.create_table(
        "signup_choices",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("subscriber_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("mailed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("topics", sa.JSON(), nullable=False),
        sa.Column("preferences", sa.JSON(), nullable=False),
        sa.Column("origin", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscribers.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("ref"),
    )
    op.create_index("ix_signup_choices_subscriber_id", "signup_choices", ["subscriber_id"])
    op.create_table(
        "former_links",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subscriber_id", sa.Integer(), nullable=False),
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("leave_id", sa.String(), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscribers.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("leave_id"),
        sa.UniqueConstraint("ref"),
    )
    op.create_index("ix_former_links_subscriber_id", "former_links", ["subscriber_id"])
    op.add_column("deliveries", sa.Column("signed_with", sa.String(), nullable=True))
    op.add_column("signup_requests", sa.Column("not_before", sa.DateTime(timezone=True), nullable=True))
    op.add_column("signup_requests", sa.Column("waits_for", sa.String(), nullable=True))
    op.add_column("strikes", sa.Column("doubted", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("edition_papers", sa.Column("restored_at", sa.DateTime(timezone=True), nullable=True))
