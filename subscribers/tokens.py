"""Signs and checks tokens for links, and makes random ids. Stores nothing.

Each purpose has its own salt, and keys can rotate. An expired token differs from a forged one. An unsubscribe
link has no token but a stored random id: it must work after any change of keys.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from binascii import b2a_base64
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from json.encoder import encode_basestring_ascii as _quoted
from typing import Any

from itsdangerous import BadData, SignatureExpired, Signer, TimestampSigner, URLSafeTimedSerializer
from itsdangerous.encoding import base64_encode, int_to_bytes

from subscribers.errors import TokenExpiredError, TokenForgedError

RANDOM_BYTES = 16  # 128 bits: nobody guesses one (RFC 8058 3.1: hard to forge)
_METHOD: dict[str, Any] = {"digest_method": hashlib.sha256, "key_derivation": "hmac"}
MAX_TOKEN_LENGTH = 2048  # characters; our tokens are far shorter, so a longer one is refused before hashing


class _Signer(TimestampSigner):
    """Signs as of a given instant instead of the clock's."""

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

    keys: the newest first; it signs.
    """
    # The output of URLSafeTimedSerializer.dumps in a fifth of its time: a digest run signs many tokens.
    value = b"%b.%b" % (_url_base64(_json(payload)), _stamp(int(now.timestamp())))
    signature = hmac.digest(_derived(purpose, keys[0]), value, "sha256")
    return f"{value.decode()}.{_url_base64(signature).decode()}"


def read(
    purpose: str, token: str, *, keys: Sequence[str], now: datetime, max_age: timedelta | None = None
) -> dict[str, Any]:
    """The payload of a token that was signed for this purpose with any of the keys.

    Raises TokenExpiredError when it is older than max_age, TokenForgedError for anything else.
    """
    return read_with_time(purpose, token, keys=keys, now=now, max_age=max_age)[0]


def read_with_time(
    purpose: str, token: str, *, keys: Sequence[str], now: datetime, max_age: timedelta | None = None
) -> tuple[dict[str, Any], datetime]:
    """Like `read`, with the time of signing (whole seconds, UTC)."""
    seconds = None if max_age is None else int(max_age.total_seconds())
    try:
        if len(token) > MAX_TOKEN_LENGTH:
            raise BadData("too long")
        payload, signed_at = _serializer(purpose, keys, now).loads(
            token, max_age=seconds, return_timestamp=True
        )
    except SignatureExpired as error:
        since = error.date_signed
        if since is None or since > now:
            raise _forged() from error  # signed in the future: not by us
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
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def _json(payload: Mapping[str, Any]) -> bytes:
    if len(payload) == 1:  # most links: an encoder for two strings costs more than all the rest of a token
        ((name, value),) = payload.items()
        if type(value) is str:
            return f"{{{_quoted(name)}:{_quoted(value)}}}".encode()
    return _JSON(dict(payload)).encode()


def _url_base64(raw: bytes) -> bytes:
    return b2a_base64(raw, newline=False).translate(_URL_SAFE, b"=")


@lru_cache(maxsize=64)
def _stamp(seconds: int) -> bytes:
    return base64_encode(int_to_bytes(seconds))


@lru_cache(maxsize=64)  # combinations of a purpose and a key
def _derived(purpose: str, key: str) -> bytes:
    return Signer(key, salt=_salt(purpose), **_METHOD).derive_key()


def _salt(purpose: str) -> str:
    return f"newsletter.{purpose}"


def _serializer(purpose: str, keys: Sequence[str], now: datetime) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(
        list(reversed(keys)),  # itsdangerous signs with the last of its keys
        salt=_salt(purpose),
        signer=_Signer,
        signer_kwargs={"now": now, **_METHOD},
    )
