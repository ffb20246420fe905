"""The suppression key: it hashes addresses, and is known again by a fingerprint in the database.

With another key nobody who must not be mailed would be recognised; before any is hashed each will do.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select

from subscribers.errors import WrongKeyError
from subscribers.tables import Suppression, SuppressionKey

suppressions = Suppression.__table__  # type: ignore[attr-defined]
prints = SuppressionKey.__table__  # type: ignore[attr-defined]
_LABEL = "the suppression key"  # no address key: it has no @


def hashed(address_key: str, key: bytes) -> str:
    """The hash under which an address is suppressed: HMAC-SHA256 in hex."""
    return hmac.new(key, address_key.encode(), hashlib.sha256).hexdigest()


def hashes(connection: Connection) -> int:
    """How many addresses are known by their hash alone, whatever became of it; they need the key."""
    return int(connection.execute(select(func.count()).select_from(suppressions)).scalar_one())


def check(connection: Connection, key: bytes) -> None:
    """Raise WrongKeyError when addresses were hashed with another key than this."""
    if _known(connection) not in (None, hashed(_LABEL, key)) and hashes(connection):
        raise WrongKeyError(
            "suppression_key is not the key of this database: who must not be mailed would not be recognised",
            hint="Put the key back that this newsletter was made with; each backup holds it.",
        )


def remember(connection: Connection, key: bytes, *, now: datetime) -> None:
    """Store the key's fingerprint, an HMAC-SHA256 that tells nothing of it; before an address is hashed.

    Replaces one with which nothing was hashed. Raises WrongKeyError as `check`.
    """
    check(connection, key)
    fingerprint = hashed(_LABEL, key)
    if _known(connection) != fingerprint:
        connection.execute(delete(prints))
        connection.execute(insert(prints), {"id": 1, "fingerprint": fingerprint, "since": now})


def _known(connection: Connection) -> str | None:
    return connection.execute(select(prints.c.fingerprint)).scalar_one_or_none()
