"""What explains any day of a reader: what they had chosen then, what was owed, and the mails for it.

Looks only; the words are `newsletter.pipeline.explain.why_wording`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, func, select

from newsletter.core.cadence import Cadence, zone_of
from newsletter.core.debts.no_digest import ChoicePeriod, ReaderRecord, era_at
from newsletter.core.states import NOW_KEY, REGULAR_KINDS, DeliveryState, MailKind
from newsletter.db.schema import deliveries, runs
from newsletter.pipeline.explain.accounts import DigestContents, load_pairs, read_accounts
from subscribers.preference_history import PreferenceHistory, past


class DayExplainer:
    """What explains any day of any reader: editions and runs, read once. Lives within one transaction."""

    def __init__(self, connection: Connection, *, now: datetime) -> None:
        """now: aware; nothing later is known."""
        self._connection = connection
        self._now = now
        self._pairs = load_pairs(connection)
        self._contents = DigestContents(connection)
        latest = func.max(runs.c.at, type_=runs.c.at.type).over(order_by=runs.c.id).label("latest")
        found = select(runs.c.at, latest, runs.c.only, runs.c.everyone).where(runs.c.verb == "compose")
        self._runs = [
            row
            for row in sorted(connection.execute(found).all(), key=lambda row: (row.at, row.latest))
            if not row.everyone and row.at <= now
        ]

    def reader(self, subscriber_id: int) -> ReaderHistory | None:
        """One reader's books; None of somebody who has never followed anything."""
        found = read_accounts(self._connection, self._contents, only=subscriber_id)
        account = next((account for _, account in found), None)
        if account is None:
            return None
        then = past(self._connection, subscriber_id)
        mails = self._connection.execute(
            select(deliveries)
            .where(deliveries.c.subscriber_id == subscriber_id, deliveries.c.kind.in_(REGULAR_KINDS))
            .order_by(deliveries.c.id)
        ).all()
        return ReaderHistory(
            books=ReaderRecord(
                account=account,
                eras=_eras(then),
                pauses=then.pauses,
                pairs=self._pairs,
                runs=[(row.at, row.latest) for row in self._runs if row.only in (None, subscriber_id)],
                now=self._now,
            ),
            mails=mails,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderHistory:
    """One reader as `why` sees them."""

    books: ReaderRecord
    mails: Sequence[Row[Any]]  # digests and notes, in order

    def zone_at(self, at: datetime) -> ZoneInfo:
        """The zone that they had chosen then."""
        return zone_of(era_at(self.books.eras, at).cadence.timezone)

    def era_on(self, day: date) -> ChoicePeriod:
        """What held at noon of a date, as UTC counts it."""
        return era_at(self.books.eras, datetime(day.year, day.month, day.day, 12, tzinfo=UTC))

    def zone_on(self, day: date) -> ZoneInfo:
        """The zone at noon of a date."""
        return zone_of(self.era_on(day).cadence.timezone)

    def mails_on(self, day: date, kind: str = MailKind.DIGEST) -> list[Row[Any]]:
        """Those of the date's slot, and those made on it regardless of the hour."""
        return [mail for mail in self.mails if mail.kind == kind and self.date_of(mail) == day]

    def came_on(self, day: date) -> list[Row[Any]]:
        """Digests that were sent on a date, but for the slot of another: after downtime, say."""
        return [
            mail
            for mail in self.mails
            if mail.kind == MailKind.DIGEST
            and mail.state == DeliveryState.SENT
            and self.sent_at(mail).date() == day != self.date_of(mail)
        ]

    def sent_at(self, mail: Row[Any]) -> datetime:
        """When a mail went out, in the zone of the time."""
        at: datetime = mail.finished_at or mail.composed_at
        return at.astimezone(self.zone_at(mail.composed_at))

    def date_of(self, mail: Row[Any]) -> date:
        """The date of the slot that a mail is for; of one that was made regardless of the hour, its own."""
        if mail.key.startswith(NOW_KEY):
            return cast(date, mail.composed_at.astimezone(self.zone_at(mail.composed_at)).date())
        return date.fromisoformat(mail.key)


def _eras(then: PreferenceHistory) -> list[ChoicePeriod]:
    found: list[ChoicePeriod] = []
    counted: datetime | None = None
    for number, choice in enumerate(then.choices):
        chosen = choice.preferences
        if choice.anew:
            counted = choice.since
        following = then.choices[number + 1].since if number + 1 < len(then.choices) else None
        found.append(
            ChoicePeriod(
                since=choice.since,
                until=following,
                cadence=Cadence(
                    kind=chosen.cadence, weekday=chosen.weekday, hour=chosen.hour, timezone=chosen.timezone
                ),
                minimum=chosen.minimum,
                slots_since=counted,
            )
        )
    return found
