"""Shows the message that a reader would get: composes it and rolls back. Stores and sends nothing.

Where nothing is owed, the latest digest serves as a sample; without any digest, one of shipped papers.
"""

from __future__ import annotations

import email
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from email.policy import default as modern
from typing import Any, cast

from sqlalchemy import Connection, Engine, Row, Select, select

from newsletter.core.errors import NotFoundError
from newsletter.core.mail.values import Builder, Content, Envelope, Recipient
from newsletter.core.states import DeliveryState, MailKind
from newsletter.db.engine import rolled_back
from newsletter.db.schema import deliveries, digests
from newsletter.delivery.outbox.claims import ClaimedMail, Person, expire
from newsletter.delivery.outbox.content_store import load_content
from newsletter.pipeline.compose.compose import compose_in
from newsletter.pipeline.compose.options import SendOptions
from newsletter.pipeline.content.personalization import SAMPLE, recipient_of
from newsletter.pipeline.content.sample_digest import SampleDigest
from newsletter.pipeline.publish import NO_HOLD, publish_in
from subscribers import audience

TO_BE_SENT = (DeliveryState.QUEUED, DeliveryState.LEASED, DeliveryState.DEFERRED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A message to look at."""

    envelope: Envelope
    sample: bool  # nothing is owed: this is the latest digest of any reader

    def part(self, kind: str) -> str:
        """Its decoded html or text part."""
        message = email.message_from_bytes(self.envelope.data, policy=modern)
        body = cast(Any, message).get_body(("html",) if kind == "html" else ("plain",))
        return str(body.get_content()) if body is not None else ""


def preview(
    engine: Engine,
    options: SendOptions,
    *,
    subscriber_id: int,
    now: datetime,
    builder: Builder,
    links: Callable[[ClaimedMail], Mapping[str, str]],
    sample_digest: SampleDigest,
) -> Preview:
    """The reader's next digest, as if their slot were `now` (aware) and all news were published.

    These are the bytes that `send` mails at that instant, when a slot is due or a composed delivery waits and
    nothing newer is owed. Raises NotFoundError when this person may not be mailed.
    """
    with rolled_back(engine) as connection:
        expire(connection, now=now)
        publish_in(connection, now=now, zone=options.edition_schedule.zone, hold=NO_HOLD)
        for everyone in (False, True):
            chosen = replace(options, everyone=everyone, only=subscriber_id)
            composed = compose_in(connection, chosen, now=now)
            if composed.composed:
                break
        latest = _latest_mail(connection, subscriber_id, waiting=not composed.composed)
        digest_id = latest.digest_id if latest is not None else _latest_digest(connection, subscriber_id)
        content, digest_key = _content(connection, digest_id, sample_digest=sample_digest, now=now)
        mail = ClaimedMail(
            id=0,
            subscriber_id=subscriber_id,
            kind=MailKind.DIGEST,
            key=latest.key if latest is not None else SAMPLE,
            digest_id=digest_id or 0,
            digest_key=digest_key,
            attempts=0,
            composed_at=content.date,
            expires_at=None,
            has_reader_debts=False,
            signed_with=latest.signed_with if latest is not None else None,
            values=(latest.own or {}) if latest is not None else {},
            person=_person(connection, subscriber_id),
        )
    envelope = builder.prepare(content).assemble(recipient_of(mail, links))
    return Preview(envelope=envelope, sample=latest is None)


def sample_envelope(
    engine: Engine,
    *,
    address: str,
    now: datetime,
    builder: Builder,
    my: Mapping[str, str],
    sample_digest: SampleDigest,
) -> Envelope:
    """The latest digest as a message to any address, outside the ledger (`send --test`).

    now: part of its Message-ID, which is new each time.
    """
    with rolled_back(engine) as connection:
        digest_id = _latest_digest(connection, None)
        content, _ = _content(connection, digest_id, sample_digest=sample_digest, now=now)
    recipient = Recipient(
        subscriber_id=0, address=address, kind=MailKind.TEST, key=now.isoformat(), my=my, unsubscribe_url=""
    )
    return builder.prepare(content).assemble(recipient)


def _latest_mail(connection: Connection, subscriber_id: int, *, waiting: bool) -> Row[Any] | None:
    """The latest digest delivery of a reader. waiting: only one that is still to be sent."""
    d = deliveries.c
    chosen: Select[Any] = (
        select(d.key, d.digest_id, d.signed_with, d["values"].label("own"))
        .where(d.subscriber_id == subscriber_id, d.kind == MailKind.DIGEST)
        .order_by(d.id.desc())
        .limit(1)
    )
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


def _content(
    connection: Connection, digest_id: int | None, *, sample_digest: SampleDigest, now: datetime
) -> tuple[Content, str]:
    """(content, key) of a digest, or of the sample where there is none."""
    if digest_id is None:
        return sample_digest.content(now=now), SAMPLE
    key = connection.execute(select(digests.c.key).where(digests.c.id == digest_id)).scalar_one()
    return load_content(connection, digest_id), key


def _person(connection: Connection, subscriber_id: int) -> Person:
    people = audience.reachable().subquery()
    chosen = select(*(people.c[name] for name in Person._fields))
    row = connection.execute(chosen.where(people.c.subscriber_id == subscriber_id)).first()
    if row is None:
        raise NotFoundError("this person may not be mailed", hint="`newsletter subscribers show` says why.")
    return Person._make(row)
