"""Defines what a provider's webhook is, and what all of them check: secrets, ages and JSON."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from newsletter.core.mail.inbound import InboundReport

SLACK = timedelta(hours=1)  # that a signed request may be older than its provider's last try
EARLIEST = timedelta(minutes=5)  # a clock may be so much ahead
MOST_EVENTS = 2_000  # of one request; SendGrid, which sends the most, stops at about a thousand


class RefusedNoticeError(Exception):
    """A request that is not believed, or cannot be read. Its text is for the log: no secret is in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedNotice:
    """A request as it came."""

    headers: Mapping[str, str]  # names in lower case
    body: bytes
    now: datetime  # aware UTC


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderEvent:
    """One thing that a provider says of one mail."""

    key: str  # the same for each repetition of it
    report: InboundReport
    data: bytes  # its JSON, for the log


class Hook(Protocol):
    """The webhook of one provider. Threads may share it."""

    @property
    def refusal(self) -> int:
        """The HTTP status for a request that is not believed; the provider does not repeat it then."""

    def events(self, notice: PostedNotice) -> Sequence[ProviderEvent]:
        """What a request says; nothing where it tells of no failure.

        Raises RefusedNoticeError, and NewsletterError when it must come again.
        """


def check_secret(notice: PostedNotice, secret: str) -> None:
    """Raise RefusedNoticeError unless the request knows the secret.

    It stands as the password of the address (HTTP Basic, RFC 7617) or as a bearer token (RFC 6750, 2.1).
    """
    scheme, _, given = notice.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            given = base64.b64decode(given.strip(), validate=True).decode("utf-8").partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            given = ""
    elif scheme.lower() != "bearer":
        raise RefusedNoticeError("it brings no secret")
    if not hmac.compare_digest(given.strip().encode(), secret.encode()):
        raise RefusedNoticeError("its secret is wrong")


def check_age(at: datetime, now: datetime, *, tried_for: timedelta) -> None:
    """Raise RefusedNoticeError unless it was signed while its provider would still try.

    tried_for: how long, by its documentation. A repetition within that time acts no second time: see `key`.
    """
    if now - at > tried_for + SLACK:
        raise RefusedNoticeError("it was signed too long ago")
    if at - now > EARLIEST:
        raise RefusedNoticeError("it was signed in the future")


def instant_of(seconds: object) -> datetime:
    """An instant in seconds since 1970. Raises RefusedNoticeError when it is none."""
    try:
        return datetime.fromtimestamp(float(str(seconds)), UTC)
    except (ValueError, OverflowError, OSError):
        raise RefusedNoticeError("its time cannot be read") from None


def read_json(data: bytes | str) -> Any:
    """The value of a JSON text. Raises RefusedNoticeError."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise RefusedNoticeError("it is no JSON") from None


def read_object(data: bytes | str) -> dict[str, Any]:
    """The object of a JSON text. Raises RefusedNoticeError."""
    value = read_json(data)
    if not isinstance(value, dict):
        raise RefusedNoticeError("it is no JSON object")
    return value


def table(value: Any, *path: str) -> dict[str, Any]:
    """The object at a path within a value; an empty one where there is none."""
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def words(value: Any, *path: str) -> str:
    """The text, or the number as text, at a path within an object; empty where there is none."""
    found = table(value, *path[:-1]).get(path[-1])
    if not isinstance(found, str | int | float):
        return ""
    # A database stores neither NUL nor half of a surrogate pair.
    return str(found).replace("\0", "").encode("utf-8", "replace").decode("utf-8").strip()


def as_data(event: Mapping[str, Any]) -> bytes:
    """An event as JSON, for the log."""
    return json.dumps(event, ensure_ascii=False, sort_keys=True).encode("utf-8", "replace")
