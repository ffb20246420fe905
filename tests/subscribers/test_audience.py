"""The selects of the audience: their people and columns."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import delete, select

from subscribers import audience, consent, queries
from subscribers.consent import ConsentChange, ConsentOrigin, EventKind
from subscribers.lifecycle import unsubscribe
from tests.subscribers.conftest import NOON, SubscriberScenario, later
from tests.subscribers.test_queries import populate


def test_mailable_holds_confirmed_people_with_all_that_a_digest_needs(scenario: SubscriberScenario) -> None:
    populate(scenario)
    (row,) = scenario.connection.execute(audience.mailable()).all()
    person = queries.find(scenario.connection, "ada@example.org")
    assert person is not None
    assert dict(row._mapping) == {
        "subscriber_id": person.id,
        "ref": person.ref,
        "leave_id": person.leave_id,
        "address": "ada@example.org",
        "name": "",
        "cadence": "daily",
        "weekday": None,
        "hour": 7,
        "timezone": "UTC",
        "text_only": False,
        "minimum": 1,
        "maximum": None,
        "cards": 10,
        "links_epoch": 0,
        "maybe": False,
        "version": 1,
        "paused_until": None,
        "slots_done_to": NOON,
        "confirmed_at": NOON,
        "origin": "added",
    }


@pytest.mark.parametrize(
    ("events", "origin"),
    [
        ([("requested", "web"), ("confirmed", "web")], "signed up"),
        ([("requested", "web"), ("confirmed", "web"), ("changed", "admin")], "signed up"),
        ([("requested", "import"), ("requested", "admin"), ("confirmed", "web")], "confirmed"),
        ([("requested", "admin"), ("confirmed", "web"), ("moved", "web")], "confirmed"),
        ([("requested", "web"), ("confirmed", "admin")], "added"),
        ([("confirmed", "import"), ("changed", "web"), ("followed", "web")], "imported"),
        ([("confirmed", "import"), ("unsubscribed", "one-click"), ("came back", "web")], "came back"),
        (
            [("confirmed", "import"), ("unsubscribed", "web"), ("came back", "web"), ("confirmed", "web")],
            "signed up",
        ),
        ([("confirmed", "web"), ("came back", "admin"), ("confirmed", "admin")], "added"),
        ([], "unknown"),
    ],
)
def test_origin_follows_from_the_latest_events_that_began_a_subscription(
    scenario: SubscriberScenario, events: list[tuple[str, str]], origin: str
) -> None:
    populate(scenario)
    person = queries.find(scenario.connection, "ada@example.org")
    assert person is not None
    scenario.connection.execute(delete(consent.events).where(consent.events.c.subscriber_id == person.id))
    for what, how in events:
        change = ConsentChange(what=EventKind(what))
        consent.record(scenario.connection, [(person.id, change)], how=how, now=NOON)
    (row,) = scenario.connection.execute(audience.mailable()).all()
    assert row.origin == ConsentOrigin(origin)


def test_reachable_adds_pending_people(scenario: SubscriberScenario) -> None:
    populate(scenario)
    rows = scenario.connection.execute(audience.reachable().order_by("subscriber_id")).all()
    assert [(row.address, row.state) for row in rows] == [
        ("ada@example.org", "confirmed"),
        ("bob@example.org", "pending"),
    ]


def test_departed_holds_those_who_left_and_may_still_be_mailed(scenario: SubscriberScenario) -> None:
    populate(scenario)
    (row,) = scenario.connection.execute(audience.departed()).all()
    (columns,) = scenario.connection.execute(audience.mailable()).all()
    assert (row.address, row._fields) == ("cyd@example.org", columns._fields)


def test_states_holds_all_people(scenario: SubscriberScenario) -> None:
    populate(scenario)
    rows = scenario.connection.execute(audience.states().order_by("subscriber_id")).all()
    assert [row.state for row in rows] == ["confirmed", "pending", "unsubscribed", "suppressed", "erased"]


def test_addresses_holds_all_but_erased_people(scenario: SubscriberScenario) -> None:
    populate(scenario)
    rows = scenario.connection.execute(audience.addresses().order_by("subscriber_id")).all()
    assert [row.address[:3] for row in rows] == ["ada", "bob", "cyd", "dan"]


def test_accounts_holds_all_people_who_were_ever_confirmed(scenario: SubscriberScenario) -> None:
    populate(scenario)
    rows = scenario.connection.execute(audience.accounts().order_by("subscriber_id")).all()
    assert [(row.state, row.cadence_since) for row in rows] == [
        ("confirmed", NOON),
        ("unsubscribed", NOON),
        ("suppressed", NOON),
        ("erased", NOON),
    ]


def test_following_holds_ended_intervals_and_none_of_pending_people(
    scenario: SubscriberScenario,
) -> None:
    added = scenario.add("ada@example.org", "quantum", "circuits")
    scenario.add("bob@example.org", "quantum", confirmed=False)
    unsubscribe.unsubscribe(
        scenario.connection, subscriber_id=added.person.id, topics=["quantum"], how="web", now=later(1)
    )
    scenario.add("ada@example.org", "quantum", now=later(2))
    rows = scenario.connection.execute(audience.following().order_by("since", "topic")).all()
    key = added.person.id
    assert [tuple(row) for row in rows] == [
        (key, "circuits", NOON, None),
        (key, "quantum", NOON, later(1)),
        (key, "quantum", later(2), None),
    ]


def test_cadences_counts_schedules_of_confirmed_people(scenario: SubscriberScenario) -> None:
    scenario.add("ada@example.org")
    scenario.add("bob@example.org", now=later(1))
    scenario.add("cyd@example.org", cadence="weekly", weekday="friday", hour=9, timezone="Europe/Berlin")
    scenario.add("dan@example.org", confirmed=False, hour=3)
    rows = scenario.connection.execute(audience.cadences().order_by("hour")).all()
    assert [tuple(row) for row in rows] == [
        ("daily", None, 7, "UTC", 2, NOON, later(1)),
        ("weekly", "friday", 9, "Europe/Berlin", 1, NOON, NOON),
    ]


def test_close_slots_reopens_only_slots_of_the_future(scenario: SubscriberScenario) -> None:
    scenario.add("ada@example.org")
    scenario.add("bob@example.org", now=later(2))
    person = audience.mailable().subquery()
    ids = select(person.c.subscriber_id)
    assert audience.close_slots(scenario.connection, ids, later(1), ahead=later(3)) == 1
    assert audience.close_slots(scenario.connection, ids, later(1), ahead=later(3)) == 0
    rows = scenario.connection.execute(audience.mailable().order_by("subscriber_id")).all()
    assert [row.slots_done_to for row in rows] == [later(1), later(2)]
    assert [row.version for row in rows] == [1, 1]
    assert audience.close_slots(scenario.connection, ids, NOON - timedelta(days=1), ahead=later(3)) == 0
    assert audience.close_slots(scenario.connection, ids, NOON, ahead=later(1)) == 1
    rows = scenario.connection.execute(audience.mailable().order_by("subscriber_id")).all()
    assert [row.slots_done_to for row in rows] == [later(1), NOON]
