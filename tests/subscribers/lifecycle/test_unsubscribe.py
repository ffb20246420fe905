"""Unsubscribing, its undo, and pauses."""

from __future__ import annotations

import pytest

from subscribers.audience import following
from subscribers.errors import SubscriberError, UnknownTopicError
from subscribers.lifecycle import unsubscribe
from subscribers.queries import State, SubscriberView
from tests.subscribers.conftest import NOON, SubscriberScenario, later


def leave(scenario: SubscriberScenario, person: SubscriberView, day: int, *topics: str) -> SubscriberView:
    return unsubscribe.unsubscribe(
        scenario.connection, subscriber_id=person.id, topics=topics or None, how="one-click", now=later(day)
    )


def test_unsubscribe_leaves_everything_and_a_repeat_changes_nothing(scenario: SubscriberScenario) -> None:
    added = scenario.add("ada@example.org", "quantum", "circuits")
    left = leave(scenario, added.person, 1)
    assert (left.state, left.topics, left.left) == (State.UNSUBSCRIBED, (), ("circuits", "quantum"))
    assert left.version == added.person.version + 1
    assert leave(scenario, added.person, 2) == left
    assert scenario.events(added)[1:] == [("unsubscribed", ["circuits", "quantum"])]
    assert {row.until for row in scenario.connection.execute(following())} == {later(1)}


def test_unsubscribe_leaves_one_topic(scenario: SubscriberScenario) -> None:
    added = scenario.add("ada@example.org", "quantum", "circuits")
    left = leave(scenario, added.person, 1, "quantum")
    assert (left.state, left.topics, left.version) == (State.CONFIRMED, ("circuits",), 2)
    assert leave(scenario, added.person, 2, "quantum") == left
    assert scenario.events(added)[1:] == [("left", ["quantum"])]


def test_unsubscribe_from_the_last_topic_leaves_everything(scenario: SubscriberScenario) -> None:
    added = scenario.add("ada@example.org", "quantum")
    assert leave(scenario, added.person, 1, "quantum").state is State.UNSUBSCRIBED


def test_unsubscribe_refuses_a_topic_that_was_never_followed(scenario: SubscriberScenario) -> None:
    added = scenario.add("ada@example.org", "quantum")
    with pytest.raises(UnknownTopicError) as caught:
        leave(scenario, added.person, 1, "circuits")
    assert str(caught.value) == "'circuits' was never followed\nFollowed now: quantum."


def test_unsubscribe_of_a_pending_person_ends_the_request(scenario: SubscriberScenario) -> None:
    added = scenario.add("ada@example.org", "quantum", confirmed=False)
    left = leave(scenario, added.person, 1)
    assert (left.state, left.topics) == (State.UNSUBSCRIBED, ())
    assert list(scenario.connection.execute(following())) == []


def test_undo_follows_the_same_topics_from_now(scenario: SubscriberScenario) -> None:
    added = scenario.add("ada@example.org", "quantum", "circuits")
    leave(scenario, added.person, 1)
    back = unsubscribe.undo(scenario.connection, subscriber_id=added.person.id, how="web", now=later(2))
    assert (back.state, back.topics, back.slots_done_to) == (
        State.CONFIRMED,
        ("circuits", "quantum"),
        later(2),
    )
    assert (
        unsubscribe.undo(scenario.connection, subscriber_id=added.person.id, how="web", now=later(3)) == back
    )
    assert scenario.events(added)[2:] == [("came back", ["circuits", "quantum"])]


def test_undo_of_one_topic_leaves_the_slots(scenario: SubscriberScenario) -> None:
    added = scenario.add("ada@example.org", "quantum", "circuits")
    leave(scenario, added.person, 1, "quantum")
    back = unsubscribe.undo(scenario.connection, subscriber_id=added.person.id, how="web", now=later(2))
    assert (back.topics, back.slots_done_to) == (("circuits", "quantum"), NOON)
    assert scenario.events(added)[2:] == [("followed", ["quantum"])]


def test_undo_of_nothing_is_refused(scenario: SubscriberScenario) -> None:
    added = scenario.add("ada@example.org", "quantum")
    with pytest.raises(SubscriberError, match="no leaving to take back"):
        unsubscribe.undo(scenario.connection, subscriber_id=added.person.id, how="web", now=later(1))


def test_undo_after_a_new_consent_brings_nothing_of_the_old_one_back(scenario: SubscriberScenario) -> None:
    added = scenario.add("ada@example.org", "quantum", "circuits")
    leave(scenario, added.person, 1)
    scenario.add("ada@example.org", "everything", now=later(2))
    with pytest.raises(SubscriberError, match="no leaving to take back"):
        unsubscribe.undo(scenario.connection, subscriber_id=added.person.id, how="web", now=later(3))
    assert scenario.person(added).topics == ("everything",)


def test_undo_of_a_request_that_was_never_confirmed_confirms_nothing(scenario: SubscriberScenario) -> None:
    added = scenario.add("ada@example.org", "quantum", confirmed=False)
    leave(scenario, added.person, 1)
    back = unsubscribe.undo(scenario.connection, subscriber_id=added.person.id, how="web", now=later(2))
    assert (back.state, back.topics) == (State.PENDING, ("quantum",))
    assert list(scenario.connection.execute(following())) == []


def test_pause_ends_at_its_date_or_when_ended(scenario: SubscriberScenario) -> None:
    added = scenario.add("ada@example.org", "quantum")

    def pause(day: int | None, now: int) -> SubscriberView:
        until = None if day is None else later(day)
        return unsubscribe.pause(
            scenario.connection, subscriber_id=added.person.id, until=until, how="web", now=later(now)
        )

    paused = pause(10, now=1)
    assert (paused.paused_until, paused.version) == (later(10), 2)
    assert pause(10, now=2) == paused
    assert pause(None, now=3).paused_until is None
    assert scenario.events(added)[1:] == [("paused", []), ("resumed", [])]
    with pytest.raises(SubscriberError, match="cannot end in the past"):
        pause(1, now=1)


def test_a_request_by_a_stranger_does_not_prevent_an_undo(scenario: SubscriberScenario) -> None:
    ada = scenario.add("ada@example.org", "circuits", "quantum", name="Ada")
    unsubscribe.unsubscribe(scenario.connection, subscriber_id=ada.person.id, how="web", now=later(1))
    typed = scenario.add(
        "ada@example.org", "circuits", "everything", confirmed=False, how="web", now=later(2), name="Spam"
    )
    assert (typed.person.state, typed.person.name) == ("pending", "Ada")
    back = unsubscribe.undo(scenario.connection, subscriber_id=ada.person.id, how="web", now=later(3))
    assert (back.state, back.topics) == ("confirmed", ("circuits", "quantum"))
    assert len([row for row in scenario.connection.execute(following()) if row.until is None]) == 2
