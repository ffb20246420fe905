"""Signed ids of mails: they stand in the return path (VERP) and in ENVID, and name the mail that bounced.

A bounce whose id does not verify may have been forged: nobody must be unsubscribed by it.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from hashlib import blake2b, sha512

SIGNATURE = 10  # octets; a forger would need 2**79 tries on average, each a mail to us
PREFIX = "bounce+"
MAX_KEY = 64  # octets that BLAKE2b takes as a key


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnPathId:
    """Which mail: the subscriber, and a digest of kind and key."""

    subscriber_id: int
    tag: str  # hex, from the mail's own keyed hash


def sign(mark: ReturnPathId, secret_key: bytes) -> str:
    """The signed id: at most 57 characters of `0-9a-f.`, so that a local part holds it."""
    told = f"{mark.subscriber_id}.{mark.tag}"
    return f"{told}.{_signature(told, secret_key)}"


def verify(signed: str, secret_keys: list[bytes]) -> ReturnPathId | None:
    """Read a signed id back; None when no key made it. Letter case may have changed on its way."""
    told, dot, signature = signed.strip().lower().rpartition(".")
    number, _, tag = told.partition(".")
    if not signed.isascii() or not dot or not number.isdigit() or not tag:
        return None
    for key in secret_keys:
        if hmac.compare_digest(_signature(told, key), signature):
            return ReturnPathId(subscriber_id=int(number), tag=tag)
    return None


def return_path(signed: str, domain: str) -> str:
    """The envelope's sender for a signed id."""
    return f"{PREFIX}{signed}@{domain}"


def _signature(told: str, key: bytes) -> str:
    return keyed_hash(key, b"verp", told.encode())[:SIGNATURE].hex()


def keyed_hash(key: bytes, use: bytes, told: bytes) -> bytes:
    """32 octets that only the key's holder can make: BLAKE2b (RFC 7693), half the time of an HMAC.

    use: at most 16 octets; what is hashed for one use is worth nothing for another.
    """
    return blake2b(
        told, key=key if len(key) <= MAX_KEY else sha512(key).digest(), person=use, digest_size=32
    ).digest()
