"""Signed tokens for links, one salt per purpose, with keys that rotate; and random ids. Stores nothing.

An expired token differs from a forged one. The unsubscribe link uses no token but a stored random id:
it must work whatever key rotates.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from itsdangerous import BadData, SignatureExpired, Signer, TimestampSigner, URLSafeTimedSerializer
from itsdangerous.encoding import base64_encode, int_to_bytes, want_bytes
from itsdangerous.signer import SigningAlgorithm

from subscribers.errors import TokenExpiredError, TokenForgedError

RANDOM_BYTES = 16  # 128 bits: nobody guesses one (RFC 8058 3.1: hard to forge)
_METHOD: dict[str, Any] = {"digest_method": hashlib.sha256, "key_derivation": "hmac"}
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
    # What URLSafeTimedSerializer.dumps writes, with a signer that is kept: a digest run signs one a mail.
    body = base64_encode(_JSON(dict(payload)))
    stamp = _stamp(int(now.timestamp()))
    return _kept_signer(purpose, tuple(keys)).sign(body + b"." + stamp).decode()


def read(
    purpose: str, token: str, *, keys: Sequence[str], now: datetime, max_age: timedelta | None = None
) -> dict[str, Any]:
    """The payload of a token that was signed for this purpose with any of the keys.

    Raises TokenExpiredError when it is older than max_age, TokenForgedError for anything else.
    """
    return opened(purpose, token, keys=keys, now=now, max_age=max_age)[0]


def opened(
    purpose: str, token: str, *, keys: Sequence[str], now: datetime, max_age: timedelta | None = None
) -> tuple[dict[str, Any], datetime]:
    """As `read`, with the instant (whole seconds, UTC) at which the token was signed."""
    seconds = None if max_age is None else int(max_age.total_seconds())
    try:
        if len(token) > LONGEST:
            raise BadData("too long")
        payload, signed_at = _serializer(purpose, keys, now).loads(
            token, max_age=seconds, return_timestamp=True
        )
    except SignatureExpired as error:
        since = error.date_signed
        if since is None or since > now:
            raise _forged() from error  # from the future: none of our clocks made it
        raise TokenExpiredError(
            f"this link was good until {(since + (max_age or timedelta(0))).isoformat()}",
            signed_at=since,
            until=since + (max_age or timedelta(0)),
            hint="Ask for a new one.",
        ) from error
    except BadData as error:
        raise _forged() from error
    if not isinstance(payload, dict):
        raise _forged()
    return payload, signed_at


def _forged() -> TokenForgedError:
    return TokenForgedError(
        "this link is not one of ours, or a part of it is missing",
        hint="Copy the whole link, or ask for a new one.",
    )


_JSON = json.JSONEncoder(separators=(",", ":")).encode


@lru_cache(maxsize=64)
def _stamp(seconds: int) -> bytes:
    return base64_encode(int_to_bytes(seconds))


class _OneShot(SigningAlgorithm):
    """What itsdangerous's HMACAlgorithm computes, in one call of OpenSSL: a third of the time."""

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        return hmac.digest(key, value, "sha256")


class _KeptSigner(Signer):
    """A signer that derives each key once."""

    def derive_key(self, secret_key: str | bytes | None = None) -> bytes:
        key = self.secret_keys[-1] if secret_key is None else want_bytes(secret_key)
        return _derived(self, key)

    def derive(self, key: bytes) -> bytes:
        return super().derive_key(key)


@lru_cache(maxsize=64)
def _derived(signer: _KeptSigner, key: bytes) -> bytes:
    return signer.derive(key)


@lru_cache(maxsize=32)  # purposes times sets of keys
def _kept_signer(purpose: str, keys: tuple[str, ...]) -> _KeptSigner:
    return _KeptSigner(list(reversed(keys)), salt=_salt(purpose), algorithm=_OneShot(), **_METHOD)


def _salt(purpose: str) -> str:
    return f"newsletter.{purpose}"


def _serializer(purpose: str, keys: Sequence[str], now: datetime) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(
        list(reversed(keys)),  # itsdangerous signs with the last of its keys
        salt=_salt(purpose),
        signer=_Signer,
        signer_kwargs={"now": now, **_METHOD},
    )
