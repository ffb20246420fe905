"""Knows which secret key signs a message: the one that was current when the message was composed.

So a retry after a change of the key has the same bytes. It reads no settings and writes no file.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256

KEY_ID_DIGITS = 12  # hex digits


@lru_cache(maxsize=64)  # asked for each message; a newsletter has a handful of keys
def key_id(secret_key: str) -> str:
    """A name for a key that may be printed and stored; the key cannot be computed from it."""
    return sha256(b"newsletter secret key\x00" + secret_key.encode()).hexdigest()[:KEY_ID_DIGITS]


def key_of(signed_with: str | None, secret_keys: Sequence[str]) -> str:
    """The key whose id is `signed_with`; the newest, which comes first, if there is none."""
    if signed_with is not None:
        for secret_key in secret_keys:
            if key_id(secret_key) == signed_with:
                return secret_key
    return secret_keys[0]
