"""Defines mail as values: shared content, recipient, envelope and outcome; and how content becomes mail.

It encodes and joins nothing: `newsletter.render` makes the encoded pieces, `newsletter.delivery` joins them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol

SLOT = b"\x00"  # on both sides of a slot's name; never occurs in quoted-printable


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The part of a message that all its recipients share."""

    subject: str
    date: datetime  # compose time: the Date header
    html: tuple[bytes, ...]  # quoted-printable pieces, CRLF, slots as NUL name NUL
    text: tuple[bytes, ...]
    values: Mapping[str, str] = field(default_factory=dict)  # slots "digest.…": equal for all


class Recipient(NamedTuple):  # made for each message: faster than a dataclass
    """The recipient of one message, with the values that only this message prints."""

    subscriber_id: int
    address: str
    kind: str  # core.states.MailKind
    key: str  # identifies this message, with subscriber_id and kind
    my: Mapping[str, str]  # slots "my.…", plain text: escaped and encoded when joined
    unsubscribe_url: str = ""  # empty: this kind has no unsubscribe link
    text_only: bool = False
    name: str = ""  # display name
    delivery_id: int | None = None  # goes into the envelope, and so into the outcome
    signed_with: str | None = None  # id of the secret key that makes its ids; None: the newest


class Envelope(NamedTuple):  # likewise
    """One message as SMTP needs it."""

    sender: str  # VERP return path
    recipient: str
    data: bytes  # the message, CRLF, not dot-stuffed
    envid: str = ""  # RFC 3461 ENVID, when the server offers DSN
    delivery_id: int | None = None
    undotted: bool = False  # the builder guarantees that no line starts with a dot: no scan is needed


class Prepared(Protocol):
    """A content that is ready to be assembled for many recipients."""

    def assemble(self, recipient: Recipient) -> Envelope:
        """The envelope for one recipient."""


class Builder(Protocol):
    """Makes mail of content."""

    def prepare(self, content: Content) -> Prepared:
        """Build once the parts that all messages with this content share."""


class Verdict(StrEnum):
    """The result of one attempt."""

    ACCEPTED = "accepted"
    DEFERRED = "deferred"  # 4xx, or the connection failed before the final dot: safe to try again
    REJECTED = "rejected"  # 5xx
    UNCERTAIN = "uncertain"  # lost between the final dot and the reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The answer to one attempt: a value, not an exception."""

    verdict: Verdict
    phase: str  # connect, greeting, ehlo, starttls, auth, mail, rcpt, data, dot
    code: int | None = None  # SMTP reply code
    status: str | None = None  # RFC 3463 enhanced code, "5.1.1"
    text: str = ""  # the server's words, printable, cut to 500 characters
    delivery_id: int | None = None
    relay: str = field(default="", compare=False)  # the relay that answered, "host:port"
