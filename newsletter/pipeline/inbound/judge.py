"""Judges one message that came back: whom it is about, what the policy says, and what was done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from newsletter.core.mail.bounce_policy import BounceFacts, Effect, FoundBy, Papers, Ruling, rule
from newsletter.core.mail.inbound import FailedRecipient, InboundClass, InboundReport
from newsletter.core.mail.reply_verdict import Reason
from newsletter.delivery.outbox import bounces
from newsletter.pipeline.inbound import breaker, log
from newsletter.pipeline.inbound.effects import Effects
from newsletter.pipeline.inbound.links import Link, LinkFinder, is_old
from newsletter.pipeline.inbound.options import InboundOptions
from subscribers import consent, queries
from subscribers.addresses import parse as parse_address
from subscribers.consent import EventKind
from subscribers.errors import AddressError, UnknownAddressError
from subscribers.queries import State, SubscriberView

_RENEWALS = (EventKind.CONFIRMED, EventKind.CAME_BACK, EventKind.UNSUPPRESSED)
_OF_BOUNCES = (Effect.SUPPRESSED, Effect.HELD, Effect.STRIKE, Effect.RETURNED)
_OTHERS = Ruling(effect=Effect.NOTHING, why="the message was to another recipient of the same report")


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundEnvelope:
    """What the intake knows of a message that came back, beside its bytes."""

    recipient: str = ""
    sender: str = ""
    authentic: bool = False  # its origin was checked


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One recipient of a message that came back, and what was done about them."""

    failed: FailedRecipient | None
    address: str
    link: Link
    ruling: Ruling


class Judge:
    """Judges messages in one transaction."""

    def __init__(self, connection: Connection, options: InboundOptions, *, now: datetime) -> None:
        self._connection = connection
        self._now = now
        self._links = LinkFinder(connection, options.secret_keys, now=now)
        self._effects = Effects(connection, options, now=now)

    def judge(self, report: InboundReport, envelope: InboundEnvelope, *, digest: str) -> list[Judgement]:
        """Judge a message, and act. digest: of its bytes. Raises StorageError while the mail is sent."""
        link = Link()
        if report.kind not in (InboundClass.OTHER, InboundClass.AUTO_REPLY, InboundClass.DELIVERY_REPORT):
            link = self._links.find(report, recipient=envelope.recipient, authentic=envelope.authentic)
        # The message first and then its reader, as a sender locks them: two orders could wait for each other.
        delivery = bounces.lock(self._connection, link.delivery.id) if link.delivery is not None else None
        person = self._person(link)
        facts = self._facts(report, link, person, delivery, envelope)
        if report.kind is not InboundClass.BOUNCE:
            return [self._act(report, facts, link, person)]
        chosen = _chosen(report.recipients, person)
        judged = []
        for failed in report.recipients:
            ruling = _OTHERS
            if failed is chosen:
                ruling = rule(_with(facts, failed, person))
                ruling = self._unless_doubted(ruling, failed, delivery)
                if person is not None and ruling.effect in _OF_BOUNCES:
                    key = (
                        f"{delivery.kind} {delivery.key}"
                        if delivery is not None
                        else f"inbound {digest[:16]}"
                    )
                    ruling = self._effects.bounce(ruling, person, delivery, failed, message_key=key)
            mine = link if failed is chosen else Link()
            judged.append(Judgement(failed=failed, address=failed.address, link=mine, ruling=ruling))
        return judged

    def _unless_doubted(self, ruling: Ruling, failed: FailedRecipient, delivery: Row[Any] | None) -> Ruling:
        is_unknown = ruling.effect is Effect.SUPPRESSED and failed.reason is Reason.UNKNOWN_MAILBOX
        doubt = ""
        if is_unknown and delivery is not None:
            doubt = breaker.doubt(self._connection, delivery, now=self._now)
        if not doubt:
            return ruling
        return Ruling(effect=Effect.HELD, why=f"{ruling.why}; {doubt}", papers=Papers.RETURN)

    def _act(
        self, report: InboundReport, facts: BounceFacts, link: Link, person: SubscriberView | None
    ) -> Judgement:
        ruling = rule(facts)
        if person is not None and report.kind is InboundClass.COMPLAINT:
            self._effects.complaint(ruling, person)
        elif person is not None and ruling.effect is Effect.LEFT and not self._effects.leave(person):
            ruling = Ruling(effect=Effect.NOTHING, why="the reader had left before")
        is_complaint = report.kind is InboundClass.COMPLAINT
        address = next(iter(report.concerned), "") if is_complaint else report.sender
        return Judgement(failed=None, address=address, link=link, ruling=ruling)

    def _person(self, link: Link) -> SubscriberView | None:
        if link.subscriber_id is None:
            return None
        try:
            person = queries.by_id(self._connection, link.subscriber_id, lock=True)
        except UnknownAddressError:
            return None
        return None if person.state is State.ERASED else person

    def _facts(
        self,
        report: InboundReport,
        link: Link,
        person: SubscriberView | None,
        delivery: Row[Any] | None,
        envelope: InboundEnvelope,
    ) -> BounceFacts:
        moved = renewed = known = False
        if person is not None and delivery is not None:
            sent_at = delivery.finished_at or delivery.composed_at
            moved = self._since(person, sent_at, [EventKind.MOVED])
            renewed = self._since(person, sent_at, _RENEWALS)
            known = (
                log.complained(self._connection, delivery.id)
                if report.kind is InboundClass.COMPLAINT
                else delivery.bounced_at is not None or delivery.state in ("failed", "skipped")
            )
        return BounceFacts(
            kind=report.kind,
            feedback=report.feedback,
            found_by=link.found_by,
            unproven=link.unproven or (report.why if report.kind is InboundClass.OTHER else ""),
            erased=link.subscriber_id is not None and person is None,
            known_mail=delivery is not None or link.found_by is FoundBy.PROVIDER,
            known_bounce=known,
            old=delivery is not None and is_old(delivery, now=self._now),
            moved=moved,
            renewed=renewed,
            fits=link.found_by is not FoundBy.ADDRESS or _same(envelope.sender, report.sender),
        )

    def _since(self, person: SubscriberView, sent_at: datetime, kinds: Sequence[EventKind]) -> bool:
        at = consent.last_at(self._connection, person.id, kinds)
        return at is not None and at > sent_at


def _with(facts: BounceFacts, failed: FailedRecipient, person: SubscriberView | None) -> BounceFacts:
    named = person is None or _is_about(failed, person)
    return replace(facts, verdict=failed.verdict, named=named)


def _chosen(failed: Sequence[FailedRecipient], person: SubscriberView | None) -> FailedRecipient | None:
    """The recipient whom our message was to: it has one, and a report may name those it was forwarded to."""
    if person is not None:
        for one in failed:
            if _is_about(one, person):
                return one
    return next(iter(failed), None)


def _is_about(failed: FailedRecipient, person: SubscriberView) -> bool:
    return _same(failed.address, person.address) or _same(failed.original, person.address)


def _same(one: str, other: str) -> bool:
    try:
        return parse_address(one).key == parse_address(other).key
    except AddressError:
        return False
