"""Change of address: the new one agrees first; topics, preferences and history stay the reader's."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from subscribers import queries
from subscribers.errors import SubscriberError
from subscribers.lifecycle import address_change, signup, suppression, unsubscribe
from subscribers.lifecycle.signup import SignupResult
from subscribers.queries import SubscriberView
from tests.subscribers.conftest import KEY, TOPICS, SubscriberScenario, later


def asking(
    world: SubscriberScenario, added: SignupResult, address: str, known: Sequence[str] = TOPICS
) -> SubscriberView | None:
    return address_change.ask(
        world.connection,
        subscriber_id=added.person.id,
        address=address,
        known_topics=known,
        now=later(1),
        suppression_key=KEY,
    )


def moved(
    world: SubscriberScenario, ada: SignupResult, newcomer: SubscriberView
) -> tuple[SubscriberView, bool]:
    return address_change.move(
        world.connection, ref=ada.person.ref, to_ref=newcomer.ref, now=later(2), suppression_key=KEY
    )


def test_a_reader_moves_once_the_new_address_agrees(world: SubscriberScenario) -> None:
    ada = world.add("ada@example.org", "circuits", hour=9, name="Ada")
    newcomer = asking(world, ada, "Ada.L@New.example")
    assert newcomer is not None
    assert newcomer.state == "pending"
    assert world.person(ada).address == "ada@example.org"
    after, done = moved(world, ada, newcomer)
    assert (done, after.id, after.address, after.topics, after.name, after.preferences.hour) == (
        True,
        ada.person.id,
        "Ada.L@new.example",
        ("circuits",),
        "Ada",
        9,
    )
    assert queries.find(world.connection, "ada@example.org") is None
    found = queries.find(world.connection, "ada.l@new.example")
    assert found is not None
    assert found.id == ada.person.id
    assert world.events(ada)[-1] == ("moved", [])


def test_a_repeat_of_the_move_changes_nothing(world: SubscriberScenario) -> None:
    ada = world.add("ada@example.org", "circuits")
    newcomer = asking(world, ada, "ada@new.example")
    assert newcomer is not None
    after, _ = moved(world, ada, newcomer)
    assert moved(world, ada, newcomer) == (after, False)
    assert address_change.has_moved(world.connection, after, newcomer.ref)
    assert not address_change.has_moved(world.connection, after, "another")


def test_an_address_that_somebody_has_or_that_is_suppressed_is_not_asked(world: SubscriberScenario) -> None:
    ada = world.add("ada@example.org", "circuits")
    world.add("grace@example.org", "quantum")
    suppression.suppress(
        world.connection,
        address="no@example.org",
        reason="complaint",
        how="complaint",
        now=later(0),
        key=KEY,
    )
    assert asking(world, ada, "grace@example.org") is None
    assert asking(world, ada, "no@example.org") is None


def test_who_signed_up_by_themselves_meanwhile_keeps_their_address(world: SubscriberScenario) -> None:
    ada = world.add("ada@example.org", "circuits")
    newcomer = asking(world, ada, "ada@new.example")
    assert newcomer is not None
    signup.confirm(world.connection, subscriber_id=newcomer.id, how="web", now=later(1), suppression_key=KEY)
    with pytest.raises(SubscriberError, match="no change of address"):
        moved(world, ada, newcomer)


def test_a_reader_who_has_left_moves_nowhere(world: SubscriberScenario) -> None:
    ada = world.add("ada@example.org", "circuits")
    newcomer = asking(world, ada, "ada@new.example")
    assert newcomer is not None
    unsubscribe.unsubscribe(world.connection, subscriber_id=ada.person.id, how="web", now=later(1))
    with pytest.raises(SubscriberError, match="no change of address"):
        moved(world, ada, newcomer)
    with pytest.raises(SubscriberError, match="gets no mail now"):
        asking(world, ada, "ada@newer.example")


def test_the_new_address_of_an_erased_person_is_theirs_to_use_again(world: SubscriberScenario) -> None:
    old = world.add("ada@new.example", "circuits")
    suppression.forget(world.connection, subscriber_id=old.person.id, how="web", now=later(0), key=KEY)
    ada = world.add("ada@example.org", "circuits")
    newcomer = asking(world, ada, "ada@new.example")
    assert newcomer is not None
    after, done = moved(world, ada, newcomer)
    assert (done, after.address) == (True, "ada@new.example")
    key = "ada@new.example"
    assert suppression.in_force(world.connection, [key], key=KEY) == {}


def test_a_repeat_of_a_move_to_an_address_that_was_somebodys_once_changes_nothing(
    world: SubscriberScenario,
) -> None:
    old = world.add("ada@new.example", "quantum")
    unsubscribe.unsubscribe(world.connection, subscriber_id=old.person.id, how="web", now=later(1))
    ada = world.add("ada@example.org", "circuits")
    newcomer = asking(world, ada, "ada@new.example")
    assert newcomer is not None
    after, _ = moved(world, ada, newcomer)
    assert moved(world, ada, newcomer) == (after, False)


def test_erasure_takes_the_address_that_was_asked_with_it_unless_its_owner_asked_too(
    world: SubscriberScenario,
) -> None:
    ada = world.add("ada@example.org", "circuits")
    ida = world.add("ida@example.org", "circuits")
    only, both, others = (f"{name}@new.example" for name in ("only", "both", "others"))
    world.add(both, "quantum", confirmed=False, how="web")
    for address in (only, both):
        assert asking(world, ada, address) is not None
    assert asking(world, ida, others) is not None
    suppression.forget(world.connection, subscriber_id=ada.person.id, how="web", now=later(2), key=KEY)
    assert queries.find(world.connection, only) is None
    for address in (both, others):
        found = queries.find(world.connection, address)
        assert found is not None
        assert found.state == "pending"
