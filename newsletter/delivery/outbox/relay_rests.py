"""Stores which relays rest because they refused us, and for how long. Decides nothing about a mail.

A rest is for all senders and later runs. It ends by itself, grows while the refusals go on, and is forgotten
when the relay accepts a message or `newsletter smtp check` finds it ready.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select

from newsletter.core.mail.reply_verdict import Reason
from newsletter.db.engine import dialect_insert
from newsletter.db.schema import relay_rests

FIRST_REST = timedelta(minutes=15)  # doubles with each rest in a row
LONGEST_REST = timedelta(hours=4)
HOUR = timedelta(hours=1)
LONGEST_QUOTA_REST = timedelta(hours=24)  # daily quotas count the last 24 hours, or end at midnight somewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """One relay's rest."""

    relay: str
    since: datetime
    until: datetime
    rounds: int
    reason: str
    reply: str

    @property
    def words(self) -> str:
        """Why nothing is sent through it, with the server's words."""
        return f"it rests until {self.until:%Y-%m-%d %H:%M} UTC, since it refuses us: {self.reply}"


def end_of_rest(reason: str, rounds: int, now: datetime) -> datetime:
    """When a relay is tried again. rounds: rests in a row before this one.

    A quota opens with the next hour, or with a later one up to a day away.
    """
    if reason == Reason.QUOTA:
        next_hour = now.replace(minute=0, second=0, microsecond=0) + HOUR
        later: datetime = next_hour + (2 ** min(rounds, 10) - 1) * HOUR
        return min(later, now + LONGEST_QUOTA_REST)
    rest: timedelta = FIRST_REST * 2 ** min(rounds, 10)
    return now + min(rest, LONGEST_REST)


def begin_rest(connection: Connection, relay: str, *, reason: str, reply: str, now: datetime) -> Rest:
    """Let a relay rest, longer than the last time if it accepted nothing since."""
    before = connection.execute(select(relay_rests).where(relay_rests.c.relay == relay)).one_or_none()
    if before is not None and before.until > now:  # another sender was told the same
        return Rest(**before._mapping)
    rounds = before.rounds if before is not None else 0
    rest = Rest(
        relay=relay,
        since=before.since if before is not None else now,
        until=end_of_rest(reason, rounds, now),
        rounds=rounds + 1,
        reason=reason,
        reply=reply[:500],
    )
    values = {name: getattr(rest, name) for name in Rest.__dataclass_fields__}
    statement = dialect_insert(connection)(relay_rests).values(values)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["relay"],
            set_={name: value for name, value in values.items() if name != "relay"},
        )
    )
    return rest


def all_rests(connection: Connection) -> list[Rest]:
    """Every rest that is not forgotten, also those that are over: the relay has accepted nothing since."""
    rows = connection.execute(select(relay_rests).order_by(relay_rests.c.relay))
    return [Rest(**row._mapping) for row in rows]


def forget(connection: Connection, relays: Collection[str]) -> None:
    """The relays work: their rests end."""
    if relays:
        connection.execute(delete(relay_rests).where(relay_rests.c.relay.in_(relays)))
