"""Changes the secret key in the credentials folder, and forgets earlier ones. Reads no settings.

The suppression key never changes: it would forget who must not be mailed. No function here returns or prints
a key.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, case, func, select, update

from newsletter.core.errors import NewsletterError, StorageError
from newsletter.core.mail.signing_keys import key_id
from newsletter.core.states import DeliveryState
from newsletter.db.engine import reading, writing
from newsletter.db.schema import deliveries
from newsletter.ops.state_dir import CREDENTIALS, KEY_BYTES, unusable, write_private

SECRET_KEY, PREVIOUS = "secret_key", "previous_secret_keys"
ROWS_PER_TRANSACTION = 20_000  # of old deliveries that get the id of their key: other writers wait little
UNFINISHED = (
    DeliveryState.QUEUED,
    DeliveryState.LEASED,
    DeliveryState.HANDING_OVER,
    DeliveryState.DEFERRED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUse:
    """What was signed with one key."""

    id: str
    current: bool  # signs from now on; the others only verify
    messages: int = 0
    waiting: int = 0  # of them, still to be sent
    first: datetime | None = None  # when the first of them was composed
    last: datetime | None = None


def uses(engine: Engine, secret_keys: Sequence[str]) -> list[KeyUse]:
    """The keys, the newest first, with what they signed. secret_keys: the same order."""
    d = deliveries.c
    waiting = func.sum(case((d.state.in_([state.value for state in UNFINISHED]), 1), else_=0))
    columns = (func.count(), waiting, func.min(d.composed_at), func.max(d.composed_at))
    with reading(engine) as connection:
        rows = connection.execute(select(d.signed_with, *columns).group_by(d.signed_with)).all()
    counted: dict[str, KeyUse] = {}
    for signed_with, messages, waits, first, last in rows:
        name = signed_with or key_id(secret_keys[0])  # without an id: from before the first change
        before = counted.get(name)
        counted[name] = KeyUse(
            id=name,
            current=False,
            messages=messages + (before.messages if before else 0),
            waiting=waits + (before.waiting if before else 0),
            first=min([first, *([before.first] if before and before.first else [])]),
            last=max([last, *([before.last] if before and before.last else [])]),
        )
    found = []
    for position, secret_key in enumerate(secret_keys):
        use = counted.get(key_id(secret_key), KeyUse(id=key_id(secret_key), current=False))
        found.append(KeyUse(**{**_fields(use), "current": position == 0}))
    return found


def rotate(engine: Engine, state_dir: Path, secret_keys: Sequence[str]) -> str:
    """Make a new secret key and keep the present ones as previous keys. Returns the id of the new one.

    secret_keys: as the settings have them, the newest first. A process that is killed in between leaves the
    old key in force. Raises StorageError when the files cannot be written, and when they changed meanwhile.
    """
    _name_key_of_old_mail(engine, key_id(secret_keys[0]))
    with _locked(state_dir, secret_keys[0]) as folder:
        new = secrets.token_urlsafe(KEY_BYTES)
        _write_previous(folder, secret_keys)
        write_private(folder / SECRET_KEY, f"{new}\n", replace=True, like=folder / SECRET_KEY)
    return key_id(new)


def retire(engine: Engine, state_dir: Path, secret_keys: Sequence[str], retired: str) -> None:
    """Forget the previous key with the id `retired`: links that it signed stop working.

    Raises NewsletterError for another id, for the current key, and while messages that it signed wait: a
    retry would not have the same bytes.
    """
    found = next((use for use in uses(engine, secret_keys) if use.id == retired), None)
    if found is None:
        raise NewsletterError(
            f"there is no secret key {retired}", hint="`newsletter keys list` shows the ids of all keys."
        )
    if found.current:
        raise NewsletterError(
            f"{retired} is the key that signs now",
            hint="Run `newsletter keys rotate` first, then retire it.",
        )
    if found.waiting:
        raise NewsletterError(
            f"{found.waiting} messages that wait are signed with the key {retired}",
            hint="Retire it when they are sent: `newsletter deliveries list --state deferred` shows them.",
        )
    with _locked(state_dir, secret_keys[0]) as folder:
        _write_previous(folder, [key for key in secret_keys[1:] if key_id(key) != retired])


def _name_key_of_old_mail(engine: Engine, name: str) -> None:
    """Give deliveries without the id of their key the id `name`, in several transactions."""
    d = deliveries.c
    with reading(engine) as connection:
        last = connection.execute(select(func.max(d.id)).where(d.signed_with.is_(None))).scalar() or 0
        start = connection.execute(select(func.min(d.id)).where(d.signed_with.is_(None))).scalar() or 0
    while start <= last and last:
        with writing(engine) as connection:
            connection.execute(
                update(deliveries)
                .where(d.id.between(start, start + ROWS_PER_TRANSACTION - 1), d.signed_with.is_(None))
                .values(signed_with=name)
            )
        start += ROWS_PER_TRANSACTION


def _write_previous(folder: Path, keys: Sequence[str]) -> None:
    text = "".join(f"{key}\n" for key in dict.fromkeys(keys))
    write_private(folder / PREVIOUS, text, replace=True, like=folder / SECRET_KEY)


@contextmanager
def _locked(state_dir: Path, current: str) -> Iterator[Path]:
    """The credentials folder, which no other process changes meanwhile. current: the key of the settings."""
    folder = state_dir / CREDENTIALS
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if (folder / SECRET_KEY).read_text("utf-8").strip() != current:
                raise StorageError(
                    f"{folder / SECRET_KEY} was changed meanwhile", hint="Run `newsletter keys list`."
                )
            yield folder
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise unusable(state_dir, error) from error


def _fields(use: KeyUse) -> dict[str, Any]:
    return {name: getattr(use, name) for name in KeyUse.__slots__}
