"""Defines the tables of what came back by mail: each message once, and whom it was about."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, Index, LargeBinary, text
from sqlmodel import Field, SQLModel


class InboundRecord(SQLModel, table=True):
    """A message that came back, or a notice of a provider."""

    __tablename__ = "inbound_messages"

    id: int | None = Field(default=None, primary_key=True)
    sha256: str = Field(unique=True)  # of its bytes: the same message acts once
    source: str  # the intake: "maildir", "imap", "lmtp", "pipe", "file", or a provider's name
    recipient: str  # of the envelope, when the intake knows it; a signed return path names no person
    received_at: datetime = Field(index=True)
    size: int  # octets
    kind: str  # core.mail.inbound.InboundClass
    form: str  # by which it was recognised
    feedback: str  # of a complaint: abuse, fraud, …
    done: str  # core.mail.bounce_policy.Effect; of several recipients the weightiest
    why: str
    # compressed; None: too old, or erased with its reader
    body: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))


class InboundRecipient(SQLModel, table=True):
    """One recipient whom a message that came back is about, and what followed."""

    __tablename__ = "inbound_recipients"
    __table_args__ = (
        Index(
            "ix_inbound_recipients_delivery",
            "delivery_id",
            sqlite_where=text("delivery_id is not null"),
            postgresql_where=text("delivery_id is not null"),
        ),
        Index(
            "ix_inbound_recipients_subscriber",
            "subscriber_id",
            sqlite_where=text("subscriber_id is not null"),
            postgresql_where=text("subscriber_id is not null"),
        ),
        Index("ix_inbound_recipients_address", "address_hash"),
    )

    id: int | None = Field(default=None, primary_key=True)
    message_id: int = Field(foreign_key="inbound_messages.id", index=True)
    kind: str  # hard, soft, ours; of other messages empty
    status: str  # RFC 3463, or empty
    reason: str  # core.mail.reply_verdict.Reason, or empty
    diagnostic: str  # the server's words, without addresses
    domain: str  # of the address, in lower case
    address_hash: str  # keyed, as of suppressions; empty: no address was named
    subscriber_id: int | None = None
    delivery_id: int | None = None
    found_by: str  # envid, return path, header, message id, address; empty: nobody was found
    done: str  # core.mail.bounce_policy.Effect
    why: str
