"""Hashes addresses with the suppression key, and recognises the key by a fingerprint in the database.

With another key no suppressed address would be recognised. As long as no address is hashed, any key will do.
Imposes no suppression.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select

from subscribers.addresses import parse
from subscribers.errors import AddressError, WrongKeyError
from subscribers.tables import Suppression, SuppressionKey

suppressions = Suppression.__table__  # type: ignore[attr-defined]
fingerprints = SuppressionKey.__table__  # type: ignore[attr-defined]
_FINGERPRINT_TEXT = "the suppression key"  # cannot be an address key: it has no @


def hashed(address_key: str, key: bytes) -> str:
    """The hash under which an address is suppressed: HMAC-SHA256 in hex."""
    return hmac.new(key, address_key.encode(), hashlib.sha256).hexdigest()


def address_hash(address: str, *, key: bytes) -> str:
    """The hash of an address in any spelling; empty for what is no address."""
    try:
        return hashed(parse(address).key, key)
    except AddressError:
        return ""


def count_hashes(connection: Connection) -> int:
    """The number of stored address hashes, lifted ones as well; they need the key."""
    return int(connection.execute(select(func.count()).select_from(suppressions)).scalar_one())


def check(connection: Connection, key: bytes) -> None:
    """Raise WrongKeyError when addresses were hashed with another key."""
    if _stored_fingerprint(connection) not in (None, hashed(_FINGERPRINT_TEXT, key)) and count_hashes(
        connection
    ):
        raise WrongKeyError(
            "suppression_key is not the key of this database: who must not be mailed would not be recognised",
            hint="Put the key back that this newsletter was made with; each backup holds it.",
        )


def store_fingerprint(connection: Connection, key: bytes, *, now: datetime) -> None:
    """Store the fingerprint of the key (HMAC-SHA256), before the first address is hashed.

    Replaces the fingerprint of a key that hashed nothing. Raises WrongKeyError like `check`.
    """
    check(connection, key)
    fingerprint = hashed(_FINGERPRINT_TEXT, key)
    if _stored_fingerprint(connection) != fingerprint:
        connection.execute(delete(fingerprints))
        connection.execute(insert(fingerprints), {"id": 1, "fingerprint": fingerprint, "since": now})


def _stored_fingerprint(connection: Connection) -> str | None:
    return connection.execute(select(fingerprints.c.fingerprint)).scalar_one_or_none()
