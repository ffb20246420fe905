"""Reads the history of a reader: their choices over time, their account, and the deliveries for each day.

It changes nothing; `newsletter.pipeline.explain.why_wording` has the sentences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, select

from newsletter.core.cadence import Cadence, zone_of
from newsletter.core.debts.no_digest import ChoicePeriod, ReaderRecord, period_at
from newsletter.core.states import NOW_KEY, REGULAR_KINDS, DeliveryState, MailKind
from newsletter.db.schema import deliveries, runs
from newsletter.pipeline.explain.accounts import DigestContents, load_pairs, read_accounts
from newsletter.pipeline.history import past_mail
from subscribers.preference_history import PreferenceHistory, history_of


class DayExplainer:
    """Reads editions and runs once, then the history of any reader. For one transaction."""

    def __init__(self, connection: Connection, *, now: datetime) -> None:
        """now: aware; nothing later counts."""
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
        """The history of one reader; None of a person who was never confirmed."""
        found = read_accounts(self._connection, self._contents, [subscriber_id])
        account = next((account for _, account in found), None)
        if account is None:
            return None
        past_choices = history_of(self._connection, subscriber_id)
        past, _ = past_mail.of_readers(self._connection, [subscriber_id], kinds=REGULAR_KINDS)
        found_deliveries: list[HistoryMail] = [
            HistoryMail(subscriber_id=subscriber_id, **{name: getattr(mail, name) for name in _MAIL_FIELDS})
            for mail in past.get(subscriber_id, ())
        ]
        rows = self._connection.execute(
            select(deliveries)
            .where(deliveries.c.subscriber_id == subscriber_id, deliveries.c.kind.in_(REGULAR_KINDS))
            .order_by(deliveries.c.id)
        )
        found_deliveries += (
            HistoryMail(
                subscriber_id=subscriber_id,
                reply_text=row.reply_text,
                **{name: getattr(row, name) for name in _MAIL_FIELDS},
            )
            for row in rows
        )
        found_deliveries.sort(key=lambda mail: mail.id)
        return ReaderHistory(
            record=ReaderRecord(
                account=account,
                periods=_choice_periods(past_choices),
                pauses=past_choices.pauses,
                pairs=self._pairs,
                runs=[(row.at, row.latest) for row in self._runs if row.only in (None, subscriber_id)],
                now=self._now,
            ),
            deliveries=found_deliveries,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryMail:
    """A digest or note of one reader, whether its row is packed or not."""

    id: int
    subscriber_id: int
    kind: str
    key: str
    digest_id: int
    state: str
    reason: str | None
    composed_at: datetime
    finished_at: datetime | None
    bounced_at: datetime | None
    reply_text: str | None = None  # gone when it is packed


_MAIL_FIELDS = (
    "id",
    "kind",
    "key",
    "digest_id",
    "state",
    "reason",
    "composed_at",
    "finished_at",
    "bounced_at",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderHistory:
    """One reader as `why` sees them."""

    record: ReaderRecord
    deliveries: Sequence[HistoryMail]  # of digests and notes, in order

    def zone_at(self, at: datetime) -> ZoneInfo:
        """The zone that held at an instant."""
        return zone_of(period_at(self.record.periods, at).cadence.timezone)

    def period_on(self, day: date) -> ChoicePeriod:
        """The choices that held at noon UTC of a date."""
        return period_at(self.record.periods, datetime(day.year, day.month, day.day, 12, tzinfo=UTC))

    def zone_on(self, day: date) -> ZoneInfo:
        """The zone that held at noon UTC of a date."""
        return zone_of(self.period_on(day).cadence.timezone)

    def deliveries_on(self, day: date, kind: str = MailKind.DIGEST) -> list[HistoryMail]:
        """Deliveries for the date's slot, and those made on it regardless of the hour."""
        return [mail for mail in self.deliveries if mail.kind == kind and self.date_of(mail) == day]

    def late_deliveries_on(self, day: date) -> list[HistoryMail]:
        """Digests that were sent on a date for the slot of another date, for example after downtime."""
        return [
            mail
            for mail in self.deliveries
            if mail.kind == MailKind.DIGEST
            and mail.state == DeliveryState.SENT
            and self.sent_at(mail).date() == day != self.date_of(mail)
        ]

    def sent_at(self, mail: HistoryMail) -> datetime:
        """When a delivery was sent, in the zone that held then."""
        at: datetime = mail.finished_at or mail.composed_at
        return at.astimezone(self.zone_at(mail.composed_at))

    def date_of(self, mail: HistoryMail) -> date:
        """The date of a delivery's slot; without a slot, the date of its composing."""
        if mail.key.startswith(NOW_KEY):
            return mail.composed_at.astimezone(self.zone_at(mail.composed_at)).date()
        return date.fromisoformat(mail.key)


def _choice_periods(past_choices: PreferenceHistory) -> list[ChoicePeriod]:
    found: list[ChoicePeriod] = []
    counted: datetime | None = None
    for number, choice in enumerate(past_choices.choices):
        chosen = choice.preferences
        if choice.restarts_slots:
            counted = choice.since
        following = past_choices.choices[number + 1].since if number + 1 < len(past_choices.choices) else None
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
