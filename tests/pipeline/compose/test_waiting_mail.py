"""Mail that was composed and not yet taken follows what an admin or a reader changes."""

from __future__ import annotations

from sqlalchemy import select

from newsletter.db.engine import reading, writing
from newsletter.db.schema import (
    deliveries,
)
from newsletter.papers import editions as edition_store
from subscribers.lifecycle import unsubscribe
from tests.pipeline.scenario import Scenario, utc


def test_a_held_edition_waits_and_comes_to_those_who_have_not_got_it(scenario: Scenario) -> None:
    early = scenario.reader("early@example.org", "circuits", joined="2026-04-12T00:00", hour=6)
    late = scenario.reader("late@example.org", "circuits", joined="2026-04-12T00:00", hour=7)
    number = scenario.edition("2026-04-13T05:00", {"A": ["circuits"]})
    scenario.day("2026-04-13T06:00")
    with writing(scenario.engine) as connection:
        edition_store.hold(connection, number)
    scenario.day("2026-04-13T07:00")
    assert scenario.audit("2026-04-13T07:30").pending == {"its edition is held": 1}
    with writing(scenario.engine) as connection:
        edition_store.release(connection, number, now=utc("2026-04-13T12:00"))
    scenario.edition("2026-04-14T05:00", {"B": ["circuits"]})
    scenario.day("2026-04-14T06:00")
    scenario.day("2026-04-14T07:00")
    assert (scenario.mails_to(early), scenario.mails_to(late)) == ([["A"], ["B"]], [["A", "B"]])
    assert scenario.audit("2026-04-14T08:00").clean


def test_a_dropped_paper_leaves_composed_mails_that_nobody_took_yet(scenario: Scenario) -> None:
    ada = scenario.reader("ada@example.org", "circuits", joined="2026-04-12T12:00")
    scenario.edition("2026-04-13T05:00", {"A": ["circuits"], "B": ["circuits"]})
    scenario.compose("2026-04-13T07:00")
    dropped = scenario.paper("A")
    with writing(scenario.engine) as connection:
        edition_store.drop(connection, [dropped], now=utc("2026-04-13T07:01"))
    scenario.day("2026-04-13T07:02")
    assert scenario.mails_to(ada) == [["B"]]
    assert scenario.audit("2026-04-13T08:00").ended == {"dropped": 1}


def test_a_changed_preference_recomposes_a_mail_that_nobody_took_yet(scenario: Scenario) -> None:
    ada = scenario.reader("ada@example.org", "circuits", "quantum", joined="2026-04-12T12:00")
    scenario.edition("2026-04-13T05:00", {"A": ["circuits"], "B": ["quantum"]})
    scenario.compose("2026-04-13T07:00")
    with writing(scenario.engine) as connection:
        unsubscribe.unsubscribe(
            connection, subscriber_id=ada, how="web", now=utc("2026-04-13T07:01"), topics=["quantum"]
        )
    scenario.day("2026-04-13T07:02")
    assert scenario.mails_to(ada) == [["A"]]
    assert scenario.audit("2026-04-13T08:00").clean


def test_two_queued_mails_of_a_reader_who_then_changes_something_stop_nobody(scenario: Scenario) -> None:
    ada = scenario.reader("ada@example.org", "circuits", "quantum", joined="2026-04-12T12:00")
    bob = scenario.reader("bob@example.org", "circuits", joined="2026-04-12T12:00")
    scenario.edition("2026-04-13T05:00", {"A": ["circuits"]})
    scenario.compose("2026-04-13T07:00")
    scenario.edition("2026-04-13T08:00", {"B": ["circuits"]})
    scenario.compose("2026-04-13T09:00", everyone=True)
    with writing(scenario.engine) as connection:
        unsubscribe.unsubscribe(
            connection, subscriber_id=ada, how="web", now=utc("2026-04-13T09:30"), topics=["quantum"]
        )
    assert scenario.compose("2026-04-13T10:00").composed == 1
    assert (scenario.mails_to(ada), scenario.mails_to(bob)) == ([["A"], ["B"]], [["A"], ["B"]])


def test_an_expired_slot_leaves_deliveries_alone(scenario: Scenario) -> None:
    scenario.reader("ada@example.org", "circuits", joined="2026-04-12T12:00")
    scenario.edition("2026-04-13T05:00", {"A": ["circuits"]})
    scenario.compose("2026-04-13T07:00")
    with reading(scenario.engine) as connection:
        row = connection.execute(select(deliveries)).one()
    assert (row.key, row.slot_at, row.expires_at) == (
        "2026-04-13",
        utc("2026-04-13T07:00"),
        utc("2026-04-14T07:00"),
    )
