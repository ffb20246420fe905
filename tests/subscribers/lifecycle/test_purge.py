"""The purge deletes people who never confirmed and keeps people who ever consented."""

from __future__ import annotations

from datetime import timedelta

import pytest

from subscribers import consent, queries
from subscribers.errors import UnknownAddressError
from subscribers.lifecycle import unsubscribe
from subscribers.lifecycle.purge import KEEP_UNCONFIRMED, purge
from subscribers.preferences import Preferences
from tests.subscribers.conftest import NOON, SubscriberScenario, later

pytestmark = pytest.mark.dialects

LATE = NOON + KEEP_UNCONFIRMED + timedelta(seconds=1)


def test_people_who_never_confirmed_are_deleted_after_seven_days(scenario: SubscriberScenario) -> None:
    ada = scenario.add("ada@example.org", "circuits", confirmed=False, how="web")
    assert len(purge(scenario.connection, now=NOON + KEEP_UNCONFIRMED)) == 0
    assert len(purge(scenario.connection, now=LATE)) == 1
    assert queries.find(scenario.connection, "ada@example.org") is None
    assert consent.history(scenario.connection, ada.person.id) == []
    assert queries.by_ref(scenario.connection, ada.person.ref) is None
    assert queries.by_leave_id(scenario.connection, ada.person.leave_id) is None
    # The last row stays, so that its id is not reused; any other is deleted.
    left = queries.by_id(scenario.connection, ada.person.id)
    assert (left.state, left.address, left.name, left.topics, left.preferences) == (
        "erased",
        "",
        "",
        (),
        Preferences(),
    )


def test_the_id_of_a_purged_person_is_not_reused(scenario: SubscriberScenario) -> None:
    """Deliveries refer to a person only by the id."""
    first = scenario.add("ada@example.org", confirmed=False, how="web", hour=9)
    last = scenario.add("bob@example.org", confirmed=False, how="web", hour=9)
    assert len(purge(scenario.connection, now=LATE)) == 2
    assert scenario.add("cyd@example.org").person.id > last.person.id
    with pytest.raises(UnknownAddressError):
        queries.by_id(scenario.connection, first.person.id)


def test_another_request_gives_seven_more_days(scenario: SubscriberScenario) -> None:
    scenario.add("ada@example.org", "circuits", confirmed=False, how="web")
    scenario.add("ada@example.org", "quantum", confirmed=False, how="web", now=later(3))
    assert len(purge(scenario.connection, now=LATE)) == 0
    assert len(purge(scenario.connection, now=LATE + timedelta(days=3))) == 1


def test_imported_people_who_were_never_asked_stay(scenario: SubscriberScenario) -> None:
    scenario.add("ada@example.org", "circuits", confirmed=False, how="import")
    assert len(purge(scenario.connection, now=LATE)) == 0


def test_confirmed_people_stay(scenario: SubscriberScenario) -> None:
    scenario.add("ada@example.org", "circuits")
    assert len(purge(scenario.connection, now=LATE)) == 0


def test_a_person_who_left_and_was_asked_back_is_unsubscribed_as_before(scenario: SubscriberScenario) -> None:
    ada = scenario.add("ada@example.org", "circuits")
    unsubscribe.unsubscribe(scenario.connection, subscriber_id=ada.person.id, how="web", now=NOON)
    back = scenario.add("ada@example.org", "circuits", confirmed=False, how="web")
    assert back.person.state == "pending"
    assert len(purge(scenario.connection, now=LATE)) == 1
    after = scenario.person(ada)
    assert (after.state, after.topics) == ("unsubscribed", ())
    assert scenario.events(ada)[-1] == ("unsubscribed", ["circuits"])
    again = unsubscribe.undo(scenario.connection, subscriber_id=ada.person.id, how="web", now=LATE)
    assert (again.state, again.topics) == ("confirmed", ("circuits",))
