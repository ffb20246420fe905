"""Answers requests of the public pages: looks up the state of the address and queues the right message.

The pages only store requests and answer all of them alike; the state of an address matters only here. An
address gets a few messages a day at most; further requests are not answered. Sends nothing itself.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from newsletter.core.debts.digest_plan import EVERYTHING
from newsletter.core.errors import NewsletterError
from newsletter.core.states import MailKind
from newsletter.db.engine import reading, writing
from newsletter.pipeline.content.transactional import TransactionalRenderer, enqueue_transactional
from newsletter.pipeline.readers import backlog
from newsletter.pipeline.readers.policy import ReaderPolicy, RequestLimits
from newsletter.pipeline.readers.welcome_goodbye import enqueue_welcome
from subscribers import addresses, limits, queries, requests
from subscribers.errors import SubscriberError, SuppressedError
from subscribers.lifecycle import signup
from subscribers.queries import State, SubscriberView
from subscribers.requests import PageRequest, RequestKind
from subscribers.suppression_key import hashed

REQUESTS_PER_TRANSACTION = 10  # other writers wait a tenth of a second
ADDRESS_SCOPE = "address"  # counts messages of all kinds to a typed address
_LINK_ANSWERS = {State.CONFIRMED: MailKind.LINK, State.PENDING: MailKind.CONFIRM}  # to a request for links

log = logging.getLogger(__name__)


def submit(
    engine: Engine,
    request: PageRequest,
    *,
    client: str,
    request_limits: RequestLimits,
    policy: ReaderPolicy,
    now: datetime,
) -> bool:
    """Store a request for `answer`, within the limit of its client (a network address).

    Returns whether it was stored. Does the same work for every email address.
    """
    identifier = hashed_client(client, policy)
    with writing(engine) as connection:
        kept = limits.allow(
            connection, request_limits.per_client, scope="client", identifier=identifier, now=now
        )
        if kept:
            requests.store(connection, request)
    return kept


def hashed_client(client: str, policy: ReaderPolicy) -> str:
    """The keyed hash of a network address, for limits and the consent ledger."""
    return hashed(f"client {client}", policy.suppression_key)


def answer(
    engine: Engine,
    *,
    policy: ReaderPolicy,
    renderer: TransactionalRenderer,
    request_limits: RequestLimits,
    now: datetime,
    limit: int = REQUESTS_PER_TRANSACTION,
) -> int:
    """Answer the oldest requests, at most `limit`, in one transaction; returns how many there were.

    A request that cannot be answered is marked as failed with the reason, and the others go on. Raises
    NewsletterError for a fault that meets every request, such as a broken template or a busy database; then
    all requests stay.
    """
    with reading(engine) as connection:
        if not requests.any_waiting(connection):
            return 0
    with writing(engine, exclusive=True) as connection:
        found = requests.waiting(connection, limit=limit)
        done: list[int] = []
        for request in found:
            try:
                with connection.begin_nested():
                    _answer(
                        connection,
                        request,
                        policy=policy,
                        renderer=renderer,
                        request_limits=request_limits,
                        now=now,
                    )
                done.append(request.id)
            except SubscriberError as error:  # not possible: the pages must not reveal that
                log.info("request %s comes to nothing: %s", request.id, type(error).__name__)
                done.append(request.id)
            except (NewsletterError, OperationalError):
                raise  # not the fault of this request: it must stay
            except Exception as error:  # one fault must not stop the requests after it
                log.exception("request %s cannot be answered", request.id)
                requests.mark_failed(connection, request.id, why=f"{type(error).__name__}: {error}")
        requests.delete_answered(connection, done)
    return len(found)


def _answer(
    connection: Connection,
    request: PageRequest,
    *,
    policy: ReaderPolicy,
    renderer: TransactionalRenderer,
    request_limits: RequestLimits,
    now: datetime,
) -> None:
    identifier = hashed(addresses.parse(request.address).key, policy.suppression_key)
    if not limits.allow(
        connection, request_limits.per_address, scope=ADDRESS_SCOPE, identifier=identifier, now=now
    ):
        return
    if request.kind is RequestKind.LINK:
        person = queries.find(connection, request.address)
        kind = _LINK_ANSWERS.get(person.state) if person else None
    else:
        try:
            person = _signed_up(connection, request, policy=policy, now=now)
        except SuppressedError:
            return  # a suppressed address gets no message
        kind = MailKind.ALREADY if person.state is State.CONFIRMED else MailKind.CONFIRM
    if person is not None and kind is not None:
        enqueue_transactional(
            connection, renderer=renderer, kind=kind, subscriber_id=person.id, key=now.isoformat(), now=now
        )


def _signed_up(
    connection: Connection, request: PageRequest, *, policy: ReaderPolicy, now: datetime
) -> SubscriberView:
    return signup.add(
        connection,
        address=request.address,
        topics_wanted=_still_defined(request.topics, policy.known_topics),
        known_topics=policy.known_topics,
        given=request.given,
        confirmed=False,
        how="web",
        now=now,
        suppression_key=policy.suppression_key,
        defaults=policy.defaults,
        default_topics=(EVERYTHING,),
        name=request.name,
        origin=request.origin,
    ).person


def _still_defined(topics: Sequence[str], known: Collection[str]) -> list[str]:
    """The topics that the settings still have; all of them when none is left."""
    return [topic for topic in topics if topic in known] or list(topics)


def confirm(
    engine: Engine,
    *,
    ref: str,
    asked_at: datetime,
    origin: Mapping[str, Any],
    policy: ReaderPolicy,
    renderer: TransactionalRenderer,
    now: datetime,
) -> SubscriberView:
    """Confirm the subscriber of a confirmation link, and queue their welcome once.

    asked_at: when the link was signed. Raises SubscriberError when there is nothing to confirm any more.
    """
    with reading(engine) as connection:
        person = queries.by_ref(connection, ref)
    if person is None:
        raise SubscriberError(
            "there is nothing to confirm here any more", hint="Sign up again to get the newsletter."
        )
    if person.state is State.CONFIRMED:
        return person  # no lock needed: links are often opened more than once
    with writing(engine) as connection:
        first = person.confirmed_at is None
        person, confirmed = signup.confirm(
            connection,
            subscriber_id=person.id,
            how="web",
            now=now,
            suppression_key=policy.suppression_key,
            asked_at=asked_at,
            origin=origin,
        )
        if confirmed:
            if first:
                backlog.give(connection, [(person.id, person.topics)], papers_each=policy.welcome, now=now)
            enqueue_welcome(connection, person, renderer=renderer, now=now)
    return person
