"""Changes topics and preferences of a reader together, by a signed link. Never leaves everything.

The link may have been forwarded with a mail, so nothing here shows or changes an address.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from subscribers import addresses, topic_slugs
from subscribers.errors import PreferenceError, SubscriberError
from subscribers.lifecycle import unsubscribe
from subscribers.lifecycle.signup import apply_transitions
from subscribers.lifecycle.transitions import ChangeRequest, decide
from subscribers.preferences import Preferences
from subscribers.queries import State, SubscriberView, by_id


def choose(
    connection: Connection,
    *,
    subscriber_id: int,
    topics_wanted: Sequence[str],
    known_topics: Collection[str],
    given: Mapping[str, object],
    how: str,
    now: datetime,
    defaults: Preferences,
) -> SubscriberView:
    """Follow exactly these topics from now on, with the given preferences by name.

    Without a change nothing is recorded. Raises UnknownTopicError; PreferenceError, with `field` topics when
    no topic is chosen; SubscriberError for a person who is not confirmed.
    """
    person = by_id(connection, subscriber_id, lock=True)
    if person.state is not State.CONFIRMED:
        raise SubscriberError("this address gets no mail now", hint="Sign up again to choose topics.")
    # A topic that the settings no longer have stays followed: the form does not show it.
    undefined = [topic for topic in person.topics if topic not in known_topics]
    wanted = topic_slugs.checked(topics_wanted, known_topics)
    if not wanted:
        raise PreferenceError(
            "topics: none is chosen",
            field="topics",
            hint="Choose at least one; to get no more mail, unsubscribe.",
        )
    request = ChangeRequest(address=addresses.parse(person.address), topics=wanted, given=given, signed=True)
    transition = decide(person, request, how=how, now=now, defaults=defaults, default_topics=())
    if transition is not None:
        apply_transitions(connection, [transition], how=how, now=now)
    dropped = [topic for topic in person.topics if topic not in wanted and topic not in undefined]
    if dropped:
        unsubscribe.unsubscribe(connection, subscriber_id=person.id, topics=dropped, how=how, now=now)
    return by_id(connection, person.id)
