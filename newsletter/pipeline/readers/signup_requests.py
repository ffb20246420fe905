"""Answers what people asked for on the public pages: looks who has the address, and mails what fits.

The pages store requests and show everybody the same; here, later and out of sight, known, unknown and
suppressed addresses part ways. An address is mailed a few times a day at most; then it is silence.
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
from newsletter.pipeline.readers.welcome_goodbye import greet
from subscribers import addresses, limits, queries, requests
from subscribers.errors import SubscriberError, SuppressedError
from subscribers.lifecycle import signup
from subscribers.queries import State, SubscriberView
from subscribers.requests import PageRequest, RequestKind
from subscribers.suppression_key import hashed

MOST = 10  # requests answered in one transaction: other writers wait a tenth of a second
ADDRESS = "address"  # the count of all mails to an address that anybody may have typed, whatever they are
_LINK_ANSWERS = {State.CONFIRMED: MailKind.LINK, State.PENDING: MailKind.CONFIRM}  # to a request for links

log = logging.getLogger(__name__)


def ask(
    engine: Engine,
    request: PageRequest,
    *,
    client: str,
    request_limits: RequestLimits,
    policy: ReaderPolicy,
    now: datetime,
) -> bool:
    """Keep a request for `answer`; whether it was kept: of one client (a network address) only so many are.

    The same work for every address.
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
    """The keyed hash under which a network address is counted and stands in the consent ledger."""
    return hashed(f"client {client}", policy.suppression_key)


def answer(
    engine: Engine,
    *,
    policy: ReaderPolicy,
    renderer: TransactionalRenderer,
    request_limits: RequestLimits,
    now: datetime,
    most: int = MOST,
) -> int:
    """Answer the oldest requests, at most so many, in one transaction; returns how many there were.

    One that cannot be answered is set aside with the reason and holds up no other. Raises NewsletterError for
    what would meet every request, such as a broken template or a database that is busy: then all wait.
    """
    with reading(engine) as connection:
        if not requests.any_waiting(connection):
            return 0
    with writing(engine, exclusive=True) as connection:
        found = requests.waiting(connection, limit=most)
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
            except SubscriberError as error:  # what was asked for cannot be: nobody is told, nothing is lost
                log.info("request %s comes to nothing: %s", request.id, type(error).__name__)
                done.append(request.id)
            except (NewsletterError, OperationalError):
                raise  # not this request's fault: set aside, it would be lost when all is well again
            except Exception as error:  # a fault of ours must not stop the requests behind it
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
        connection, request_limits.per_address, scope=ADDRESS, identifier=identifier, now=now
    ):
        return
    if request.kind is RequestKind.LINK:
        person = queries.find(connection, request.address)
        kind = _LINK_ANSWERS.get(person.state) if person else None
    else:
        try:
            person = _signed_up(connection, request, policy=policy, now=now)
        except SuppressedError:
            return  # suppression beats everything, and nobody is told
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
        topics_wanted=_still_there(request.topics, policy.known_topics),
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


def _still_there(topics: Sequence[str], known: Collection[str]) -> list[str]:
    """The topics without those that were taken out of the settings since; all of them when none is left."""
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
    """The person whom a confirmation link means consents; they are welcomed, once.

    asked_at: when the link was signed. Raises SubscriberError when there is nothing to confirm any more.
    """
    with reading(engine) as connection:
        person = queries.by_ref(connection, ref)
    if person is None:
        raise SubscriberError(
            "there is nothing to confirm here any more", hint="Sign up again to get the newsletter."
        )
    if person.state is State.CONFIRMED:
        return person  # seen without the lock that writers queue for: a link is pressed more than once
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
            greet(connection, person, renderer=renderer, now=now)
    return person
