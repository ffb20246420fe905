"""Finding, listing and counting people."""

from __future__ import annotations

import pytest

from subscribers import queries
from subscribers.errors import SubscriberError, UnknownAddressError
from subscribers.lifecycle import suppression, unsubscribe
from subscribers.queries import PAGE
from tests.subscribers.conftest import KEY, NOON, SubscriberScenario


def populate(world: SubscriberScenario) -> None:
    world.add("ada@example.org", "quantum")
    world.add("bob@example.org", "quantum", "circuits", confirmed=False)
    cyd = world.add("cyd@example.org", "circuits")
    unsubscribe.unsubscribe(world.connection, subscriber_id=cyd.person.id, how="web", now=NOON)
    world.add("dan@example.org", "circuits")
    suppression.suppress(
        world.connection, address="dan@example.org", reason="complaint", how="complaint", now=NOON, key=KEY
    )
    eve = world.add("eve@example.org")
    suppression.forget(world.connection, subscriber_id=eve.person.id, how="web", now=NOON, key=KEY)


def addresses(world: SubscriberScenario, state: str | None = None, topic: str | None = None) -> list[str]:
    return [person.address[:3] for person in queries.listed(world.connection, state=state, topic=topic)]


def test_listed_shows_everybody_but_the_erased_and_filters(world: SubscriberScenario) -> None:
    populate(world)
    assert addresses(world) == ["ada", "bob", "cyd", "dan"]
    assert addresses(world, state="pending") == ["bob"]
    assert addresses(world, state="suppressed") == ["dan"]
    assert addresses(world, topic="quantum") == ["ada", "bob"]
    assert addresses(world, topic="circuits") == ["bob"]
    assert addresses(world, state="confirmed", topic="circuits") == []


@pytest.mark.parametrize("state", ["erased", "gone", ""])
def test_listed_refuses_a_state_that_is_none(world: SubscriberScenario, state: str) -> None:
    with pytest.raises(SubscriberError, match="There are pending, confirmed, unsubscribed, suppressed"):
        queries.listed(world.connection, state=state)


def test_listed_goes_on_over_pages(world: SubscriberScenario) -> None:
    for number in range(PAGE + 3):
        world.add(f"reader{number}@example.org", "quantum")
    found = [person.address for person in queries.listed(world.connection)]
    assert found == [f"reader{number}@example.org" for number in range(PAGE + 3)]


def test_find_knows_any_spelling_and_pending_people(world: SubscriberScenario) -> None:
    added = world.add("Ada@bücher.example", "quantum", confirmed=False)
    assert queries.find(world.connection, "ADA@xn--bcher-kva.EXAMPLE") == added.person
    assert queries.find(world.connection, "bob@example.org") is None


def test_require_names_who_is_unknown(world: SubscriberScenario) -> None:
    with pytest.raises(UnknownAddressError, match=r"nobody has the address ada@example\.org"):
        queries.require(world.connection, "ada@EXAMPLE.org")


def test_people_are_found_by_the_ids_in_links(world: SubscriberScenario) -> None:
    added = world.add("ada@example.org")
    assert queries.by_ref(world.connection, added.person.ref) == added.person
    assert queries.by_leave_id(world.connection, added.person.leave_id) == added.person
    assert queries.by_ref(world.connection, added.person.leave_id) is None
    assert queries.by_leave_id(world.connection, "") is None


def test_counts_tell_states_and_topics_of_confirmed_people(world: SubscriberScenario) -> None:
    populate(world)
    assert queries.counts(world.connection) == {
        "states": {"pending": 1, "confirmed": 1, "unsubscribed": 1, "suppressed": 1, "erased": 1},
        "topics": {"quantum": 1},
    }
