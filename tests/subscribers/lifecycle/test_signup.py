"""Sign-ups: pending, confirmed, and adding a known person."""

from __future__ import annotations

import threading
from datetime import datetime

import pytest
from sqlalchemy import Engine, func, select

from newsletter.db.engine import writing
from subscribers import addresses, consent, queries
from subscribers.audience import following
from subscribers.errors import SubscriberError, SuppressedError, UnknownTopicError
from subscribers.lifecycle import signup, suppression, transitions, unsubscribe
from subscribers.lifecycle.signup import SignupResult
from subscribers.preferences import Preferences
from subscribers.queries import State, subscribers
from tests.subscribers.conftest import KEY, NOON, TOPICS, SubscriberScenario, later


def intervals(scenario: SubscriberScenario) -> list[tuple[object, ...]]:
    return [tuple(row)[1:] for row in scenario.connection.execute(following().order_by("since", "topic"))]


def test_add_without_consent_makes_a_pending_person_who_follows_nothing_yet(
    scenario: SubscriberScenario,
) -> None:
    added = scenario.add("Ada@Example.org", "quantum", confirmed=False)
    assert added.person.row() == {
        "address": "Ada@example.org",
        "state": "pending",
        "topics": ["quantum"],
        "cadence": "daily",
        "weekday": None,
        "hour": 7,
        "timezone": "UTC",
        "text_only": False,
        "minimum": 1,
        "maximum": None,
        "cards": 10,
        "maybe": False,
        "name": "",
        "since": "2026-01-05T12:00:00+00:00",
        "confirmed_at": None,
        "paused_until": None,
    }
    assert (added.what, added.starts, added.first) == ("added", False, False)
    assert added.person.slots_done_to is None
    assert intervals(scenario) == []
    assert scenario.events(added) == [("requested", ["quantum"])]


def test_add_with_consent_starts_now(scenario: SubscriberScenario) -> None:
    added = scenario.add("ada@example.org", "quantum", "circuits", cadence="weekly", hour="9")
    assert added.person.state is State.CONFIRMED
    assert added.person.preferences == Preferences(cadence="weekly", weekday="monday", hour=9)
    assert (added.what, added.starts, added.first) == ("added", True, True)
    assert (added.person.slots_done_to, added.person.cadence_since, added.person.confirmed_at) == (NOON,) * 3
    assert intervals(scenario) == [("circuits", NOON, None), ("quantum", NOON, None)]
    assert scenario.events(added) == [("confirmed", ["quantum", "circuits"])]


def test_add_without_topics_follows_the_default(scenario: SubscriberScenario) -> None:
    assert scenario.add("ada@example.org").person.topics == ("everything",)


def test_add_takes_the_name_from_the_address(scenario: SubscriberScenario) -> None:
    assert scenario.add("Ada Lovelace <ada@example.org>").person.name == "Ada Lovelace"
    assert scenario.add("Bob <bob@example.org>", name="Robert").person.name == "Robert"


def test_confirm_starts_what_was_asked_for_and_a_repeat_changes_nothing(scenario: SubscriberScenario) -> None:
    added = scenario.add("ada@example.org", "quantum", confirmed=False)

    def confirm(day: int) -> tuple[queries.SubscriberView, bool]:
        return signup.confirm(
            scenario.connection, subscriber_id=added.person.id, how="web", now=later(day), suppression_key=KEY
        )

    person, new = confirm(1)
    assert (person.state, person.slots_done_to, person.confirmed_at, new) == (
        State.CONFIRMED,
        later(1),
        later(1),
        True,
    )
    assert confirm(2) == (person, False)
    assert intervals(scenario) == [("quantum", later(1), None)]
    assert scenario.events(added) == [("requested", ["quantum"]), ("confirmed", ["quantum"])]


def test_confirm_after_leaving_is_refused(scenario: SubscriberScenario) -> None:
    added = scenario.add("ada@example.org", confirmed=False)
    unsubscribe.unsubscribe(scenario.connection, subscriber_id=added.person.id, how="web", now=later(1))
    with pytest.raises(SubscriberError, match="nothing to confirm"):
        signup.confirm(
            scenario.connection, subscriber_id=added.person.id, how="web", now=later(2), suppression_key=KEY
        )


def test_add_again_adds_topics_and_changes_what_is_given(scenario: SubscriberScenario) -> None:
    first = scenario.add("ada@example.org", "quantum", hour=9)
    again = scenario.add("ADA@example.org", "circuits", now=later(1), timezone="Europe/Berlin")
    assert (again.what, again.starts, again.first) == ("updated", False, False)
    assert again.person.topics == ("circuits", "quantum")
    assert again.person.preferences == Preferences(hour=9, timezone="Europe/Berlin")
    assert again.person.slots_done_to == later(1)  # the zone changed: the next slot counts from now
    assert again.person.version == first.person.version + 1
    assert intervals(scenario) == [("quantum", NOON, None), ("circuits", later(1), None)]
    assert scenario.events(first)[1:] == [("followed", ["circuits"]), ("changed", [])]


def test_add_of_a_topic_alone_leaves_the_slots(scenario: SubscriberScenario) -> None:
    scenario.add("ada@example.org", "quantum")
    assert scenario.add("ada@example.org", "circuits", now=later(1)).person.slots_done_to == NOON


def test_add_again_of_the_same_changes_nothing(scenario: SubscriberScenario) -> None:
    first = scenario.add("ada@example.org", "quantum", hour=9)
    again = scenario.add("ada@example.org", "quantum", now=later(1), hour=9)
    assert (again.what, again.person) == ("unchanged", first.person)
    assert len(scenario.events(first)) == 1


def test_add_with_consent_confirms_a_pending_person(scenario: SubscriberScenario) -> None:
    scenario.add("ada@example.org", "quantum", confirmed=False)
    added = scenario.add("ada@example.org", "circuits", now=later(1))
    assert (added.what, added.starts, added.first) == ("updated", True, True)
    assert intervals(scenario) == [("circuits", later(1), None), ("quantum", later(1), None)]
    assert scenario.events(added) == [
        ("requested", ["quantum"]),
        ("followed", ["circuits"]),
        ("confirmed", ["circuits", "quantum"]),
    ]


def test_add_with_consent_brings_back_an_unsubscribed_person_from_now(scenario: SubscriberScenario) -> None:
    first = scenario.add("ada@example.org", "quantum")
    unsubscribe.unsubscribe(scenario.connection, subscriber_id=first.person.id, how="web", now=later(1))
    back = scenario.add("ada@example.org", "circuits", now=later(2))
    assert (back.what, back.starts, back.first) == ("updated", True, False)
    assert (back.person.state, back.person.topics) == (State.CONFIRMED, ("circuits",))
    assert (back.person.slots_done_to, back.person.confirmed_at) == (later(2), NOON)
    assert intervals(scenario) == [("quantum", NOON, later(1)), ("circuits", later(2), None)]
    assert scenario.events(first)[2:] == [("came back", ["circuits"]), ("confirmed", ["circuits"])]


def test_add_without_consent_of_an_unsubscribed_person_waits_for_confirmation(
    scenario: SubscriberScenario,
) -> None:
    first = scenario.add("ada@example.org", "quantum")
    unsubscribe.unsubscribe(scenario.connection, subscriber_id=first.person.id, how="web", now=later(1))
    back = scenario.add("ada@example.org", "quantum", confirmed=False, now=later(2))
    assert (back.person.state, back.person.topics) == (State.PENDING, ("quantum",))
    assert intervals(scenario) == [("quantum", NOON, later(1))]


def test_add_by_web_changes_nothing_for_a_confirmed_person(scenario: SubscriberScenario) -> None:
    first = scenario.add("ada@example.org", "quantum")
    again = scenario.add("ada@example.org", "circuits", confirmed=False, how="web", now=later(1), hour=3)
    assert (again.what, again.person) == ("unchanged", first.person)


def test_add_refuses_an_unknown_topic_and_names_the_known(scenario: SubscriberScenario) -> None:
    with pytest.raises(UnknownTopicError) as caught:
        scenario.add("ada@example.org", "quantm")
    assert caught.value.message == "there is no topic 'quantm'"
    assert caught.value.hint == "Did you mean quantum? There are circuits, quantum, everything."
    assert queries.find(scenario.connection, "ada@example.org") is None


def test_add_refuses_a_suppressed_address_with_a_hint(scenario: SubscriberScenario) -> None:
    suppression.suppress(
        scenario.connection, address="ada@example.org", reason="bounce", how="bounce", now=NOON, key=KEY
    )
    with pytest.raises(SuppressedError) as caught:
        scenario.add("ADA@example.org", "quantum")
    assert caught.value.reason == "bounce"
    assert caught.value.message == "ADA@example.org is suppressed since 2026-01-05 (bounce)"
    assert "subscribers unsuppress ADA@example.org" in caught.value.hint


def test_simultaneous_adds_of_an_address_make_one_person(engine: Engine) -> None:
    barrier = threading.Barrier(8)
    answers: list[str] = []

    def add(number: int) -> None:
        barrier.wait()
        with writing(engine) as connection:
            spelling = "ada@example.org" if number % 2 else "ADA@EXAMPLE.org"
            answers.append(SubscriberScenario(connection).add(spelling, "quantum").what)

    threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ["added"] + ["unchanged"] * 7
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(subscribers)).scalar_one() == 1


def test_simultaneous_confirmations_make_one_consent_event(engine: Engine) -> None:
    with writing(engine) as connection:
        added = SubscriberScenario(connection).add("ada@example.org", "quantum", confirmed=False)
    news: list[bool] = []

    def confirm() -> None:
        with writing(engine) as connection:
            _, new = signup.confirm(
                connection, subscriber_id=added.person.id, how="web", now=NOON, suppression_key=KEY
            )
            news.append(new)

    threads = [threading.Thread(target=confirm) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(news) == [False] * 19 + [True]
    with writing(engine) as connection:
        assert SubscriberScenario(connection).events(added) == [
            ("requested", ["quantum"]),
            ("confirmed", ["quantum"]),
        ]


def test_a_confirmation_link_works_once(scenario: SubscriberScenario) -> None:
    first = scenario.add("ada@example.org", "circuits", confirmed=False, how="web")

    def confirm(asked: SignupResult, *, day: int, asked_at: datetime) -> tuple[queries.SubscriberView, bool]:
        return signup.confirm(
            scenario.connection,
            subscriber_id=first.person.id,
            how="web",
            now=later(day),
            suppression_key=KEY,
            asked_at=asked_at,
            chosen=asked.asked,
        )

    person, done = confirm(first, day=1, asked_at=NOON)
    assert (done, person.state) == (True, "confirmed")
    unsubscribe.unsubscribe(scenario.connection, subscriber_id=person.id, how="web", now=later(1))
    second = scenario.add("ada@example.org", "circuits", confirmed=False, how="web", now=later(2))
    with pytest.raises(SubscriberError, match="nothing to confirm"):
        confirm(first, day=2, asked_at=NOON)
    again, done = confirm(second, day=2, asked_at=later(2))
    assert (done, again.state) == (True, "confirmed")


REQUESTS = ["a first sign-up", "a sign-up of somebody who asked", "a sign-up of somebody who left"]


@pytest.mark.parametrize("before", REQUESTS)
def test_what_the_form_asks_stands_on_nobody_before_they_confirm_exactly_that(
    scenario: SubscriberScenario, before: str
) -> None:
    earlier = {"timezone": "Asia/Tokyo", "maximum": 5}
    if before == "a sign-up of somebody who asked":
        scenario.add("ada@example.org", "circuits", confirmed=False, how="web", name="Mallory", hour=3)
    if before == "a sign-up of somebody who left":
        ada = scenario.add("ada@example.org", "circuits", name="Ada", **earlier)
        unsubscribe.unsubscribe(scenario.connection, subscriber_id=ada.person.id, how="web", now=NOON)
    found = queries.find(scenario.connection, "ada@example.org")
    asked = scenario.add(
        "ada@example.org", "quantum", confirmed=False, how="web", name="Countess", hour=9, now=later(1)
    )
    stands = asked.person
    assert (stands.state, stands.topics) == ("pending", ())
    if found is None:
        assert (stands.name, stands.preferences) == ("", Preferences())
    else:
        assert (stands.name, stands.preferences) == (found.name, found.preferences)
    person = scenario.confirm(asked, now=later(2))
    kept = earlier if before == "a sign-up of somebody who left" else {}
    assert (person.state, person.topics, person.name, person.preferences) == (
        "confirmed",
        ("quantum",),
        "Countess",
        Preferences(hour=9, **kept),  # type: ignore[arg-type]
    )


def test_an_admins_consent_begins_nothing_that_a_stranger_typed(scenario: SubscriberScenario) -> None:
    scenario.add("ada@example.org", "circuits", confirmed=False, how="web", name="Mallory", hour=3)
    added = scenario.add("ada@example.org", "quantum", now=later(1))
    assert (added.person.topics, added.person.name, added.person.preferences) == (
        ("quantum",),
        "",
        Preferences(),
    )


def test_an_unconfirmed_change_by_an_admin_waits_for_the_consent_of_a_person_who_left(
    scenario: SubscriberScenario,
) -> None:
    ada = scenario.add("ada@example.org", "quantum", hour=5, name="Ada")
    unsubscribe.unsubscribe(scenario.connection, subscriber_id=ada.person.id, how="web", now=later(1))
    asked = scenario.add(
        "ada@example.org", "circuits", confirmed=False, now=later(2), hour=9, name="Countess"
    )
    assert (asked.person.name, asked.person.preferences.hour) == ("Ada", 5)
    person = scenario.confirm(asked, now=later(3))
    assert (person.name, person.preferences.hour, person.topics) == ("Countess", 9, ("circuits",))
    was = consent.last(scenario.connection, person.id, [consent.EventKind.CHANGED])
    assert was is not None
    assert was.detail == {"hour": 9, "was": {"hour": 5}}


def test_the_ledger_holds_the_origin_of_a_request(scenario: SubscriberScenario) -> None:
    added = signup.add(
        scenario.connection,
        address="ada@example.org",
        topics_wanted=["circuits"],
        known_topics=TOPICS,
        given={},
        confirmed=False,
        how="web",
        now=NOON,
        suppression_key=KEY,
        defaults=Preferences(),
        default_topics=(),
        origin={"form": "1", "method": "form", "from": "a hash"},
    )
    (event,) = consent.history(scenario.connection, added.person.id)
    assert event == {
        "at": NOON.isoformat(),
        "what": "requested",
        "how": "web",
        "topics": ["circuits"],
        "detail": {"form": "1", "method": "form", "from": "a hash"},
    }
    scenario.confirm(added, now=later(1))
    assert consent.history(scenario.connection, added.person.id)[1]["detail"] == {
        "form": "1",
        "from": "confirmed",
        "asked": {"at": NOON.isoformat(), "form": "1", "method": "form", "from": "a hash"},
    }


def test_confirm_beats_no_suppression_that_came_while_the_sign_up_was_stored(
    scenario: SubscriberScenario,
) -> None:
    """On PostgreSQL both run together: the suppression sees no person, the sign-up no suppression."""
    suppression.suppress(
        scenario.connection, address="ada@example.org", reason="admin", how="admin", now=NOON, key=KEY
    )
    step = transitions.decide(
        None,
        transitions.ChangeRequest(address=addresses.parse("ada@example.org")),
        how="web",
        now=NOON,
        defaults=Preferences(),
        default_topics=("everything",),
    )
    assert step is not None
    (pending,) = signup.apply_transitions(scenario.connection, [step], how="web", now=NOON).values()
    with pytest.raises(SubscriberError, match="not mailed"):
        signup.confirm(
            scenario.connection, subscriber_id=pending, how="web", now=later(1), suppression_key=KEY
        )
    assert queries.by_id(scenario.connection, pending).state == "pending"
