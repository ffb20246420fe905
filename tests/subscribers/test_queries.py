"""Finding, listing and counting people."""

from __future__ import annotations

import pytest

from subscribers import queries
from subscribers.errors import SubscriberError, UnknownAddressError
from subscribers.lifecycle import suppression, unsubscribe
from subscribers.queries import PEOPLE_PER_PAGE
from tests.subscribers.conftest import KEY, NOON, SubscriberScenario


def populate(scenario: SubscriberScenario) -> None:
    scenario.add("ada@example.org", "quantum")
    scenario.add("bob@example.org", "quantum", "circuits", confirmed=False)
    cyd = scenario.add("cyd@example.org", "circuits")
    unsubscribe.unsubscribe(scenario.connection, subscriber_id=cyd.person.id, how="web", now=NOON)
    scenario.add("dan@example.org", "circuits")
    suppression.suppress(
        scenario.connection, address="dan@example.org", reason="complaint", how="complaint", now=NOON, key=KEY
    )
    eve = scenario.add("eve@example.org")
    suppression.forget(scenario.connection, subscriber_id=eve.person.id, how="web", now=NOON, key=KEY)


def addresses(scenario: SubscriberScenario, state: str | None = None, topic: str | None = None) -> list[str]:
    return [person.address[:3] for person in queries.listed(scenario.connection, state=state, topic=topic)]


def test_listed_shows_all_but_erased_people_and_filters(scenario: SubscriberScenario) -> None:
    populate(scenario)
    assert addresses(scenario) == ["ada", "bob", "cyd", "dan"]
    assert addresses(scenario, state="pending") == ["bob"]
    assert addresses(scenario, state="suppressed") == ["dan"]
    assert addresses(scenario, topic="quantum") == ["ada", "bob"]
    assert addresses(scenario, topic="circuits") == ["bob"]
    assert addresses(scenario, state="confirmed", topic="circuits") == []


@pytest.mark.parametrize("state", ["erased", "gone", ""])
def test_listed_refuses_an_unknown_state(scenario: SubscriberScenario, state: str) -> None:
    with pytest.raises(SubscriberError, match="There are pending, confirmed, unsubscribed, suppressed"):
        queries.listed(scenario.connection, state=state)


def test_listed_goes_on_over_pages(scenario: SubscriberScenario) -> None:
    for number in range(PEOPLE_PER_PAGE + 3):
        scenario.add(f"reader{number}@example.org", "quantum")
    found = [person.address for person in queries.listed(scenario.connection)]
    assert found == [f"reader{number}@example.org" for number in range(PEOPLE_PER_PAGE + 3)]


def test_find_knows_any_spelling_and_pending_people(scenario: SubscriberScenario) -> None:
    added = scenario.add("Ada@bücher.example", "quantum", confirmed=False)
    assert queries.find(scenario.connection, "ADA@xn--bcher-kva.EXAMPLE") == added.person
    assert queries.find(scenario.connection, "bob@example.org") is None


def test_require_names_the_unknown_address(scenario: SubscriberScenario) -> None:
    with pytest.raises(UnknownAddressError, match=r"nobody has the address ada@example\.org"):
        queries.require(scenario.connection, "ada@EXAMPLE.org")


def test_people_are_found_by_the_ids_in_links(scenario: SubscriberScenario) -> None:
    added = scenario.add("ada@example.org")
    assert queries.by_ref(scenario.connection, added.person.ref) == added.person
    assert queries.by_leave_id(scenario.connection, added.person.leave_id) == added.person
    assert queries.by_ref(scenario.connection, added.person.leave_id) is None
    assert queries.by_leave_id(scenario.connection, "") is None


def test_counts_tell_states_and_topics_of_confirmed_people(scenario: SubscriberScenario) -> None:
    populate(scenario)
    assert queries.counts(scenario.connection) == {
        "states": {"pending": 1, "confirmed": 1, "unsubscribed": 1, "suppressed": 1, "erased": 1},
        "topics": {"quantum": 1},
    }
