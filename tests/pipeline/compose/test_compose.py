"""Who gets what: each rule of debts and slots, on a real database, and the audit that agrees."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, update

from newsletter.core.states import DeliveryState
from newsletter.db.engine import reading, writing
from newsletter.db.schema import (
    deliveries,
    digests,
    edition_papers,
    editions,
    papers,
    reader_debts,
    table_of,
)
from newsletter.papers import editions as edition_store
from newsletter.papers import merging
from newsletter.pipeline import pending_work
from newsletter.pipeline.compose.compose import compose_in
from subscribers.lifecycle import signup, unsubscribe
from subscribers.preferences import Preferences
from subscribers.tables import Subscriber
from tests.pipeline.scenario import TOPICS, Scenario, utc


def test_each_reader_gets_what_they_follow_once(scenario: Scenario) -> None:
    ada = scenario.reader("ada@example.org", "circuits", joined="2026-04-12T12:00")
    bob = scenario.reader("bob@example.org", "quantum", "circuits", joined="2026-04-12T12:00")
    eve = scenario.reader("eve@example.org", "everything", joined="2026-04-12T12:00")
    scenario.edition("2026-04-13T05:00", {"A": ["circuits"], "B": ["quantum"], "C": []})
    scenario.day("2026-04-13T07:00")
    scenario.edition("2026-04-14T05:00", {"D": ["quantum", "circuits"]})
    scenario.day("2026-04-14T07:00")
    assert scenario.mails_to(ada) == [["A"], ["D"]]
    assert scenario.mails_to(bob) == [["A", "B"], ["D"]]
    assert scenario.mails_to(eve) == [["A", "B", "C"], ["D"]]
    report = scenario.audit("2026-04-14T08:00")
    assert (report.subscribers, report.deliveries, report.given) == (3, 6, 9)
    assert (report.repeated, report.missed, report.pending) == (0, 0, {})


def test_reader_whose_zone_is_not_known_here_holds_up_nobody(
    scenario: Scenario, caplog: pytest.LogCaptureFixture
) -> None:
    """As after a move to a machine that knows fewer zones."""
    ada = scenario.reader("ada@example.org", "circuits", joined="2026-04-12T12:00")
    bob = scenario.reader("bob@example.org", "circuits", joined="2026-04-12T12:00", timezone="Asia/Tokyo")
    people = table_of(Subscriber)
    with writing(scenario.engine) as connection:
        connection.execute(update(people).where(people.c.id == bob).values(timezone="Mars/Olympus"))
    scenario.edition("2026-04-13T05:00", {"A": ["circuits"]})
    with reading(scenario.engine) as connection:
        assert pending_work.has_due_slots(connection, now=utc("2026-04-13T07:00"))
    scenario.day("2026-04-13T07:00")
    assert (scenario.mails_to(ada), scenario.mails_to(bob)) == ([["A"]], [["A"]])
    assert "timezone='Mars/Olympus' of people=1 is not known here: UTC" in caplog.text
    report = scenario.audit("2026-04-13T08:00")
    assert (report.given, report.repeated, report.missed, report.pending) == (2, 0, 0, {})


def test_running_again_composes_nothing(scenario: Scenario) -> None:
    scenario.reader("ada@example.org", "circuits", joined="2026-04-12T12:00")
    scenario.edition("2026-04-13T05:00", {"A": ["circuits"]})
    assert scenario.compose("2026-04-13T07:00").composed == 1
    assert scenario.compose("2026-04-13T07:00").composed == 0
    assert scenario.compose("2026-04-13T07:01", everyone=True).composed == 0


def test_runs_at_once_compose_once(scenario: Scenario) -> None:
    ada = scenario.reader("ada@example.org", "circuits", joined="2026-04-12T12:00")
    scenario.edition("2026-04-13T05:00", {"A": ["circuits"]})
    at_hand = threading.Thread(target=lambda: scenario.compose("2026-04-13T07:01", everyone=True))
    with writing(scenario.engine) as connection:
        compose_in(connection, scenario.options(), now=utc("2026-04-13T07:00"))
        at_hand.start()
        at_hand.join(0.3)
        assert at_hand.is_alive()
    at_hand.join()
    assert scenario.mails_to(ada) == [["A"]]


def test_equal_readers_share_one_digest(scenario: Scenario) -> None:
    for number in range(5):
        scenario.reader(f"r{number}@example.org", "circuits", joined=f"2026-04-{number + 1:02}T12:00")
    scenario.reader("other@example.org", "quantum", joined="2026-04-01T12:00")
    scenario.edition("2026-04-13T05:00", {"A": ["circuits"], "B": ["quantum"]})
    assert scenario.compose("2026-04-13T07:00").composed == 6
    with reading(scenario.engine) as connection:
        assert connection.execute(select(func.count()).select_from(digests)).scalar_one() == 2


def test_joining_starts_now(scenario: Scenario) -> None:
    scenario.edition("2026-04-13T05:00", {"A": ["circuits"]})
    ada = scenario.reader("ada@example.org", "circuits", joined="2026-04-13T06:00")
    assert scenario.day("2026-04-13T07:00").composed == 0
    scenario.edition("2026-04-14T05:00", {"B": ["circuits"]})
    scenario.day("2026-04-14T07:00")
    assert scenario.mails_to(ada) == [["B"]]


def test_an_hour_in_a_zone_decides_when(scenario: Scenario) -> None:
    scenario.reader("tokyo@example.org", "circuits", joined="2026-04-12T00:00", timezone="Asia/Tokyo", hour=6)
    scenario.reader("lima@example.org", "circuits", joined="2026-04-12T00:00", timezone="America/Lima")
    scenario.edition("2026-04-12T20:00", {"A": ["circuits"]})
    composed = [scenario.compose(f"2026-04-{at}").composed for at in ("12T20:59", "12T21:00", "13T11:59")]
    assert composed == [0, 1, 0]
    assert scenario.compose("2026-04-13T12:00").composed == 1


def test_papers_ready_after_the_slot_wait_for_the_next(scenario: Scenario) -> None:
    ada = scenario.reader("ada@example.org", "circuits", joined="2026-04-12T12:00")
    scenario.edition("2026-04-13T08:00", {"A": ["circuits"]})
    assert scenario.day("2026-04-13T09:00").closed == {"nothing new": 1}
    assert scenario.audit("2026-04-13T09:00").pending == {"waits for the next slot": 1}
    scenario.day("2026-04-14T07:00")
    assert scenario.mails_to(ada) == [["A"]]


def test_of_several_missed_slots_only_the_last_counts_and_all_comes_at_once(scenario: Scenario) -> None:
    ada = scenario.reader("ada@example.org", "circuits", joined="2026-04-12T12:00")
    for day in (13, 14, 15):
        scenario.edition(f"2026-04-{day}T05:00", {f"paper of {day}": ["circuits"]})
    assert scenario.audit("2026-04-15T20:00").pending == {"no run since its slot": 3}
    scenario.day("2026-04-15T20:00")
    scenario.edition("2026-04-16T05:00", {"paper of 16": ["circuits"]})
    assert scenario.day("2026-04-16T07:00").closed == {"passed over": 1}  # 11 hours after the last
    scenario.day("2026-04-17T07:00")
    assert scenario.mails_to(ada) == [["paper of 13", "paper of 14", "paper of 15"], ["paper of 16"]]
    assert scenario.audit("2026-04-17T08:00").clean


def test_send_now_gives_everyone_theirs_and_the_slot_is_passed_over(scenario: Scenario) -> None:
    ada = scenario.reader("ada@example.org", "circuits", joined="2026-04-12T12:00")
    scenario.edition("2026-04-12T20:00", {"A": ["circuits"]})
    assert scenario.compose("2026-04-12T21:00", everyone=True).composed == 1
    scenario.all_become(DeliveryState.SENT, at="2026-04-12T21:00")
    scenario.edition("2026-04-13T05:00", {"B": ["circuits"]})
    assert scenario.day("2026-04-13T07:00").composed == 0
    assert scenario.day("2026-04-14T07:00").composed == 1
    assert scenario.mails_to(ada) == [["A"], ["B"]]
    assert scenario.audit("2026-04-14T08:00").clean


def test_only_restricts_a_run_to_one_person(scenario: Scenario) -> None:
    ada = scenario.reader("ada@example.org", "circuits", joined="2026-04-12T12:00")
    bob = scenario.reader("bob@example.org", "circuits", joined="2026-04-12T12:00")
    scenario.edition("2026-04-13T05:00", {"A": ["circuits"]})
    assert scenario.compose("2026-04-13T07:00", only=ada).composed == 1
    assert (scenario.mails_to(ada), scenario.mails_to(bob)) == ([["A"]], [])


def test_what_does_not_fit_leads_the_next_digest(tmp_path: Path) -> None:
    scenario = Scenario(tmp_path, room=400)  # two titles
    ada = scenario.reader("ada@example.org", "circuits", joined="2026-04-12T12:00")
    scenario.edition("2026-04-13T05:00", {title: ["circuits"] for title in "ABC"})
    scenario.day("2026-04-13T07:00")
    assert scenario.audit("2026-04-13T08:00").pending == {"no room in the last digest; it leads the next": 1}
    scenario.edition("2026-04-14T05:00", {title: ["circuits"] for title in "DE"})
    scenario.day("2026-04-14T07:00")
    scenario.day("2026-04-15T07:00")
    assert scenario.mails_to(ada) == [["A", "B", "(C)"], ["C", "D", "(E)"], ["E"]]
    assert scenario.audit("2026-04-15T08:00").clean


def test_a_minimum_postpones_until_the_oldest_paper_has_waited_a_week(scenario: Scenario) -> None:
    ada = scenario.reader("ada@example.org", "circuits", joined="2026-04-12T12:00", minimum=3)
    scenario.edition("2026-04-13T05:00", {"A": ["circuits"]})
    for day in range(13, 20):
        assert scenario.day(f"2026-04-{day}T07:00").closed == {"too few": 1}
    assert scenario.audit("2026-04-19T08:00").pending == {"fewer papers than the reader's minimum": 1}
    assert scenario.day("2026-04-20T07:00").composed == 1
    assert scenario.mails_to(ada) == [["A"]]


def test_a_pause_only_postpones(scenario: Scenario) -> None:
    ada = scenario.reader("ada@example.org", "circuits", joined="2026-04-12T12:00")
    with writing(scenario.engine) as connection:
        unsubscribe.pause(
            connection, subscriber_id=ada, until=utc("2026-04-15T00:00"), how="admin", now=utc("2026-04-13")
        )
    scenario.edition("2026-04-13T05:00", {"A": ["circuits"]})
    assert scenario.day("2026-04-13T07:00").closed == {"paused": 1}
    assert scenario.compose("2026-04-13T09:00", everyone=True).composed == 0
    scenario.edition("2026-04-14T05:00", {"B": ["circuits"]})
    scenario.day("2026-04-15T07:00")
    assert scenario.mails_to(ada) == [["A", "B"]]


def test_debts_end_after_thirty_days(scenario: Scenario) -> None:
    ada = scenario.reader("ada@example.org", "circuits", joined="2026-04-12T12:00")
    scenario.edition("2026-04-13T05:00", {"A": ["circuits"]})
    scenario.edition("2026-05-13T05:00", {"B": ["circuits"]})
    scenario.day("2026-05-14T07:00")
    assert scenario.mails_to(ada) == [["B"]]
    assert scenario.audit("2026-05-14T08:00").ended == {"too old": 1}


def test_leaving_a_topic_ends_what_it_owed_and_coming_back_starts_now(scenario: Scenario) -> None:
    ada = scenario.reader("ada@example.org", "circuits", "quantum", joined="2026-04-12T12:00")
    scenario.edition("2026-04-13T08:00", {"A": ["circuits"], "B": ["quantum"]})
    with writing(scenario.engine) as connection:
        unsubscribe.unsubscribe(
            connection, subscriber_id=ada, how="web", now=utc("2026-04-13T09:00"), topics=["circuits"]
        )
        signup.add(
            connection,
            address="ada@example.org",
            topics_wanted=["circuits"],
            known_topics=TOPICS,
            given={},
            confirmed=True,
            how="admin",
            now=utc("2026-04-13T10:00"),
            suppression_key=b"suppression key of the tests",
            defaults=Preferences(),
            default_topics=(),
        )
    scenario.edition("2026-04-14T05:00", {"C": ["circuits"]})
    scenario.day("2026-04-14T07:00")
    assert scenario.mails_to(ada) == [["C", "B"]]
    assert scenario.audit("2026-04-14T08:00").ended == {"left": 1}


def test_a_paper_that_comes_again_through_another_topic_is_not_repeated(scenario: Scenario) -> None:
    both = scenario.reader("both@example.org", "circuits", "quantum", joined="2026-04-12T12:00")
    only = scenario.reader("only@example.org", "quantum", joined="2026-04-12T12:00")
    scenario.edition("2026-04-13T05:00", {"A": ["circuits"]})
    scenario.day("2026-04-13T07:00")
    scenario.edition("2026-04-14T05:00", {"A": ["quantum"], "B": ["quantum"]})
    scenario.day("2026-04-14T07:00")
    assert (scenario.mails_to(both), scenario.mails_to(only)) == ([["A"], ["B"]], [["A", "B"]])
    assert scenario.audit("2026-04-14T08:00").clean


def test_merged_papers_given_to_either_are_given(scenario: Scenario) -> None:
    ada = scenario.reader("ada@example.org", "circuits", joined="2026-04-12T12:00")
    scenario.edition("2026-04-13T05:00", {"A": ["circuits"]})
    scenario.day("2026-04-13T07:00")
    scenario.edition("2026-04-14T05:00", {"A again": ["circuits"], "B": ["circuits"]})
    with writing(scenario.engine) as connection:
        connection.execute(
            update(papers)
            .where(papers.c.title == "A again")
            .values(merged_into=select(papers.c.id).where(papers.c.title == "A").scalar_subquery())
        )
    scenario.day("2026-04-14T07:00")
    assert scenario.mails_to(ada) == [["A"], ["B"]]
    assert scenario.audit("2026-04-14T08:00").clean


def test_a_paper_split_off_counts_as_given_where_its_other_half_was(scenario: Scenario) -> None:
    had = scenario.reader("had@example.org", "circuits", joined="2026-04-12T12:00")
    not_yet = scenario.reader("later@example.org", "circuits", "quantum", joined="2026-04-12T12:00", hour=9)
    scenario.edition("2026-04-13T05:00", {"A": ["circuits"]})
    one, other = scenario.paper("A"), scenario.paper("A again")
    with writing(scenario.engine) as connection:
        merging.merge(connection, one, other, now=utc("2026-04-13T06:00"))
    scenario.day("2026-04-13T07:00")
    scenario.edition("2026-04-13T08:00", {"A again": ["circuits"]})
    with writing(scenario.engine) as connection:
        merging.split(connection, other, now=utc("2026-04-13T08:30"))
    scenario.day("2026-04-13T09:00")
    scenario.edition("2026-04-14T05:00", {"B": ["circuits"]})
    scenario.day("2026-04-14T07:00")
    assert scenario.mails_to(had) == [["A"], ["B"]]
    assert scenario.mails_to(not_yet) == [["A", "A again"]]
    assert scenario.audit("2026-04-14T08:00").clean


def test_a_paper_that_is_news_after_its_split_comes_and_was_not_missed_before(scenario: Scenario) -> None:
    reader = scenario.reader("had@example.org", "circuits", joined="2026-04-12T12:00")
    scenario.edition("2026-04-13T05:00", {"A": ["circuits"]})
    scenario.day("2026-04-13T07:00")
    scenario.edition("2026-04-13T08:00", {"Not A": ["circuits"], "B": ["circuits"]})
    one, other = scenario.paper("A"), scenario.paper("Not A")
    with writing(scenario.engine) as connection:
        merging.merge(connection, one, other, now=utc("2026-04-13T09:00"))
    scenario.day("2026-04-14T07:00")
    with writing(scenario.engine) as connection:
        merging.split(connection, other, news=True, now=utc("2026-04-14T08:00"))
    assert scenario.audit("2026-04-14T09:00").clean
    scenario.edition("2026-04-15T05:00", {"Not A": ["circuits"]})
    scenario.day("2026-04-15T07:00")
    assert scenario.mails_to(reader) == [["A"], ["B"], ["Not A"]]
    assert scenario.audit("2026-04-15T08:00").clean


def test_own_debts_lead_and_are_carried_by_the_next_mail(scenario: Scenario) -> None:
    ada = scenario.reader("ada@example.org", "circuits", joined="2026-04-12T12:00")
    scenario.edition("2026-04-12T12:30", {"back": ["circuits"], "lost": ["circuits"], "gone": ["quantum"]})
    assert scenario.compose("2026-04-12T13:00", everyone=True).composed == 1
    with writing(scenario.engine) as connection:
        connection.execute(update(deliveries).values(state=DeliveryState.SKIPPED))
    scenario.edition("2026-04-13T05:00", {"A": ["circuits"]})
    rows = [
        {
            "subscriber_id": ada,
            "paper_id": scenario.paper(title),
            "topic": topic,
            "kind": kind,
            "made_at": utc("2026-04-12T13:00"),
        }
        for title, topic, kind in (
            ("back", "circuits", "returned"),
            ("lost", "circuits", "recap"),
            ("gone", "quantum", "returned"),
        )
    ]
    with writing(scenario.engine) as connection:
        connection.execute(insert(reader_debts), rows)
    scenario.day("2026-04-13T07:00")
    assert scenario.mails_to(ada)[1:] == [["back", "A", "lost"]]
    with reading(scenario.engine) as connection:
        states = connection.execute(
            select(papers.c.title, reader_debts.c.carried_by.is_not(None), reader_debts.c.ended)
            .join(papers, papers.c.id == reader_debts.c.paper_id)
            .order_by(reader_debts.c.id)
        ).all()
    assert [tuple(row) for row in states] == [
        ("back", 1, None),
        ("lost", 1, None),
        ("gone", 0, "left"),
    ]


def test_editions_freeze_pairs_in_the_order_of_the_listing(scenario: Scenario) -> None:
    number = scenario.edition("2026-04-13T05:00", {"A": ["circuits"], "B": []})
    with reading(scenario.engine) as connection:
        rows = edition_store.rows(connection, number)
        places = connection.execute(select(edition_papers.c.place).distinct()).scalars().all()
        assert connection.execute(select(func.count()).select_from(editions)).scalar_one() == 1
    assert (rows[0]["papers"], rows[0]["by_topic"], sorted(places)) == (2, {"circuits": 1}, [1, 2])
