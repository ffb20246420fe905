"""Signed tokens for links, one salt per purpose, with keys that rotate; and random ids. Stores nothing.

An expired token differs from a forged one. The unsubscribe link uses no token but a stored random id:
it must work whatever key rotates.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from itsdangerous import BadData, SignatureExpired, TimestampSigner, URLSafeTimedSerializer

from subscribers.errors import TokenExpiredError, TokenForgedError

RANDOM_BYTES = 16  # 128 bits: nobody guesses one (MAIL: opaque and hard to forge)
LONGEST = 2048  # characters; a token of ours is far shorter, so a longer one is not worth the hashing


class _Signer(TimestampSigner):
    """Signs as of an instant that is handed in: no clock here."""

    def __init__(self, *args: Any, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._now = int(now.timestamp())

    def get_timestamp(self) -> int:
        return self._now


def random_id() -> str:
    """A random id for links: 22 URL-safe characters that hold 128 bits."""
    return secrets.token_urlsafe(RANDOM_BYTES)


def sign(purpose: str, payload: Mapping[str, Any], *, keys: Sequence[str], now: datetime) -> str:
    """A URL-safe token that carries `payload` (small JSON; a ref, never an address).

    keys: the newest first; the newest signs.
    """
    return str(_serializer(purpose, keys, now).dumps(dict(payload)))


def read(
    purpose: str, token: str, *, keys: Sequence[str], now: datetime, max_age: timedelta | None = None
) -> dict[str, Any]:
    """The payload of a token that was signed for this purpose with any of the keys.

    Raises TokenExpiredError when it is older than max_age, TokenForgedError for anything else.
    """
    seconds = None if max_age is None else int(max_age.total_seconds())
    try:
        if len(token) > LONGEST:
            raise BadData("too long")
        payload = _serializer(purpose, keys, now).loads(token, max_age=seconds)
    except SignatureExpired as error:
        signed_at = error.date_signed
        if signed_at is None or signed_at > now:
            raise _forged() from error  # from the future: none of our clocks made it
        raise TokenExpiredError(
            f"this link was good until {(signed_at + (max_age or timedelta(0))).isoformat()}",
            signed_at=signed_at,
            hint="Ask for a new one.",
        ) from error
    except BadData as error:
        raise _forged() from error
    if not isinstance(payload, dict):
        raise _forged()
    return payload


def _forged() -> TokenForgedError:
    return TokenForgedError(
        "this link is not one of ours, or a part of it is missing",
        hint="Copy the whole link, or ask for a new one.",
    )


def _serializer(purpose: str, keys: Sequence[str], now: datetime) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(
        list(reversed(keys)),  # itsdangerous signs with the last of its keys
        salt=f"newsletter.{purpose}",
        signer=_Signer,
        signer_kwargs={"now": now, "digest_method": hashlib.sha256, "key_derivation": "hmac"},
    )
