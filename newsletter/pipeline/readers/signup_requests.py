"""Answers requests of the public pages: looks up the state of the address and queues the right message.

The pages only store requests and answer all of them alike; the state of an address matters only here. A
mailbox gets a few messages a day at most. A sign-up beyond that is shown by the confirmation link that was
mailed before it; without such a link it waits, as it does while too many people are asked to confirm. Sends
nothing itself.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from newsletter.core.debts.digest_plan import EVERYTHING
from newsletter.core.errors import NewsletterError
from newsletter.core.states import MailKind
from newsletter.db.engine import reading, writing
from newsletter.pipeline.content.transactional import TransactionalRenderer, enqueue_transactional
from newsletter.pipeline.readers import mail_limits
from newsletter.pipeline.readers.confirmations import enqueue_confirmation, store_as_asked
from newsletter.pipeline.readers.policy import ReaderPolicy, RequestLimits
from subscribers import limits, queries, requests
from subscribers.errors import SubscriberError, SuppressedError
from subscribers.lifecycle import signup, signup_choices
from subscribers.lifecycle.signup import SignupResult
from subscribers.lifecycle.signup_choices import AskedChoice
from subscribers.queries import State, SubscriberView
from subscribers.requests import PageRequest, RequestKind, WaitsFor

REQUESTS_PER_TRANSACTION = 10  # other writers wait a tenth of a second

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
    counted = mail_limits.by_client(client, request_limits, policy)
    with writing(engine) as connection:
        kept = limits.allow_all(connection, counted, now=now)
        if kept:
            requests.store(connection, request)
    return kept


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
        if not requests.any_waiting(connection, now=now):
            return 0
    with writing(engine, exclusive=True) as connection:
        found = requests.waiting(connection, limit=limit, now=now)
        done: list[int] = []
        for request in found:
            try:
                with connection.begin_nested():
                    is_answered = _answer(
                        connection,
                        request,
                        policy=policy,
                        renderer=renderer,
                        request_limits=request_limits,
                        now=now,
                    )
                if is_answered:
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
) -> bool:
    """Answer one request; returns False when it must wait for a limit.

    Only a message is counted: a request that brings none must not use up what its owner may ask for.
    """
    by_address = mail_limits.by_address(request.address, request_limits, policy)
    by_both = [*by_address, *mail_limits.of_newsletter(request_limits)]
    person = queries.find(connection, request.address)
    is_known = person is not None and person.state is State.CONFIRMED
    if person is not None and is_known:
        kind = MailKind.LINK if request.kind is RequestKind.LINK else MailKind.ALREADY
        if limits.allow_all(connection, by_address, now=now):
            enqueue_transactional(
                connection,
                renderer=renderer,
                kind=kind,
                subscriber_id=person.id,
                key=now.isoformat(),
                now=now,
            )
        return True
    if request.kind is RequestKind.LINK:
        asked = _asked_last(connection, person)
    else:
        free_at = limits.free_at(connection, by_both, now=now)
        is_shown = person is not None and signup_choices.has_open_link(connection, person.id, now=now)
        if free_at is not None and not is_shown:
            by_ceiling = limits.free_at(connection, mail_limits.of_newsletter(request_limits), now=now)
            waits_for = WaitsFor.NEWSLETTER if by_ceiling else WaitsFor.ADDRESS
            requests.postpone(connection, request.id, until=free_at, waits_for=waits_for)
            return False
        try:
            added = _signed_up(connection, request, policy=policy, now=now)
        except SuppressedError:
            return True  # a suppressed address gets no message
        person, asked = added.person, added.asked
    if person is not None and asked is not None and limits.allow_all(connection, by_both, now=now):
        enqueue_confirmation(connection, renderer=renderer, subscriber_id=person.id, asked=asked, now=now)
    return True


def _asked_last(connection: Connection, person: SubscriberView | None) -> AskedChoice | None:
    """What a pending person asked for last; None when there is nothing to confirm."""
    if person is None or person.state is not State.PENDING:
        return None
    known = signup_choices.latest(connection, [person.id]).get(person.id)
    if known is not None or not person.topics:
        return known
    return store_as_asked(connection, person, now=person.created_at)


def _signed_up(
    connection: Connection, request: PageRequest, *, policy: ReaderPolicy, now: datetime
) -> SignupResult:
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
    )


def _still_defined(topics: Sequence[str], known: Collection[str]) -> list[str]:
    """The topics that the settings still have; all of them when none is left."""
    return [topic for topic in topics if topic in known] or list(topics)
