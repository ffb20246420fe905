"""Debts of a reader's own: what came back, welcomes and recaps live as long as something covers them."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select, update

from newsletter.core.states import DeliveryState
from newsletter.db.engine import writing
from newsletter.db.schema import deliveries, reader_debts
from newsletter.papers import editions, merging, topic_matches
from newsletter.pipeline.curation import review
from newsletter.pipeline.deliver import resend
from newsletter.pipeline.readers import backlog
from subscribers import audience
from subscribers.lifecycle import suppression, unsubscribe
from tests.pipeline.scenario import NoRules, Scenario, utc

REFUSED = DeliveryState.FAILED  # for another reason than the reader: the papers come back
UNCERTAIN = DeliveryState.UNCERTAIN
JOINED = "2026-04-12T12:00"


def leave(scenario: Scenario, reader: int, at: str, *topics: str) -> None:
    with writing(scenario.engine) as connection:
        unsubscribe.unsubscribe(
            connection, subscriber_id=reader, how="web", now=utc(at), topics=list(topics) or None
        )


def take_out(scenario: Scenario, title: str, topic: str, at: str) -> None:
    paper = scenario.paper(title)
    with writing(scenario.engine) as connection:
        kept = merging.canonical(connection, paper)
        topic_matches.correct(connection, kept, topic, belongs=False, matcher=NoRules(), now=utc(at))


def test_what_came_back_outlives_the_topic_it_was_shown_under(scenario: Scenario) -> None:
    ada = scenario.reader("ada@example.org", "circuits", "quantum", joined=JOINED)
    scenario.edition("2026-04-14T05:00", {"P": ["circuits", "quantum"]})
    scenario.run("2026-04-14T07:00", REFUSED)
    leave(scenario, ada, "2026-04-14T09:00", "circuits")
    scenario.run("2026-04-15T07:00")
    assert scenario.mails_to(ada) == [["P"], ["P"]]
    report = scenario.audit("2026-04-15T08:00")
    assert (report.given, report.missed, report.ended) == (1, 0, {})


def test_what_came_back_ends_with_its_last_topic(scenario: Scenario) -> None:
    ada = scenario.reader("ada@example.org", "circuits", "neuromorphic", joined=JOINED)
    scenario.edition("2026-04-14T05:00", {"P": ["circuits", "quantum"]})
    scenario.run("2026-04-14T07:00", REFUSED)
    scenario.reader(
        "ada@example.org", "quantum", joined="2026-04-14T08:00"
    )  # starts after the paper was ready
    leave(scenario, ada, "2026-04-14T09:00", "circuits")
    assert scenario.audit("2026-04-14T09:30").ended == {"left": 1}
    scenario.run("2026-04-15T07:00")
    assert scenario.mails_to(ada) == [["P"]]
    assert scenario.audit("2026-04-15T08:00").ended == {"left": 1}


def test_a_debt_ended_while_another_topic_covered_it_is_missed(scenario: Scenario) -> None:
    scenario.reader("ada@example.org", "circuits", "quantum", joined=JOINED)
    scenario.edition("2026-04-14T05:00", {"P": ["circuits", "quantum"]})
    scenario.run("2026-04-14T07:00", REFUSED)
    with writing(scenario.engine) as connection:
        connection.execute(update(reader_debts).values(ended="left"))
    scenario.edition("2026-04-15T05:00", {"A": ["circuits"]})
    scenario.run("2026-04-15T07:00")
    assert scenario.audit("2026-04-15T08:00").missed == 1


def test_what_came_back_is_not_mailed_under_a_topic_that_an_admin_took_away(scenario: Scenario) -> None:
    one = scenario.reader("one@example.org", "circuits", joined=JOINED)
    two = scenario.reader("two@example.org", "circuits", "quantum", joined=JOINED)
    scenario.edition("2026-04-14T05:00", {"P": ["circuits", "quantum"]})
    scenario.run("2026-04-14T07:00", REFUSED)
    take_out(scenario, "P", "circuits", "2026-04-14T09:00")
    scenario.run("2026-04-15T07:00")
    assert (scenario.mails_to(one), scenario.mails_to(two)) == ([["P"]], [["P"], ["P"]])
    report = scenario.audit("2026-04-15T08:00")
    assert (report.given, report.missed, report.ended) == (1, 0, {"withdrawn": 1})


def test_a_topic_is_taken_from_what_was_merged_too(scenario: Scenario) -> None:
    ada = scenario.reader("ada@example.org", "circuits", joined=JOINED)
    scenario.edition("2026-04-14T05:00", {"P": ["circuits"], "A": ["circuits"]})
    scenario.merge("Q", "P", "2026-04-14T06:00")
    take_out(scenario, "Q", "circuits", "2026-04-14T06:30")
    scenario.run("2026-04-14T07:00")
    assert scenario.mails_to(ada) == [["A"]]
    assert scenario.audit("2026-04-15T08:00").ended == {"withdrawn": 1}


def test_what_came_back_and_is_dropped_leaves_the_mail_that_waits(scenario: Scenario) -> None:
    ada = scenario.reader("ada@example.org", "circuits", joined=JOINED)
    scenario.edition("2026-04-14T05:00", {"P": ["circuits"], "A": ["circuits"]})
    scenario.run("2026-04-14T07:00", REFUSED)
    scenario.compose("2026-04-15T07:00")
    with writing(scenario.engine) as connection:
        editions.drop(connection, [1], now=utc("2026-04-15T08:00"))
    scenario.run("2026-04-15T09:00")
    assert scenario.mails_to(ada) == [["P", "A"], ["A"]]
    assert scenario.audit("2026-04-15T10:00").ended == {"dropped": 1}


def test_what_was_merged_and_is_dropped_leaves_the_mail_that_waits(scenario: Scenario) -> None:
    ada = scenario.reader("ada@example.org", "circuits", joined=JOINED)
    scenario.edition("2026-04-14T05:00", {"P": ["circuits"], "A": ["circuits"]})
    scenario.merge("Q", "P", "2026-04-14T06:00")
    scenario.compose("2026-04-14T07:00")
    review.drop(scenario.engine, scenario.paper("Q"), now=utc("2026-04-14T07:10"))
    scenario.run("2026-04-14T08:00")
    assert scenario.mails_to(ada) == [["A"]]
    assert scenario.audit("2026-04-14T09:00").ended == {"dropped": 1}


def test_a_held_edition_leaves_the_mail_that_waits_until_it_is_released(scenario: Scenario) -> None:
    ada = scenario.reader("ada@example.org", "circuits", joined=JOINED)
    scenario.edition("2026-04-13T05:00", {"B": ["circuits"]})
    scenario.run("2026-04-13T07:00", REFUSED)
    held = scenario.edition("2026-04-14T05:00", {"A": ["circuits"]})
    scenario.compose("2026-04-14T07:00")
    assert scenario.mails_to(ada) == [["B"], ["B", "A"]]
    for number in (1, held):
        with writing(scenario.engine) as connection:
            editions.hold(connection, number)
    scenario.run("2026-04-14T07:30")
    scenario.run("2026-04-15T07:00")
    assert scenario.mails_to(ada) == [["B"]]
    report = scenario.audit("2026-04-15T08:00")
    assert (report.missed, sum(report.pending.values())) == (0, 2)
    for number in (1, held):
        with writing(scenario.engine) as connection:
            editions.release(connection, number, now=utc("2026-04-15T12:00"))
    scenario.run("2026-04-16T07:00")
    assert scenario.mails_to(ada) == [["B"], ["B", "A"]]
    assert scenario.audit("2026-04-16T08:00").given == 2


def test_coming_back_starts_now_also_for_what_came_back(scenario: Scenario) -> None:
    ada = scenario.reader("ada@example.org", "circuits", joined=JOINED)
    scenario.edition("2026-04-14T05:00", {"A": ["circuits"]})
    scenario.run("2026-04-14T07:00", REFUSED)
    leave(scenario, ada, "2026-04-14T08:00")
    assert scenario.audit("2026-07-15T08:00").ended == {"left": 1}
    scenario.reader("ada@example.org", "circuits", joined="2026-04-20T09:00")
    scenario.edition("2026-04-21T05:00", {"B": ["circuits"]})
    scenario.run("2026-04-21T07:00")
    assert scenario.mails_to(ada) == [["A"], ["B"]]
    assert scenario.audit("2026-04-21T08:00").ended == {"left": 1}


def test_a_recap_outlives_its_topic_but_not_a_leaving(scenario: Scenario) -> None:
    stays = scenario.reader("stays@example.org", "circuits", "quantum", joined=JOINED)
    goes = scenario.reader("goes@example.org", "circuits", joined=JOINED)
    scenario.edition("2026-04-14T05:00", {"A": ["circuits"]})
    scenario.run("2026-04-14T07:00", UNCERTAIN)
    leave(scenario, stays, "2026-04-14T09:00", "circuits")
    leave(scenario, goes, "2026-04-14T09:00")
    assert scenario.audit("2026-06-14T08:00").ended == {"left": 1, "too old": 1}
    scenario.reader("goes@example.org", "circuits", joined="2026-04-14T10:00")
    scenario.run("2026-04-15T07:00")
    assert (scenario.mails_to(stays), scenario.mails_to(goes)) == ([["A"], ["A"]], [["A"]])
    report = scenario.audit("2026-04-15T08:00")
    assert (report.missed, report.mended, report.ended) == (0, 1, {"left": 1})


def test_the_recap_of_a_dropped_paper_is_over(scenario: Scenario) -> None:
    ada = scenario.reader("ada@example.org", "circuits", joined=JOINED)
    scenario.edition("2026-04-14T05:00", {"A": ["circuits"]})
    scenario.run("2026-04-14T07:00", UNCERTAIN)
    scenario.compose("2026-04-15T07:00")
    with writing(scenario.engine) as connection:
        editions.drop(connection, [1], now=utc("2026-04-15T08:00"))
    scenario.run("2026-04-15T09:00")
    assert scenario.mails_to(ada) == [["A"]]
    assert scenario.audit("2026-04-25T08:00").ended == {"dropped": 1}


def test_a_welcome_comes_through_any_topic_chosen_with_it(scenario: Scenario) -> None:
    scenario.edition("2026-04-10T05:00", {"W": ["circuits", "quantum"], "V": ["circuits"]})
    ada = scenario.reader("ada@example.org", "circuits", "quantum", joined=JOINED)
    with writing(scenario.engine) as connection:
        given = [(ada, ("circuits", "quantum"))]
        assert backlog.give(connection, given, papers_each=2, now=utc(JOINED)) == 2
    leave(scenario, ada, "2026-04-12T15:00", "circuits")
    report = scenario.audit("2026-04-12T16:00")
    assert (report.pending, report.ended) == ({"given back; it leads the next digest": 1}, {"left": 1})
    scenario.run("2026-04-13T07:00", REFUSED)
    scenario.run("2026-04-14T07:00")
    assert scenario.mails_to(ada) == [["W"], ["W"]]
    assert scenario.audit("2026-04-14T08:00").missed == 0


def test_a_row_that_no_digest_takes_up_is_missed(scenario: Scenario) -> None:
    scenario.reader("ada@example.org", "circuits", joined=JOINED)
    scenario.edition("2026-04-14T05:00", {"A": ["circuits"], "B": ["circuits"]})
    scenario.run("2026-04-14T07:00", REFUSED)
    assert scenario.audit("2026-04-14T08:00").pending == {"given back; it leads the next digest": 2}
    with writing(scenario.engine) as connection:
        connection.execute(
            update(reader_debts).where(reader_debts.c.paper_id == 1).values(ended="left", carried_by=None)
        )
    scenario.run("2026-04-15T07:00")
    with writing(scenario.engine) as connection:  # as if composing had overlooked the row
        connection.execute(update(reader_debts).where(reader_debts.c.paper_id == 1).values(ended=None))
    assert scenario.audit("2026-04-15T08:00").missed == 1


@pytest.mark.parametrize("state", [DeliveryState.SENT, UNCERTAIN])
def test_runs_that_make_no_digest_of_what_waits_are_seen(tmp_path: Path, state: DeliveryState) -> None:
    scenario = Scenario(tmp_path, room=200)
    scenario.reader("ada@example.org", "circuits", joined=JOINED)
    scenario.edition("2026-04-14T05:00", {"A": ["circuits"], "B": ["circuits"]})
    scenario.run("2026-04-14T07:00", state)
    assert scenario.audit("2026-04-14T08:00").missed == 0
    with writing(scenario.engine) as connection:  # as if composing had passed over this reader
        connection.execute(update(deliveries).values(kind="other"))
        everybody, at = select(audience.mailable().subquery().c.subscriber_id), utc("2026-04-15T07:00")
        audience.close_slots(connection, everybody, at, ahead=at)
    scenario.compose("2026-04-15T07:00")
    with writing(scenario.engine) as connection:
        connection.execute(update(deliveries).values(kind="digest"))
    assert scenario.audit("2026-04-15T08:00").missed == (1 if state is DeliveryState.SENT else 2)


def test_the_debts_of_a_suppressed_reader_end_so(scenario: Scenario) -> None:
    ada = scenario.reader("ada@example.org", "circuits", "quantum", joined=JOINED)
    scenario.edition("2026-04-14T05:00", {"A": ["circuits"], "B": ["quantum"]})
    leave(scenario, ada, "2026-04-14T05:30", "quantum")
    with writing(scenario.engine) as connection:
        suppression.suppress(
            connection,
            address="ada@example.org",
            reason="admin",
            how="admin",
            now=utc("2026-04-14T06:00"),
            key=b"suppression key of the tests",
        )
    assert scenario.audit("2026-04-15T08:00").ended == {"left": 1, "suppressed": 1}


@pytest.mark.parametrize("fate", [REFUSED, UNCERTAIN])
def test_what_was_sent_stays_given_when_a_second_copy_fails(scenario: Scenario, fate: DeliveryState) -> None:
    ada = scenario.reader("ada@example.org", "circuits", joined=JOINED)
    scenario.edition("2026-04-13T05:00", {"B": ["circuits"]})
    scenario.run("2026-04-13T07:00", REFUSED)
    number = scenario.edition("2026-04-14T05:00", {"A": ["circuits"]})
    scenario.run("2026-04-14T07:00")
    resend.resend(scenario.engine, 2, now=utc("2026-04-14T09:00"))
    assert scenario.audit("2026-04-14T09:30").given == 2
    scenario.end(fate, at="2026-04-14T10:00")
    with writing(scenario.engine) as connection:  # an edition that comes again
        editions.hold(connection, number)
        editions.release(connection, number, now=utc("2026-04-14T11:00"))
    scenario.edition("2026-04-15T05:00", {"C": ["circuits"]})
    scenario.run("2026-04-15T07:00")
    assert scenario.mails_to(ada) == [["B"], ["B", "A"], ["C"]]
    report = scenario.audit("2026-04-15T08:00")
    assert (report.given, report.repeated, report.missed) == (3, 0, 0)


def test_an_uncertain_mail_whose_second_copy_is_refused_is_recapped(scenario: Scenario) -> None:
    ada = scenario.reader("ada@example.org", "circuits", joined=JOINED)
    scenario.edition("2026-04-14T05:00", {"A": ["circuits"]})
    scenario.run("2026-04-14T07:00", UNCERTAIN)
    resend.resend(scenario.engine, 1, now=utc("2026-04-14T09:00"))
    scenario.end(REFUSED, at="2026-04-14T10:00")
    assert scenario.audit("2026-04-14T11:00").missed == 0
    scenario.run("2026-04-15T07:00")
    assert scenario.mails_to(ada) == [["A"], ["A"]]
    report = scenario.audit("2026-04-15T08:00")
    assert (report.repeated, report.missed, report.pending) == (0, 0, {})
