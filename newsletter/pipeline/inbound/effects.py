"""Carries out what the policy rules about one reader: suppression, strike, leaving, papers.

Opens no transaction.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from newsletter.core.mail.bounce_policy import LATEST, Effect, Papers, Ruling
from newsletter.core.mail.inbound import FailedRecipient
from newsletter.core.mail.reply_verdict import About
from newsletter.core.states import MailKind
from newsletter.delivery.addresses import without_addresses
from newsletter.delivery.outbox import bounces
from newsletter.delivery.outbox.bounces import BounceWords
from newsletter.pipeline.content.transactional import enqueue_transactional
from newsletter.pipeline.inbound.options import InboundOptions
from subscribers.lifecycle import strikes, suppression, unsubscribe
from subscribers.queries import State, SubscriberView

MAX_NOTE = 200  # characters of a server's words that are kept with a suppression
BY_MAIL = "mail"  # how a reader left


class Effects:
    """Acts for one newsletter at one time."""

    def __init__(self, connection: Connection, options: InboundOptions, *, now: datetime) -> None:
        self._connection = connection
        self._options = options
        self._now = now

    def bounce(
        self,
        ruling: Ruling,
        person: SubscriberView,
        delivery: Row[Any] | None,
        failed: FailedRecipient,
        *,
        message_key: str,
    ) -> Ruling:
        """Act on a ruling about a bounce; returns it, or the suppression that it led to."""
        words = words_of(failed, person.address)
        note = " ".join(filter(None, [failed.status, words]))[:MAX_NOTE]
        if ruling.papers is not Papers.STAY and delivery is not None and bounces.is_accepted(delivery):
            bounces.record(
                self._connection,
                delivery,
                BounceWords(code=failed.code, status=failed.status, text=words, verdict=failed.verdict),
                papers_return=ruling.papers is Papers.RETURN,
                now=self._now,
            )
        if ruling.effect is Effect.SUPPRESSED:
            self._suppress(person, "bounce", note)
            return ruling
        if ruling.effect is Effect.STRIKE:
            bounces.clear_strikes(self._connection, now=self._now, only=person.id)
            counted = strikes.add(
                self._connection,
                person.id,
                message_key=message_key,
                reason=failed.reason.value,
                note=note,
                now=self._now,
            )
            sent_at = delivery.finished_at if delivery is not None else None
            if counted is not None and bounces.in_a_row(
                self._connection, person.id, counted, message_at=sent_at or self._now, now=self._now
            ):
                why = f"{counted.messages} messages in a row were refused or came back"
                return self._give_up(ruling, person, why, note)
        counts = ruling.effect is Effect.STRIKE or failed.about is About.SERVER
        if (
            counts
            and delivery is not None
            and delivery.kind == MailKind.DIGEST
            and ruling.effect in (Effect.STRIKE, Effect.RETURNED)
            and bounces.latest_came_back(self._connection, delivery, number=LATEST)
        ):
            return self._give_up(ruling, person, f"the latest {LATEST} digests came back", note)
        return ruling

    def complaint(self, ruling: Ruling, person: SubscriberView) -> None:
        """Act on a ruling about a complaint."""
        if ruling.effect is Effect.SUPPRESSED:
            self._suppress(person, "complaint", ruling.why)
        elif ruling.effect is Effect.LEFT:
            unsubscribe.unsubscribe(self._connection, subscriber_id=person.id, how="complaint", now=self._now)

    def leave(self, person: SubscriberView) -> bool:
        """Unsubscribe a reader who asked by mail, and queue the goodbye; returns whether they left now."""
        after = unsubscribe.unsubscribe(self._connection, subscriber_id=person.id, how=BY_MAIL, now=self._now)
        left = after.state is State.UNSUBSCRIBED and person.state in (State.CONFIRMED, State.PENDING)
        if left and person.state is State.CONFIRMED and self._options.renderer is not None:
            enqueue_transactional(
                self._connection,
                renderer=self._options.renderer,
                kind=MailKind.GOODBYE,
                subscriber_id=person.id,
                key=self._now.isoformat(),
                now=self._now,
            )
        return left

    def _give_up(self, ruling: Ruling, person: SubscriberView, why: str, note: str) -> Ruling:
        self._suppress(person, "bounce", f"{why}: {note}")
        return replace(ruling, effect=Effect.SUPPRESSED, why=f"{ruling.why}; {why}")

    def _suppress(self, person: SubscriberView, reason: str, note: str) -> None:
        suppression.suppress(
            self._connection,
            address=person.address,
            reason=reason,
            how=reason,
            now=self._now,
            key=self._options.suppression_key,
            note=note[: MAX_NOTE * 2],
        )


def words_of(failed: FailedRecipient, *addresses: str) -> str:
    """What a server said of a recipient, without addresses: it is stored, and outlives an erasure."""
    words = "".join(character if character.isprintable() else " " for character in failed.diagnostic)
    for address in (failed.address, failed.original, *addresses):
        if address:
            words = without_addresses(words.replace(address, "the address"), address)
    return words
