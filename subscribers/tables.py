"""Defines the tables of this package. Other packages use the selects of `subscribers.audience` instead."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Index, false, text
from sqlmodel import Field, SQLModel


class Subscriber(SQLModel, table=True):
    """An address with its preferences. Erasure empties the personal columns and keeps the row."""

    __tablename__ = "subscribers"
    __table_args__ = (
        Index(
            "ix_subscribers_cadence",
            "timezone",
            "hour",
            "cadence",
            "weekday",
            "slots_done_to",
            sqlite_where=text("state = 'confirmed'"),
            postgresql_where=text("state = 'confirmed'"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    ref: str = Field(unique=True)  # random; in links instead of the address
    leave_id: str = Field(unique=True)  # random; the unsubscribe link, which never expires
    address: str | None = None  # as given, domain in lower case; empty after erasure
    address_key: str | None = Field(default=None, unique=True)  # the same for all spellings of a mailbox
    name: str = ""
    state: str  # pending, confirmed, unsubscribed, suppressed, erased
    cadence: str = "daily"  # daily, weekdays, weekly
    weekday: str | None = None  # monday … sunday, for weekly
    hour: int = 7  # 0 to 23, local
    timezone: str = "UTC"  # IANA name
    text_only: bool = False
    minimum: int = 1  # papers that make a digest worth sending
    maximum: int | None = None  # papers a digest may hold
    cards: int | None = Field(
        default=10, sa_column_kwargs={"server_default": text("10")}
    )  # papers shown at length; empty: all
    maybe: bool = Field(
        default=False, sa_column_kwargs={"server_default": false()}
    )  # doubtful papers as well
    paused_until: datetime | None = None
    slots_done_to: datetime | None = None  # slots up to here are closed; set to now on joining and on changes
    cadence_since: datetime | None = None  # slots count from here: joined, changed the schedule, came back
    created_at: datetime
    confirmed_at: datetime | None = None  # when they first agreed
    version: int = 1  # grows with every change that a composed digest depends on
    # of their links to the archive: a new one makes the earlier links useless
    links_epoch: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})


class Subscription(SQLModel, table=True):
    """An interval in which a subscriber follows a topic. Leaving closes it; coming back opens another."""

    __tablename__ = "subscriptions"
    __table_args__ = (Index("ix_subscriptions_subscriber", "subscriber_id", "topic"),)

    id: int | None = Field(default=None, primary_key=True)
    subscriber_id: int = Field(foreign_key="subscribers.id")
    topic: str
    since: datetime | None = None  # confirmed since; empty while pending
    until: datetime | None = None


class ConsentEvent(SQLModel, table=True):
    """An entry of the consent ledger, see `subscribers.consent`."""

    __tablename__ = "consent_events"

    id: int | None = Field(default=None, primary_key=True)
    subscriber_id: int = Field(foreign_key="subscribers.id", index=True)
    at: datetime
    what: str  # requested, confirmed, followed, left, changed, paused, unsubscribed, suppressed, …
    how: str  # admin, import, web, one-click, bounce, complaint
    topics: list[Any] = Field(sa_column=Column(JSON, nullable=False))
    detail: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))  # changed settings; form version


class Suppression(SQLModel, table=True):
    """An address that may not be mailed, as a keyed hash. It beats every state and survives erasure."""

    __tablename__ = "suppressions"

    id: int | None = Field(default=None, primary_key=True)
    address_hash: str = Field(index=True)  # HMAC-SHA256 with the suppression key, hex
    reason: str  # admin, bounce, complaint, erased
    note: str = ""
    at: datetime
    lifted_at: datetime | None = None
    lifted_how: str | None = None


class SuppressionKey(SQLModel, table=True):
    """The fingerprint of the key of these hashes: one row."""

    __tablename__ = "suppression_key"

    id: int = Field(primary_key=True)  # 1
    fingerprint: str  # HMAC-SHA256 of a fixed text, hex
    since: datetime


class SignupRequest(SQLModel, table=True):
    """A request of a public page that waits for its answer."""

    __tablename__ = "signup_requests"

    id: int | None = Field(default=None, primary_key=True)
    kind: str  # sign-up, link
    at: datetime
    address: str  # as typed, well-formed
    name: str = ""
    topics: list[Any] = Field(sa_column=Column(JSON, nullable=False))
    given: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))  # preferences, checked
    origin: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))  # for the consent ledger
    failed: str | None = None  # why it could not be answered; kept a while for the admin
    not_before: datetime | None = None  # it waits until then
    waits_for: str | None = None  # the limit for which it waits: address, newsletter


class SignupChoice(SQLModel, table=True):
    """What one sign-up asks for. Nothing of it holds before the owner of the address confirms it."""

    __tablename__ = "signup_choices"

    id: int | None = Field(default=None, primary_key=True)
    ref: str = Field(unique=True)  # random; in the confirmation link
    subscriber_id: int = Field(foreign_key="subscribers.id", index=True)
    at: datetime
    mailed_at: datetime | None = None  # when its confirmation was queued; empty: an earlier link shows it
    name: str = ""
    topics: list[Any] = Field(sa_column=Column(JSON, nullable=False))
    preferences: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))  # all of them, by name
    origin: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))  # for the consent ledger


class FormerLink(SQLModel, table=True):
    """The ids that a subscriber had at an earlier address. Links with them can only leave."""

    __tablename__ = "former_links"

    id: int | None = Field(default=None, primary_key=True)
    subscriber_id: int = Field(foreign_key="subscribers.id", index=True)
    ref: str = Field(unique=True)
    leave_id: str = Field(unique=True)
    moved_at: datetime


class LimitCount(SQLModel, table=True):
    """A count within the window of a rate limit; shared by all processes."""

    __tablename__ = "limit_counts"

    key: str = Field(primary_key=True)  # the limit and the keyed hash of a client, address or reader
    count: int
    until: datetime = Field(index=True)  # when the window ends


class Strike(SQLModel, table=True):
    """A refusal or bounce that is about the recipient and not final by itself; several suppress."""

    __tablename__ = "strikes"

    id: int | None = Field(default=None, primary_key=True)
    subscriber_id: int = Field(foreign_key="subscribers.id", index=True)
    message_key: str  # of the message: several refusals of one message are one strike
    reason: str  # a word of newsletter.core.mail.reply_verdict.Reason
    note: str  # the server's words, without the address
    at: datetime
    relay: str | None = None  # the server that said it, of a doubted one
    # the server had accepted nothing that speaks for it: it does not count
    doubted: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
