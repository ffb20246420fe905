"""Signs the id of a message for its return path (VERP) and ENVID, so that a bounce names it.

It reads no bounces. One whose id does not verify may be forged, and must unsubscribe nobody.
The path to leave by is the return path with a mark: a bounce sent there is none, and a vacation reply to the
return path is no wish to leave.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b, sha512

SIGNATURE = 10  # octets; a forger needs 2**79 tries on average, each a message to us
MAILBOX = "bounce"  # the local part of a return path, if no mailbox is named
LEAVE = "leave-"  # before the id in the address that a reader leaves by
TAG_DIGITS = 10  # hex digits of a message's keyed hash in its return path
MESSAGE_ID_DIGITS = 40  # of the same hash in its Message-ID
MAX_KEY = 64  # octets that BLAKE2b takes as a key


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnPathId:
    """Identifies a message: the subscriber, and a hash of kind and key."""

    subscriber_id: int
    tag: str  # hex digits, from the mail's keyed hash


_SIGNED = re.compile(  # also one that was tampered with: a bad signature is told from none at all
    rf"(?<![0-9a-f.])[0-9]{{1,19}}\.[0-9a-f]{{{TAG_DIGITS}}}\.[0-9a-f]{{{2 * SIGNATURE}}}(?![0-9a-f])",
    re.IGNORECASE,
)


def sign(path_id: ReturnPathId, secret_key: bytes) -> str:
    """The signed id: at most 57 characters of `0-9a-f.`, so that a local part holds it."""
    text = f"{path_id.subscriber_id}.{path_id.tag}"
    return f"{text}.{_signature(text, secret_key)}"


def verify(signed: str, secret_keys: list[bytes]) -> ReturnPathId | None:
    """Read a signed id; None when no key made it. Letter case may have changed on the way."""
    text, dot, signature = signed.strip().lower().rpartition(".")
    number, _, tag = text.partition(".")
    if not signed.isascii() or not dot or not number.isdigit() or not tag:
        return None
    for key in secret_keys:
        if hmac.compare_digest(_signature(text, key), signature):
            return ReturnPathId(subscriber_id=int(number), tag=tag)
    return None


def return_path(signed: str, mailbox: str) -> str:
    """The envelope's sender for a signed id. mailbox: that is read, or a domain alone."""
    local, _, domain = mailbox.rpartition("@")
    return f"{local or MAILBOX}+{signed}@{domain}"


def leave_address(address: str, signed: str) -> str:
    """The address to leave by. address: of the mailbox that is read; the id goes behind its local part."""
    local, _, domain = address.rpartition("@")
    return f"{local}+{LEAVE}{signed}@{domain}"


def signed_ids(text: str) -> list[str]:
    """What looks like signed ids in an address or an envelope id, in order; none of them is verified.

    They are found within a rewritten return path as well (SRS, a local part with something before the id).
    """
    return list(dict.fromkeys(found.lower() for found in _SIGNED.findall(text)))


def is_leave_address(address: str) -> bool:
    """Whether a reader leaves by this address, if its id verifies."""
    return f"+{LEAVE}" in address.rpartition("@")[0].lower() and bool(signed_ids(address))


def mail_hash(subscriber_id: int, kind: str, key: str, secret_key: bytes) -> str:
    """A keyed hash that identifies a message: 64 hex digits. Return path and Message-ID hold a part."""
    return keyed_hash(secret_key, b"mail", f"{subscriber_id}\x00{kind}\x00{key}".encode()).hex()


def _signature(text: str, key: bytes) -> str:
    return keyed_hash(key, b"verp", text.encode())[:SIGNATURE].hex()


def keyed_hash(key: bytes, use: bytes, text: bytes) -> bytes:
    """32 octets that only the key's holder can make: BLAKE2b (RFC 7693), half the time of an HMAC.

    use: at most 16 octets; a hash for one use is not valid for another.
    """
    keyed = _keyed(key, use).copy()
    keyed.update(text)
    return keyed.digest()


@lru_cache(maxsize=64)  # the key is hashed once, not for each message
def _keyed(key: bytes, use: bytes) -> blake2b:
    return blake2b(key=key if len(key) <= MAX_KEY else sha512(key).digest(), person=use, digest_size=32)
