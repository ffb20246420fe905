"""Opens confirmation links: shows what a link would begin, and begins it when its owner agrees.

A link carries the sign-up for which it was mailed. Later ones for which no mail could go are shown by it too,
and the owner of the address chooses. Answers no sign-up: `newsletter.pipeline.readers.signup_requests` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine

from newsletter.core.states import MailKind
from newsletter.db.engine import reading, writing
from newsletter.pipeline.content.personalization import ASKED_BY_EDITORS
from newsletter.pipeline.content.transactional import TransactionalRenderer, enqueue_transactional
from newsletter.pipeline.readers import backlog
from newsletter.pipeline.readers.policy import ReaderPolicy
from newsletter.pipeline.readers.welcome_goodbye import enqueue_welcome
from subscribers import addresses, queries
from subscribers.errors import SubscriberError
from subscribers.lifecycle import signup, signup_choices
from subscribers.lifecycle.signup_choices import AskedChoice
from subscribers.link_purposes import OpenedLink
from subscribers.queries import State, SubscriberView


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """What a link can begin."""

    person: SubscriberView
    choices: tuple[AskedChoice, ...]  # the latest first; one unless somebody signed the address up again

    @property
    def name(self) -> str:
        """The name that all choices give; empty when they differ."""
        given = {choice.name for choice in self.choices}
        return given.pop() if len(given) == 1 else ""


def find(engine: Engine, link: OpenedLink) -> Confirmation | None:
    """What a confirmation link can begin; None when nobody is behind it any more.

    Without choices there is nothing to confirm: the person did, or left, or the link was used.
    """
    with reading(engine) as connection:
        person = queries.by_ref(connection, link.ref)
        return None if person is None else _confirmation(connection, person, link)


def confirm(
    engine: Engine,
    link: OpenedLink,
    *,
    origin: Mapping[str, Any],
    policy: ReaderPolicy,
    renderer: TransactionalRenderer,
    now: datetime,
    choice: str = "",
    name: str | None = None,
) -> SubscriberView:
    """Confirm the subscriber of a confirmation link, and queue their welcome once.

    choice: the ref of what they saw; empty: the latest. name: as they typed it; None: as it was asked for.
    Raises SubscriberError when there is nothing to confirm any more, NameRefusedError.
    """
    nothing = SubscriberError(
        "there is nothing to confirm here any more", hint="Sign up again to get the newsletter."
    )
    with reading(engine) as connection:
        person = queries.by_ref(connection, link.ref)
    if person is None:
        raise nothing
    if person.state is State.CONFIRMED:
        return person  # no lock needed: links are often opened more than once
    with writing(engine) as connection:
        person = queries.by_id(connection, person.id, lock=True)
        if person.state is State.CONFIRMED:
            return person
        choices = _confirmation(connection, person, link).choices
        chosen = next((each for each in choices if choice in ("", each.ref)), None)
        if chosen is None:
            raise nothing
        if name is not None:
            chosen = replace(chosen, name=addresses.checked_name(name, address=person.address))
        first = person.confirmed_at is None
        person, _ = signup.confirm(
            connection,
            subscriber_id=person.id,
            how="web",
            now=now,
            suppression_key=policy.suppression_key,
            asked_at=link.signed_at,
            origin=origin,
            chosen=chosen,
        )
        if first:
            backlog.give(connection, [(person.id, person.topics)], papers_each=policy.welcome, now=now)
        enqueue_welcome(connection, person, renderer=renderer, now=now)
    return person


def enqueue_confirmation(
    connection: Connection,
    *,
    renderer: TransactionalRenderer,
    subscriber_id: int,
    asked: AskedChoice,
    now: datetime,
    by_editors: bool = False,
) -> None:
    """Queue the message whose link confirms exactly what was asked; by_editors: who asked, as it says."""
    enqueue_transactional(
        connection,
        renderer=renderer,
        kind=MailKind.CONFIRM,
        subscriber_id=subscriber_id,
        key=now.isoformat(),
        now=now,
        values={"choice": asked.ref, **({"asked": ASKED_BY_EDITORS} if by_editors else {})},
    )
    signup_choices.mark_mailed(connection, asked.ref, now=now)


def store_as_asked(connection: Connection, person: SubscriberView, *, now: datetime) -> AskedChoice:
    """Store what an admin or a roster gave a pending person as a choice that a link can confirm."""
    return signup_choices.store(
        connection,
        person.id,
        name=person.name,
        topics=person.topics,
        preferences=person.preferences,
        origin={},
        now=now,
    )


def _confirmation(connection: Connection, person: SubscriberView, link: OpenedLink) -> Confirmation:
    if person.state is not State.PENDING:
        return Confirmation(person=person, choices=())
    if link.asked:
        return Confirmation(person=person, choices=signup_choices.shown_by(connection, person.id, link.asked))
    stored = AskedChoice(
        ref="",
        at=person.created_at,
        name=person.name,
        topics=person.topics,
        preferences=person.preferences,
    )
    # Links that were made before sign-ups had rows of their own, and those that an admin makes.
    return Confirmation(person=person, choices=(stored,) if person.topics else ())
