"""Suppression beats every state, can be lifted, and survives erasure as a keyed hash."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from subscribers import queries
from subscribers.audience import following, mailable, reachable
from subscribers.errors import SubscriberError, SuppressedError
from subscribers.lifecycle import suppression, unsubscribe
from subscribers.preferences import Preferences
from subscribers.queries import State, SubscriberView, subscribers
from subscribers.suppression_key import hashed, suppressions
from subscribers.tables import ConsentEvent
from tests.subscribers.conftest import KEY, NOON, SubscriberScenario, later

pytestmark = pytest.mark.dialects


def suppress(
    scenario: SubscriberScenario, address: str, day: int = 1, reason: str = "bounce"
) -> SubscriberView | None:
    return suppression.suppress(
        scenario.connection, address=address, reason=reason, how="bounce", now=later(day), key=KEY
    )


def unsuppress(scenario: SubscriberScenario, address: str, day: int = 2) -> SubscriberView | None:
    return suppression.unsuppress(scenario.connection, address=address, how="admin", now=later(day), key=KEY)


def forget(scenario: SubscriberScenario, person: SubscriberView, day: int = 1) -> SubscriberView:
    return suppression.forget(
        scenario.connection, subscriber_id=person.id, how="web", now=later(day), key=KEY
    )


def test_suppress_ends_all_mail_and_a_repeat_changes_nothing(scenario: SubscriberScenario) -> None:
    added = scenario.add("ada@example.org", "quantum")
    gone = suppress(scenario, "ADA@example.org")
    assert gone is not None
    assert (gone.state, gone.topics, gone.version) == (State.SUPPRESSED, (), 2)
    assert suppress(scenario, "ada@example.org", day=2) == gone
    assert scenario.connection.execute(mailable()).all() == []
    assert scenario.connection.execute(reachable()).all() == []
    assert [row.until for row in scenario.connection.execute(following())] == [later(1)]
    assert scenario.events(added)[1:] == [("suppressed", ["quantum"])]


def test_suppress_of_an_unknown_address_keeps_only_a_hash(scenario: SubscriberScenario) -> None:
    assert suppress(scenario, "eve@example.org") is None
    assert scenario.connection.execute(select(subscribers)).all() == []
    (row,) = scenario.connection.execute(select(suppressions)).all()
    assert row.address_hash == hashed("eve@example.org", KEY)
    assert "eve" not in str(row)
    with pytest.raises(SuppressedError):
        scenario.add("eve@example.org")


def test_suppress_refuses_an_unknown_reason(scenario: SubscriberScenario) -> None:
    with pytest.raises(SubscriberError, match="no reason 'whim'"):
        suppress(scenario, "ada@example.org", reason="whim")


def test_unsuppress_restores_a_confirmed_person_from_now(scenario: SubscriberScenario) -> None:
    added = scenario.add("ada@example.org", "quantum")
    suppress(scenario, "ada@example.org")
    back = unsuppress(scenario, "ada@example.org")
    assert back is not None
    assert (back.state, back.topics, back.slots_done_to) == (State.CONFIRMED, ("quantum",), later(2))
    assert [(row.since, row.until) for row in scenario.connection.execute(following().order_by("since"))] == [
        (NOON, later(1)),
        (later(2), None),
    ]
    assert scenario.events(added)[2:] == [("unsuppressed", ["quantum"])]
    assert scenario.connection.execute(select(suppressions.c.lifted_how)).scalars().all() == ["admin"]


def test_unsuppress_restores_a_pending_or_unsubscribed_person(scenario: SubscriberScenario) -> None:
    scenario.add("ada@example.org", "quantum", confirmed=False)
    suppress(scenario, "ada@example.org")
    back = unsuppress(scenario, "ada@example.org")
    assert back is not None
    assert (back.state, back.topics) == (State.PENDING, ("quantum",))
    bob = scenario.add("bob@example.org", "quantum").person
    unsubscribe.unsubscribe(scenario.connection, subscriber_id=bob.id, how="web", now=NOON)
    suppress(scenario, "bob@example.org")
    back = unsuppress(scenario, "bob@example.org")
    assert back is not None
    assert (back.state, back.topics) == (State.UNSUBSCRIBED, ())


def test_unsuppress_respects_an_unsubscription_in_the_meantime(scenario: SubscriberScenario) -> None:
    for address, confirmed in (("ada@example.org", True), ("bob@example.org", False)):
        person = scenario.add(address, "quantum", confirmed=confirmed).person
        suppress(scenario, address)
        for _ in range(2):
            unsubscribe.unsubscribe(
                scenario.connection, subscriber_id=person.id, how="one-click", now=later(1)
            )
        back = unsuppress(scenario, address)
        assert back is not None
        assert (back.state, back.topics) == (State.UNSUBSCRIBED, ())
        assert [event for event, _ in scenario.events(scenario.add(address, confirmed=False))].count(
            "unsubscribed"
        ) == 1


def test_unsuppress_refuses_an_address_that_is_not_suppressed(scenario: SubscriberScenario) -> None:
    scenario.add("ada@example.org")
    with pytest.raises(SubscriberError, match=r"ada@example.org is not suppressed"):
        unsuppress(scenario, "ada@example.org")


def test_forget_empties_the_personal_columns_and_keeps_the_events(scenario: SubscriberScenario) -> None:
    added = scenario.add(
        "Ada Lovelace <ada@example.org>", "quantum", hour=9, timezone="Europe/Berlin", minimum=2
    )
    erased = forget(scenario, added.person)
    assert (erased.address, erased.name, erased.state, erased.topics) == ("", "", State.ERASED, ())
    assert erased.preferences == Preferences()
    assert forget(scenario, added.person, day=2) == erased
    assert scenario.events(added) == [("confirmed", ["quantum"]), ("erased", ["quantum"])]
    for table in (subscribers, suppressions, ConsentEvent.__table__):  # type: ignore[attr-defined]
        dumped = str(scenario.connection.execute(select(table)).all()).lower()
        assert "ada" not in dumped
        assert "lovelace" not in dumped
    assert list(queries.listed(scenario.connection)) == []
    assert queries.find(scenario.connection, "ada@example.org") is None


def test_erased_people_come_back_only_by_their_own_confirmed_sign_up(scenario: SubscriberScenario) -> None:
    forget(scenario, scenario.add("ada@example.org", "quantum").person)
    with pytest.raises(SuppressedError) as caught:
        scenario.add("ada@example.org", "quantum")
    assert caught.value.reason == "erased"
    assert caught.value.hint == "Only their own confirmed sign-up brings them back."
    with pytest.raises(SuppressedError):
        unsuppress(scenario, "ada@example.org")
    asked = scenario.add("ada@example.org", "circuits", confirmed=False, how="web", now=later(2))
    assert asked.what == "added"
    with pytest.raises(SuppressedError):  # an unconfirmed request lifts nothing
        scenario.add("ada@example.org", "quantum", now=later(2))
    assert scenario.confirm(asked, now=later(3)).state is State.CONFIRMED
    assert scenario.add("ada@example.org", "quantum", now=later(4)).what == "updated"


def test_a_bounce_beats_the_return_of_an_erased_person(scenario: SubscriberScenario) -> None:
    suppress(scenario, "ada@example.org")
    with pytest.raises(SuppressedError):
        scenario.add("ada@example.org", confirmed=False, how="web")


def test_another_key_recognises_no_address(scenario: SubscriberScenario) -> None:
    suppress(scenario, "ada@example.org")
    assert suppression.in_force(scenario.connection, ["ada@example.org"], key=b"another") == {}
    assert list(suppression.in_force(scenario.connection, ["ada@example.org"], key=KEY)) == [
        "ada@example.org"
    ]
