"""Changes the address of a reader, exports their data and erases them, by a short-lived link.

Does not open links: the web pages check them first.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, select

from newsletter.core.states import REGULAR_KINDS, MailKind
from newsletter.db.engine import empty_log, reading, writing
from newsletter.db.schema import deliveries, digests
from newsletter.delivery.outbox import inbound_records
from newsletter.delivery.outbox.digest_contents import DigestPapers, contents_of
from newsletter.delivery.outbox.erase import erase_packed, erase_replies
from newsletter.delivery.outbox.past_contents import past_contents
from newsletter.pipeline.content.transactional import TransactionalRenderer, enqueue_transactional
from newsletter.pipeline.history import past_mail
from newsletter.pipeline.readers import mail_limits
from newsletter.pipeline.readers.policy import ReaderPolicy, RequestLimits
from subscribers import addresses, consent, limits, queries
from subscribers.errors import SubscriberError
from subscribers.lifecycle import address_change, suppression
from subscribers.queries import State, SubscriberView
from subscribers.suppression_key import address_hash, hashed


def request_account_link(
    engine: Engine,
    *,
    subscriber_id: int,
    request_limits: RequestLimits,
    policy: ReaderPolicy,
    renderer: TransactionalRenderer,
    now: datetime,
) -> bool:
    """Mail the reader a short-lived link; returns whether the limit permitted it."""
    with writing(engine) as connection:
        person = queries.by_id(connection, subscriber_id, lock=True)
        if person.state is not State.CONFIRMED:
            raise SubscriberError("this address gets no mail now", hint="Sign up again first.")
        if not _may_ask(connection, person, request_limits, scope="account", policy=policy, now=now):
            return False
        enqueue_transactional(
            connection,
            renderer=renderer,
            kind=MailKind.ACCOUNT,
            subscriber_id=person.id,
            key=now.isoformat(),
            now=now,
        )
        return True


def request_address_change(
    engine: Engine,
    *,
    subscriber_id: int,
    address: str,
    request_limits: RequestLimits,
    policy: ReaderPolicy,
    renderer: TransactionalRenderer,
    now: datetime,
) -> bool:
    """Ask the new address to confirm, if it may be mailed; the answer does not show whether it was.

    Returns False when the reader, or the whole newsletter, reached the limit of such requests, so that nobody
    mails many strangers.
    Raises AddressError for a malformed address, SubscriberError for a reader who has left.
    """
    wanted = addresses.parse(address)
    with writing(engine) as connection:
        reader = queries.by_id(connection, subscriber_id, lock=True)
        if wanted.key == addresses.parse(reader.address).key:
            raise SubscriberError("this is the address that you have now", hint="Write the new one.")
        if not _may_ask(connection, reader, request_limits, scope="move", policy=policy, now=now):
            return False
        by_newsletter = mail_limits.of_newsletter(request_limits)
        if limits.free_at(connection, by_newsletter, now=now) is not None:
            return False
        by_address = mail_limits.by_address(wanted.address, request_limits, policy)
        if not limits.allow_all(connection, [*by_address, *by_newsletter], now=now):
            return True
        newcomer = address_change.ask(
            connection,
            subscriber_id=reader.id,
            address=wanted.address,
            now=now,
            suppression_key=policy.suppression_key,
        )
        if newcomer is not None:
            enqueue_transactional(
                connection,
                renderer=renderer,
                kind=MailKind.ADDRESS,
                subscriber_id=newcomer.id,
                key=now.isoformat(),
                now=now,
                values={"of": reader.ref},
            )
        return True


def change_address(
    engine: Engine, *, ref: str, to_ref: str, policy: ReaderPolicy, now: datetime
) -> SubscriberView:
    """Move the reader to the new address after its owner confirmed; see `lifecycle.address_change.move`."""
    with writing(engine) as connection:
        person, is_new = address_change.move(
            connection, ref=ref, to_ref=to_ref, now=now, suppression_key=policy.suppression_key
        )
        if is_new:
            erase_replies(connection, [person.id])  # about the old mailbox
    if is_new:
        empty_log(engine)
    return person


def moved_from(engine: Engine, ref: str, to_ref: str) -> SubscriberView | None:
    """The reader who had that ref until they moved to the address of `to_ref`."""
    with reading(engine) as connection:
        return address_change.moved_from(connection, ref, to_ref)


def moved_since(engine: Engine, person: SubscriberView, at: datetime) -> bool:
    """Whether the address changed since `at` (whole seconds): older links went to the old address."""
    with reading(engine) as connection:
        moved = consent.last_at(connection, person.id, [consent.EventKind.MOVED])
    return moved is not None and moved >= at


def rename(engine: Engine, *, subscriber_id: int, name: str) -> SubscriberView:
    """Set the name in the reader's greeting; empty removes it. Raises NameRefusedError."""
    with writing(engine) as connection:
        return queries.rename(connection, subscriber_id=subscriber_id, name=addresses.checked_name(name))


def erase(engine: Engine, *, subscriber_id: int, policy: ReaderPolicy, now: datetime) -> None:
    """Erase the reader; only a keyed hash stays. A repeat changes nothing."""
    with writing(engine) as connection:
        address = queries.by_id(connection, subscriber_id, lock=True).address
        suppression.forget(
            connection, subscriber_id=subscriber_id, how="web", now=now, key=policy.suppression_key
        )
        erase_replies(connection, [subscriber_id])
        erase_packed(connection, [subscriber_id])
        if address:
            inbound_records.erase_address(connection, address_hash(address, key=policy.suppression_key))
    empty_log(engine)


def export(engine: Engine, *, subscriber_id: int) -> dict[str, Any]:
    """All stored data of a reader as a JSON object.

    Its parts: subscriber, history (consent events), mails, came_back (bounces, complaints, wishes to leave).
    """
    with reading(engine) as connection:
        person = queries.by_id(connection, subscriber_id)
        return {
            "subscriber": person.row(),
            "history": consent.history(connection, person.id),
            "mails": _mails(connection, person.id),
            "came_back": inbound_records.of_reader(connection, person.id),
        }


def _mails(connection: Connection, subscriber_id: int) -> list[dict[str, Any]]:
    d = deliveries.c
    rows: list[Any] = list(
        connection.execute(
            select(d.id, d.kind, d.state, d.composed_at, d.finished_at, d.digest_id, digests.c.subject)
            .join(digests, digests.c.id == d.digest_id)
            .where(d.subscriber_id == subscriber_id)
            .order_by(d.id)
        )
    )
    subjects = {row.digest_id: row.subject for row in rows}
    packed, _ = past_mail.of_readers(connection, [subscriber_id], kinds=REGULAR_KINDS)
    rows = sorted([*packed.get(subscriber_id, ()), *rows], key=lambda mail: mail.id)
    unknown = {row.digest_id for row in rows} - subjects.keys()
    subjects |= {key: of.subject for key, of in past_contents(connection, unknown).items()}
    contents = contents_of(connection, {row.digest_id for row in rows})
    return [
        {
            "kind": row.kind,
            "subject": subjects.get(row.digest_id, ""),
            "state": row.state,
            "composed_at": row.composed_at.isoformat(),
            "finished_at": None if row.finished_at is None else row.finished_at.isoformat(),
            "papers": sorted({card.title for card in contents.get(row.digest_id, DigestPapers()).papers}),
            "maybe": sorted({card.title for card in contents.get(row.digest_id, DigestPapers()).maybe}),
            "new_versions": [
                version.title for version in contents.get(row.digest_id, DigestPapers()).new_versions
            ],
        }
        for row in rows
    ]


def _may_ask(
    connection: Connection,
    reader: SubscriberView,
    request_limits: RequestLimits,
    *,
    scope: str,
    policy: ReaderPolicy,
    now: datetime,
) -> bool:
    identifier = hashed(addresses.parse(reader.address).key, policy.suppression_key)
    return limits.allow(connection, request_limits.per_reader, scope=scope, identifier=identifier, now=now)
