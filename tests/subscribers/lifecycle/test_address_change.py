"""Change of address: the new one confirms first; the reader keeps topics, preferences and history."""

from __future__ import annotations

import pytest

from subscribers import queries
from subscribers.errors import SubscriberError
from subscribers.lifecycle import address_change, suppression, unsubscribe
from subscribers.lifecycle.signup import SignupResult
from subscribers.queries import SubscriberView
from tests.subscribers.conftest import KEY, SubscriberScenario, later


def ask_change(scenario: SubscriberScenario, added: SignupResult, address: str) -> SubscriberView | None:
    return address_change.ask(
        scenario.connection,
        subscriber_id=added.person.id,
        address=address,
        now=later(1),
        suppression_key=KEY,
    )


def change_address(
    scenario: SubscriberScenario, ada: SignupResult, newcomer: SubscriberView
) -> tuple[SubscriberView, bool]:
    return address_change.move(
        scenario.connection, ref=ada.person.ref, to_ref=newcomer.ref, now=later(2), suppression_key=KEY
    )


def test_a_reader_moves_once_the_new_address_agrees(scenario: SubscriberScenario) -> None:
    ada = scenario.add("ada@example.org", "circuits", hour=9, name="Ada")
    newcomer = ask_change(scenario, ada, "Ada.L@New.example")
    assert newcomer is not None
    assert newcomer.state == "pending"
    assert scenario.person(ada).address == "ada@example.org"
    after, done = change_address(scenario, ada, newcomer)
    assert (done, after.id, after.address, after.topics, after.name, after.preferences.hour) == (
        True,
        ada.person.id,
        "Ada.L@new.example",
        ("circuits",),
        "Ada",
        9,
    )
    assert queries.find(scenario.connection, "ada@example.org") is None
    found = queries.find(scenario.connection, "ada.l@new.example")
    assert found is not None
    assert found.id == ada.person.id
    assert scenario.events(ada)[-1] == ("moved", [])


def test_a_repeated_address_change_changes_nothing(scenario: SubscriberScenario) -> None:
    ada = scenario.add("ada@example.org", "circuits")
    newcomer = ask_change(scenario, ada, "ada@new.example")
    assert newcomer is not None
    after, _ = change_address(scenario, ada, newcomer)
    assert change_address(scenario, ada, newcomer) == (after, False)
    assert address_change.moved_from(scenario.connection, ada.person.ref, newcomer.ref) == after
    assert address_change.moved_from(scenario.connection, ada.person.ref, "another") is None
    assert address_change.moved_from(scenario.connection, "another", newcomer.ref) is None


def test_an_address_in_use_or_suppressed_is_not_asked(
    scenario: SubscriberScenario,
) -> None:
    ada = scenario.add("ada@example.org", "circuits")
    scenario.add("grace@example.org", "quantum")
    suppression.suppress(
        scenario.connection,
        address="no@example.org",
        reason="complaint",
        how="complaint",
        now=later(0),
        key=KEY,
    )
    assert ask_change(scenario, ada, "grace@example.org") is None
    assert ask_change(scenario, ada, "no@example.org") is None


def test_a_person_who_signed_up_meanwhile_keeps_their_address(scenario: SubscriberScenario) -> None:
    ada = scenario.add("ada@example.org", "circuits")
    newcomer = ask_change(scenario, ada, "ada@new.example")
    assert newcomer is not None
    own = scenario.add("ada@new.example", "quantum", confirmed=False, how="web", now=later(1))
    scenario.confirm(own, now=later(1))
    with pytest.raises(SubscriberError, match="no change of address"):
        change_address(scenario, ada, newcomer)


def test_a_reader_who_left_cannot_change_the_address(scenario: SubscriberScenario) -> None:
    ada = scenario.add("ada@example.org", "circuits")
    newcomer = ask_change(scenario, ada, "ada@new.example")
    assert newcomer is not None
    unsubscribe.unsubscribe(scenario.connection, subscriber_id=ada.person.id, how="web", now=later(1))
    with pytest.raises(SubscriberError, match="no change of address"):
        change_address(scenario, ada, newcomer)
    with pytest.raises(SubscriberError, match="gets no mail now"):
        ask_change(scenario, ada, "ada@newer.example")


def test_an_erased_address_can_be_used_for_an_address_change(scenario: SubscriberScenario) -> None:
    old = scenario.add("ada@new.example", "circuits")
    suppression.forget(scenario.connection, subscriber_id=old.person.id, how="web", now=later(0), key=KEY)
    ada = scenario.add("ada@example.org", "circuits")
    newcomer = ask_change(scenario, ada, "ada@new.example")
    assert newcomer is not None
    after, done = change_address(scenario, ada, newcomer)
    assert (done, after.address) == (True, "ada@new.example")
    key = "ada@new.example"
    assert suppression.in_force(scenario.connection, [key], key=KEY) == {}


def test_a_repeated_change_to_an_earlier_readers_address_changes_nothing(
    scenario: SubscriberScenario,
) -> None:
    old = scenario.add("ada@new.example", "quantum")
    unsubscribe.unsubscribe(scenario.connection, subscriber_id=old.person.id, how="web", now=later(1))
    ada = scenario.add("ada@example.org", "circuits")
    newcomer = ask_change(scenario, ada, "ada@new.example")
    assert newcomer is not None
    after, _ = change_address(scenario, ada, newcomer)
    assert change_address(scenario, ada, newcomer) == (after, False)


def test_erasure_deletes_a_pending_new_address_unless_its_owner_signed_up(
    scenario: SubscriberScenario,
) -> None:
    ada = scenario.add("ada@example.org", "circuits")
    ida = scenario.add("ida@example.org", "circuits")
    only, both, others = (f"{name}@new.example" for name in ("only", "both", "others"))
    scenario.add(both, "quantum", confirmed=False, how="web")
    for address in (only, both):
        assert ask_change(scenario, ada, address) is not None
    assert ask_change(scenario, ida, others) is not None
    suppression.forget(scenario.connection, subscriber_id=ada.person.id, how="web", now=later(2), key=KEY)
    assert queries.find(scenario.connection, only) is None
    for address in (both, others):
        found = queries.find(scenario.connection, address)
        assert found is not None
        assert found.state == "pending"
