"""Changes by a signed link: exactly the chosen topics are followed, and each change is in the ledger."""

from __future__ import annotations

import pytest

from subscribers.errors import PreferenceError, SubscriberError, UnknownTopicError
from subscribers.lifecycle import unsubscribe
from subscribers.lifecycle.signup import SignupResult
from subscribers.lifecycle.update import choose
from subscribers.preferences import ANY_NUMBER, Preferences
from subscribers.queries import SubscriberView
from tests.subscribers.conftest import TOPICS, SubscriberScenario, later


def choosing(
    scenario: SubscriberScenario, added: SignupResult, *topics: str, **given: object
) -> SubscriberView:
    return choose(
        scenario.connection,
        subscriber_id=added.person.id,
        topics_wanted=topics,
        known_topics=TOPICS,
        given=given,
        how="web",
        now=later(1),
        defaults=Preferences(),
    )


def test_exactly_the_chosen_topics_are_followed_from_now_on(scenario: SubscriberScenario) -> None:
    ada = scenario.add("ada@example.org", "circuits", "quantum")
    after = choosing(scenario, ada, "quantum", "everything")
    assert (after.topics, after.left) == (("everything", "quantum"), ("circuits",))
    assert scenario.events(ada)[1:] == [("followed", ["everything"]), ("left", ["circuits"])]


def test_preferences_change_with_the_topics(scenario: SubscriberScenario) -> None:
    ada = scenario.add("ada@example.org", "circuits", maximum=5)
    after = choosing(scenario, ada, "circuits", cadence="weekly", weekday="friday", maximum=ANY_NUMBER)
    assert after.preferences == Preferences(cadence="weekly", weekday="friday", maximum=None)
    assert after.slots_done_to == later(1)


def test_the_same_choice_again_records_nothing(scenario: SubscriberScenario) -> None:
    ada = scenario.add("ada@example.org", "circuits")
    before = scenario.person(ada)
    assert choosing(scenario, ada, "circuits", hour="7") == before


def test_choosing_no_topic_is_an_error_and_not_an_unsubscription(scenario: SubscriberScenario) -> None:
    ada = scenario.add("ada@example.org", "circuits")
    with pytest.raises(PreferenceError) as error:
        choosing(scenario, ada)
    assert error.value.field == "topics"
    with pytest.raises(UnknownTopicError):
        choosing(scenario, ada, "cooking")
    assert scenario.person(ada).topics == ("circuits",)


def test_a_topic_that_is_no_longer_defined_stays_followed(scenario: SubscriberScenario) -> None:
    ada = scenario.add("ada@example.org", "circuits", "quantum")
    after = choose(
        scenario.connection,
        subscriber_id=ada.person.id,
        topics_wanted=["everything"],
        known_topics=("circuits", "everything"),
        given={},
        how="web",
        now=later(1),
        defaults=Preferences(),
    )
    assert after.topics == ("everything", "quantum")


@pytest.mark.parametrize("gone", ["pending", "unsubscribed"])
def test_only_a_confirmed_reader_chooses(scenario: SubscriberScenario, gone: str) -> None:
    ada = scenario.add("ada@example.org", "circuits", confirmed=gone != "pending")
    if gone == "unsubscribed":
        unsubscribe.unsubscribe(scenario.connection, subscriber_id=ada.person.id, how="web", now=later(1))
    with pytest.raises(SubscriberError, match="gets no mail now"):
        choosing(scenario, ada, "quantum")
