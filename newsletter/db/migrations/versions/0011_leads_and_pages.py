"""Adds how many papers a reader sees at length, the search index, and what came back by mail."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import UTCDateTime

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
    _add_inbound()
    _add_known_topics()


def _add_known_topics() -> None:
    op.create_table(
        "known_topics",
        sa.Column("slug", sa.String(), nullable=False),
        sa.Column("public", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("slug"),
    )
    # Before this version every topic was public.
    op.execute("INSERT INTO known_topics SELECT DISTINCT topic, true FROM paper_topics")


def _add_inbound() -> None:
    op.add_column("deliveries", sa.Column("bounced_at", UTCDateTime(), nullable=True))
    _partial_index("ix_deliveries_bounced", "deliveries", "bounced_at")
    op.create_table(
        "inbound_messages",
        sa.Column("id", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("sha256", "source", "recipient")),
        sa.Column("received_at", UTCDateTime(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        *(
            sa.Column(name, sa.String(), nullable=False)
            for name in ("kind", "form", "feedback", "done", "why")
        ),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("sha256"),
    )
    op.create_index("ix_inbound_messages_received_at", "inbound_messages", ["received_at"])
    words = ("kind", "status", "reason", "diagnostic", "domain", "address_hash", "found_by", "done", "why")
    op.create_table(
        "inbound_recipients",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.Integer(), nullable=False),
        sa.Column("subscriber_id", sa.Integer(), nullable=True),
        sa.Column("delivery_id", sa.Integer(), nullable=True),
        *(sa.Column(name, sa.String(), nullable=False) for name in words),
        sa.ForeignKeyConstraint(["message_id"], ["inbound_messages.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_inbound_recipients_message_id", "inbound_recipients", ["message_id"])
    op.create_index("ix_inbound_recipients_address", "inbound_recipients", ["address_hash"])
    _partial_index("ix_inbound_recipients_delivery", "inbound_recipients", "delivery_id")
    _partial_index("ix_inbound_recipients_subscriber", "inbound_recipients", "subscriber_id")


def _partial_index(name: str, table: str, column: str) -> None:
    there = sa.text(f"{column} is not null")
    op.create_index(name, table, [column], sqlite_where=there, postgresql_where=there)
