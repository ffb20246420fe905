"""Shows the message that a reader would get: composes it and rolls back. Stores and sends nothing.

An edition that waits for its release is shown as if it were released. Where nothing is owed, the latest
digest serves as a sample; without any digest, one of shipped papers.
"""

from __future__ import annotations

import email
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.policy import default as modern
from typing import Any, cast
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, Row, Select, select

from newsletter.core.cadence import zone_of
from newsletter.core.errors import NotFoundError
from newsletter.core.mail.values import Builder, Content, Envelope, Recipient
from newsletter.core.states import DeliveryState, MailKind
from newsletter.db.engine import rolled_back
from newsletter.db.schema import deliveries, digests
from newsletter.delivery.outbox.claims import ClaimedMail, Person, expire
from newsletter.delivery.outbox.content_store import load_content
from newsletter.delivery.outbox.held_mail import digests_with
from newsletter.papers import editions
from newsletter.pipeline.compose.compose import compose_in
from newsletter.pipeline.compose.options import SendOptions
from newsletter.pipeline.compose.whole_edition import Onlooker, content_of
from newsletter.pipeline.content.personalization import SAMPLE, recipient_of
from newsletter.pipeline.content.sample_digest import SampleDigest
from newsletter.pipeline.publish import NO_HOLD, publish_in
from subscribers import audience

TO_BE_SENT = (DeliveryState.QUEUED, DeliveryState.LEASED, DeliveryState.DEFERRED)
NEXT = "next"  # the edition that publishing would make now


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A message to look at."""

    envelope: Envelope
    sample: bool  # nothing is owed: this is the latest digest of any reader, or the shipped papers
    released: tuple[int, ...] = ()  # editions that wait, and are shown as if they were released
    edition: int | None = None  # the one that was asked for
    owed: bool = True  # the reader is owed it; else it is shown as it is

    def part(self, kind: str) -> str:
        """Its decoded html or text part."""
        message = email.message_from_bytes(self.envelope.data, policy=modern)
        body = cast(Any, message).get_body(("html",) if kind == "html" else ("plain",))
        return str(body.get_content()).replace("\r\n", "\n") if body is not None else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """A content to show, and the delivery that would bring it."""

    content: Content
    digest_key: str
    digest_id: int = 0
    delivery: Row[Any] | None = None
    owed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Previewer:
    """What previews and trials are made with."""

    engine: Engine
    options: SendOptions
    builder: Builder
    sample_digest: SampleDigest
    links: Callable[[ClaimedMail], Mapping[str, str]] = field(default=lambda _mail: {})

    def reader(self, subscriber_id: int, *, now: datetime, edition: int | str | None = None) -> Preview:
        """The reader's next digest, as if their slot were `now` (aware) and all news were published.

        edition: what this one alone would bring them, or NEXT; where it would bring nothing (they had it, or
        joined later) all that it holds of their topics. Without it: these are the bytes that `send` mails at
        that instant, when a slot is due or a composed delivery waits and nothing newer is owed.
        Raises NotFoundError for an unknown edition and when this person may not be mailed.
        """
        with rolled_back(self.engine) as connection:
            number, released = self._open(connection, edition, now=now)
            person = _person(connection, subscriber_id)
            composed = self._composes(connection, subscriber_id, now=now)
            if number is not None:
                shown = self._of_edition(connection, number, subscriber_id, fresh=composed, now=now)
            else:
                shown = self._next(connection, subscriber_id, fresh=composed, now=now)
            mail = ClaimedMail(
                id=0,
                subscriber_id=subscriber_id,
                kind=MailKind.DIGEST,
                key=shown.delivery.key if shown.delivery is not None else SAMPLE,
                digest_id=shown.digest_id,
                digest_key=shown.digest_key,
                attempts=0,
                composed_at=shown.content.date,
                expires_at=None,
                has_reader_debts=False,
                signed_with=shown.delivery.signed_with if shown.delivery is not None else None,
                values=(shown.delivery.own or {}) if shown.delivery is not None else {},
                person=person,
            )
        envelope = self.builder.prepare(shown.content).assemble(recipient_of(mail, self.links))
        return Preview(
            envelope=envelope,
            sample=shown.delivery is None and number is None,
            released=released,
            edition=number,
            owed=shown.owed,
        )

    def anybody(
        self, address: str, *, my: Mapping[str, str], now: datetime, edition: int | str | None = None
    ) -> Preview:
        """An edition with all its topics, or the latest digest, as a message to any address.

        Without `edition`, the newest one that waits for its release; without such, the latest digest of any
        reader, else the shipped papers. now: part of its Message-ID, which is new each time.
        """
        with rolled_back(self.engine) as connection:
            number, released = self._open(connection, edition, now=now)
            if number is None and released:
                number = released[-1]
            if number is not None:
                day = now.astimezone(ZoneInfo(self.options.edition_schedule.zone)).date()
                content, _ = content_of(
                    connection, number, self.options.renderer, Onlooker(), day=day, now=_whole(now)
                )
            else:
                digest_id = _latest_digest(connection, None)
                content, _ = self._content(connection, digest_id, now=now)
        recipient = Recipient(
            subscriber_id=0,
            address=address,
            kind=MailKind.TEST,
            key=now.isoformat(),
            my=my,
            unsubscribe_url="",
        )
        return Preview(
            envelope=self.builder.prepare(content).assemble(recipient),
            sample=number is None,
            released=released,
            edition=number,
        )

    def _open(
        self, connection: Connection, edition: int | str | None, *, now: datetime
    ) -> tuple[int | None, tuple[int, ...]]:
        """Release what waits, in this transaction; returns (the edition asked for, those that waited)."""
        expire(connection, now=now)
        waiting = editions.waiting(connection, now=now)
        number: int | None = None
        if edition is None or edition == NEXT:
            number = publish_in(connection, now=now, zone=self.options.edition_schedule.zone, hold=NO_HOLD)
            if edition is None:
                number = None
            elif number is None:
                raise NotFoundError(
                    "nothing is new since the last edition", hint="`newsletter ingest` brings papers."
                )
        else:
            number = int(edition)
            editions.require(connection, number)
        if number is not None:
            editions.hold_others(connection, number)
            waiting = [each for each in waiting if each == number]
        for each in waiting:
            editions.release(connection, each, now=now)
        return number, tuple(waiting)

    def _composes(self, connection: Connection, subscriber_id: int, *, now: datetime) -> bool:
        """Compose for one reader: for their slot, else regardless of the hour. Whether there is a digest."""
        for everyone in (False, True):
            chosen = replace(self.options, everyone=everyone, only=subscriber_id)
            if compose_in(connection, chosen, now=now).composed:
                return True
        return False

    def _next(self, connection: Connection, subscriber_id: int, *, fresh: bool, now: datetime) -> _Shown:
        """The reader's next digest, else a sample."""
        latest = _latest_mail(connection, subscriber_id, waiting=not fresh)
        digest_id = latest.digest_id if latest is not None else _latest_digest(connection, subscriber_id)
        content, key = self._content(connection, digest_id, now=now)
        return _Shown(content=content, digest_key=key, digest_id=digest_id or 0, delivery=latest)

    def _of_edition(
        self, connection: Connection, number: int, subscriber_id: int, *, fresh: bool, now: datetime
    ) -> _Shown:
        """What one edition brings the reader, else what it holds of their topics."""
        latest = _latest_mail(connection, subscriber_id, waiting=not fresh, edition=number)
        if latest is not None:
            content, key = self._content(connection, latest.digest_id, now=now)
            return _Shown(content=content, digest_key=key, digest_id=latest.digest_id, delivery=latest)
        people, following = audience.reachable().subquery(), audience.following().subquery()
        wishes = connection.execute(
            select(people.c.maximum, people.c.cards, people.c.timezone).where(
                people.c.subscriber_id == subscriber_id
            )
        ).one()
        topics = connection.execute(
            select(following.c.topic).where(
                following.c.subscriber_id == subscriber_id, following.c.until.is_(None)
            )
        ).scalars()
        content, key = content_of(
            connection,
            number,
            self.options.renderer,
            Onlooker(topics=set(topics), maximum=wishes.maximum, cards=wishes.cards),
            day=now.astimezone(zone_of(wishes.timezone)).date(),
            now=_whole(now),
        )
        return _Shown(content=content, digest_key=key, owed=False)

    def _content(
        self, connection: Connection, digest_id: int | None, *, now: datetime
    ) -> tuple[Content, str]:
        """(content, key) of a digest, or of the sample where there is none."""
        if digest_id is None:
            return self.sample_digest.content(now=now), SAMPLE
        key = connection.execute(select(digests.c.key).where(digests.c.id == digest_id)).scalar_one()
        return load_content(connection, digest_id), key


def edition_of(text: str | None) -> int | str | None:
    """The value of `--edition`: a number or NEXT. Raises NotFoundError for anything else."""
    if text is None or text == NEXT:
        return text
    if not text.isdecimal() or not 0 < int(text) < 2**31:
        raise NotFoundError(f"there is no edition {text!r}", hint="Give its number, or next.")
    return int(text)


def _whole(now: datetime) -> datetime:
    return now.replace(microsecond=0)  # a Date header has whole seconds


def _latest_mail(
    connection: Connection, subscriber_id: int, *, waiting: bool, edition: int | None = None
) -> Row[Any] | None:
    """The latest digest delivery of a reader. waiting: only one that is still to be sent. edition: with a
    paper of it."""
    d = deliveries.c
    chosen: Select[Any] = (
        select(d.key, d.digest_id, d.signed_with, d["values"].label("own"))
        .where(d.subscriber_id == subscriber_id, d.kind == MailKind.DIGEST)
        .order_by(d.id.desc())
        .limit(1)
    )
    if edition is not None:
        chosen = chosen.where(d.digest_id.in_(digests_with([edition])))
    return connection.execute(chosen.where(d.state.in_(TO_BE_SENT)) if waiting else chosen).first()


def _latest_digest(connection: Connection, subscriber_id: int | None) -> int | None:
    """The latest digest of this reader, else of anybody, if there is one."""
    own = (
        select(deliveries.c.digest_id)
        .where(deliveries.c.subscriber_id == subscriber_id, deliveries.c.kind == MailKind.DIGEST)
        .order_by(deliveries.c.id.desc())
        .limit(1)
    )
    anybodys = (
        select(digests.c.id).where(digests.c.kind == MailKind.DIGEST).order_by(digests.c.id.desc()).limit(1)
    )
    for statement in (own, anybodys) if subscriber_id is not None else (anybodys,):
        found = connection.execute(statement).scalar_one_or_none()
        if found is not None:
            return int(found)
    return None


def _person(connection: Connection, subscriber_id: int) -> Person:
    people = audience.reachable().subquery()
    chosen = select(*(people.c[name] for name in Person._fields))
    row = connection.execute(chosen.where(people.c.subscriber_id == subscriber_id)).first()
    if row is None:
        raise NotFoundError("this person may not be mailed", hint="`newsletter subscribers show` says why.")
    return Person._make(row)
