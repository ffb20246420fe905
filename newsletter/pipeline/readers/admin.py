"""Runs the admin's commands on one subscriber, each in its own transaction. Decides no state.

Answers are rows as the command line prints them in JSON. `subscribers.lifecycle` decides what a command does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine

from newsletter.core.debts.digest_plan import EVERYTHING
from newsletter.db.engine import empty_log, reading, writing
from newsletter.delivery.outbox import inbound_records
from newsletter.delivery.outbox.erase import erase_packed, erase_replies
from newsletter.pipeline.content.personalization import Links, confirm_path, preferences_path
from newsletter.pipeline.readers import backlog
from newsletter.pipeline.readers.policy import ReaderPolicy
from subscribers import addresses, consent, queries
from subscribers import topic_slugs as slugs
from subscribers.errors import SubscriberError
from subscribers.lifecycle import signup, signup_choices, strikes, suppression
from subscribers.lifecycle import unsubscribe as departure
from subscribers.preferences import as_columns
from subscribers.suppression_key import address_hash

if TYPE_CHECKING:
    from newsletter.pipeline.content.transactional import TransactionalRenderer

Row = dict[str, Any]


def add(
    engine: Engine,
    *,
    address: str,
    topics: Sequence[str],
    preferences: Mapping[str, object],
    confirmed: bool,
    policy: ReaderPolicy,
    now: datetime,
    name: str = "",
    renderer: TransactionalRenderer | None = None,
) -> Row:
    """Add a subscriber, or change a known one; see `subscribers.lifecycle.signup.add`.

    renderer: if given, a pending subscriber is asked to confirm by mail. The row also has change (added,
    updated, unchanged) and asked; for a new subscriber or a first consent also welcomed (papers given),
    could_have_had (the ten latest others) and could_have_had_count.
    """
    with writing(engine) as connection:
        added = signup.add(
            connection,
            address=address,
            topics_wanted=topics,
            known_topics=policy.known_topics,
            given=preferences,
            confirmed=confirmed,
            how="admin",
            now=now,
            suppression_key=policy.suppression_key,
            defaults=policy.defaults,
            default_topics=(EVERYTHING,),
            name=name,
        )
        row = {**added.person.row(), "change": added.what, "asked": False}
        if renderer is not None and added.asked is not None:
            # With the templates: slow to import.
            from newsletter.pipeline.readers.confirmations import enqueue_confirmation

            enqueue_confirmation(
                connection,
                renderer=renderer,
                subscriber_id=added.person.id,
                asked=added.asked,
                now=now,
                by_editors=True,
            )
            row["asked"] = True
        if added.first or added.what == "added":
            followed = added.person.topics
            given = 0
            if added.first:
                given = backlog.give(
                    connection, [(added.person.id, followed)], papers_each=policy.welcome, now=now
                )
            others = backlog.recent(connection, followed, now=now, limit=backlog.MAX_LISTED, offset=given)
            row["welcomed"] = given
            row["could_have_had"] = [asdict(paper) for paper in others]
            row["could_have_had_count"] = backlog.count(connection, followed, now=now) - given
    return row


def listed(
    engine: Engine, *, policy: ReaderPolicy, state: str | None = None, topic: str | None = None
) -> list[Row]:
    """All subscribers but erased ones, by id; of one state, or followers of one topic."""
    if topic is not None:
        (topic,) = slugs.checked([topic], policy.known_topics) or (topic,)
    with reading(engine) as connection:
        people = list(queries.listed(connection, state=state, topic=topic))
        asked = _asked(connection, people)
        return [person.row() | asked.get(person.id, {}) for person in people]


def show(engine: Engine, address: str, *, policy: ReaderPolicy) -> Row:
    """One subscriber, by any spelling of the address; with the reason of a suppression.

    Raises UnknownAddressError when no subscriber has the address and it is not suppressed either.
    """
    with reading(engine) as connection:
        wanted = addresses.parse(address)
        active = suppression.in_force(connection, [wanted.key], key=policy.suppression_key).get(wanted.key)
        person = queries.find(connection, address)
        if person is None and (active is None or active.reason == suppression.ERASED):
            queries.require(connection, address)
        row = _suppressed_row(wanted.address)
        if person is not None:
            row = person.row() | _asked(connection, [person]).get(person.id, {})
        if active is not None:
            row["suppressed"] = {"reason": active.reason, "at": active.at.isoformat()}
        if person is not None and (struck := strikes.count(connection, person.id)) is not None:
            row["strikes"] = {
                "messages": struck.messages,
                "since": struck.first_at.isoformat(),
                "reason": struck.reason,
                "reply": struck.note,
            }
        return row


def links_of(engine: Engine, address: str, *, links: Links, now: datetime) -> Row:
    """The personal links of one subscriber: preferences (or confirm, while pending) and unsubscribe.

    Raises UnknownAddressError; SubscriberError for a suppressed one.
    """
    with reading(engine) as connection:
        person = queries.require(connection, address)
        asked = signup_choices.latest(connection, [person.id]).get(person.id)
    if person.state not in (queries.State.PENDING, queries.State.CONFIRMED, queries.State.UNSUBSCRIBED):
        raise SubscriberError(
            f"{person.address} is {person.state}", hint="`newsletter subscribers show` says why."
        )
    row: Row = {"address": person.address, "state": str(person.state)}
    if person.state is queries.State.PENDING:
        row["confirm_url"] = (
            f"{links.base_url}{confirm_path(links, person.ref, asked.ref if asked else '', now=now)}"
        )
    else:
        row["preferences_url"] = f"{links.base_url}{preferences_path(links, person.ref, now=now)}"
    row["unsubscribe_url"] = f"{links.base_url}/u/{person.leave_id}"
    return row


def history(engine: Engine, address: str) -> list[Row]:
    """The consent events of a subscriber, their strikes, and what came back about them, oldest first."""
    with reading(engine) as connection:
        person = queries.require(connection, address)
        rows = [
            *consent.history(connection, person.id),
            *strikes.history(connection, person.id),
            *inbound_records.history(connection, person.id),
        ]
    return sorted(rows, key=lambda row: str(row["at"]))


def unsubscribe(engine: Engine, address: str, *, now: datetime, topics: Sequence[str] | None = None) -> Row:
    """Unsubscribe an address from everything, or from these topics. A repeat changes nothing."""
    with writing(engine) as connection:
        person = queries.require(connection, address, lock=True)
        return departure.unsubscribe(
            connection, subscriber_id=person.id, topics=topics or None, how="admin", now=now
        ).row()


def suppress(engine: Engine, address: str, *, policy: ReaderPolicy, now: datetime, note: str = "") -> Row:
    """Suppress an address, also one that no subscriber has."""
    with writing(engine) as connection:
        person = suppression.suppress(
            connection,
            address=address,
            reason="admin",
            how="admin",
            now=now,
            key=policy.suppression_key,
            note=note,
        )
    return person.row() if person is not None else _suppressed_row(addresses.parse(address).address)


def unsuppress(engine: Engine, address: str, *, policy: ReaderPolicy, now: datetime) -> Row:
    """Lift a suppression; the subscriber gets the earlier state back."""
    with writing(engine) as connection:
        person = suppression.unsuppress(
            connection, address=address, how="admin", now=now, key=policy.suppression_key
        )
    shown = addresses.parse(address).address
    return person.row() if person is not None else {"address": shown, "state": None, "topics": []}


def forget(engine: Engine, address: str, *, policy: ReaderPolicy, now: datetime) -> Row:
    """Erase a subscriber. Only a keyed hash stays, so that no import or admin can add the address again."""
    with writing(engine) as connection:
        person = queries.require(connection, address, lock=True)
        suppression.forget(
            connection, subscriber_id=person.id, how="admin", now=now, key=policy.suppression_key
        )
        erase_replies(connection, [person.id])
        erase_packed(connection, [person.id])
        inbound_records.erase_address(connection, address_hash(person.address, key=policy.suppression_key))
    empty_log(engine)
    return {"address": person.address, "state": "erased", "topics": []}


def pause(engine: Engine, address: str, *, until: datetime | None, now: datetime) -> Row:
    """Send no digest to an address before `until` (None: end the pause)."""
    with writing(engine) as connection:
        person = queries.require(connection, address, lock=True)
        return departure.pause(connection, subscriber_id=person.id, until=until, how="admin", now=now).row()


def _asked(connection: Connection, people: Sequence[queries.SubscriberView]) -> dict[int, Row]:
    """What pending people asked for last, by subscriber id: nothing of it stands on them yet."""
    pending = [person.id for person in people if person.state is queries.State.PENDING]
    return {
        subscriber_id: {
            "topics": sorted(choice.topics),
            **as_columns(choice.preferences),
            "name": choice.name,
        }
        for subscriber_id, choice in signup_choices.latest(connection, pending).items()
    }


def _suppressed_row(address: str) -> Row:
    """The row of a suppressed address without a subscriber; only its hash is stored."""
    return {"address": address, "state": "suppressed", "topics": []}
