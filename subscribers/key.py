"""Knows the suppression key again: with another one nobody who must not be mailed would be recognised."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from subscribers.errors import WrongKeyError
from subscribers.suppression import hashed, hashes
from subscribers.tables import SuppressionKey

prints = SuppressionKey.__table__  # type: ignore[attr-defined]
_LABEL = "the suppression key"  # no address key: it has no @


def check(connection: Connection, key: bytes) -> None:
    """Raise WrongKeyError when this is not the key that was remembered; nothing where none was."""
    if _known(connection) not in (None, hashed(_LABEL, key)):
        raise WrongKeyError(
            "suppression_key is not the key of this database: who must not be mailed would not be recognised",
            hint="Put the key back that this newsletter was made with; each backup holds it.",
        )


def remember(connection: Connection, key: bytes, *, now: datetime) -> None:
    """Store the key's fingerprint, an HMAC-SHA256 that tells nothing of it, instead of one of no use.

    Raises WrongKeyError as `check` does, when addresses were hashed with the key that was remembered.
    """
    if hashes(connection):
        check(connection, key)
    fingerprint = hashed(_LABEL, key)
    if _known(connection) != fingerprint:
        connection.execute(delete(prints))
        connection.execute(insert(prints), {"id": 1, "fingerprint": fingerprint, "since": now})


def _known(connection: Connection) -> str | None:
    return connection.execute(select(prints.c.fingerprint)).scalar_one_or_none()
