"""Doubtful papers: for who wants them, at the end, once, never owed."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from newsletter.core.states import DeliveryState
from newsletter.db.engine import reading, writing
from newsletter.db.schema import edition_maybes
from newsletter.papers import editions, topic_matches
from newsletter.pipeline.explain.audit import AuditReport
from newsletter.pipeline.publish import publish
from subscribers.lifecycle import signup
from subscribers.preferences import Preferences
from tests.pipeline.intake.scenario import NOW, DumpScenario, PrintedPaper, abstract_of, page
from tests.pipeline.scenario import TOPICS, NoRules, Scenario, utc

NEWS = {"Qubits": ["quantum"], "Ansatz": ["quantum?"], "Bread": ["neuromorphic?"]}


@pytest.fixture
def scenario(tmp_path: Path) -> Scenario:
    return Scenario(tmp_path)


def clean(report: AuditReport) -> bool:
    return report.clean and not report.findings


def test_doubtful_papers_stand_at_the_end_for_who_wants_them(scenario: Scenario) -> None:
    ada = scenario.reader("ada@example.org", "quantum", joined="2026-04-12T12:00", maybe=True)
    bob = scenario.reader("bob@example.org", "quantum", joined="2026-04-12T12:00")
    scenario.edition("2026-04-13T05:00", NEWS)
    scenario.day("2026-04-13T07:00")
    assert (scenario.mails_to(ada), scenario.maybes_of(ada)) == ([["Qubits"]], [["Ansatz"]])
    assert (scenario.mails_to(bob), scenario.maybes_of(bob)) == ([["Qubits"]], [])
    assert clean(scenario.audit("2026-04-13T08:00"))


def test_doubtful_papers_alone_are_no_reason_for_a_mail_and_come_with_the_next(scenario: Scenario) -> None:
    ada = scenario.reader("ada@example.org", "quantum", joined="2026-04-12T12:00", maybe=True)
    scenario.edition("2026-04-13T05:00", {"Ansatz": ["quantum?"]})
    scenario.day("2026-04-13T07:00")
    assert scenario.mails_to(ada) == []
    scenario.edition("2026-04-14T05:00", {"Qubits": ["quantum"]})
    scenario.day("2026-04-14T07:00")
    scenario.edition("2026-04-15T05:00", {"Gates": ["quantum"]})
    scenario.day("2026-04-15T07:00")
    assert (scenario.mails_to(ada), scenario.maybes_of(ada)) == ([["Qubits"], ["Gates"]], [["Ansatz"]])
    assert clean(scenario.audit("2026-04-15T08:00"))


def test_what_is_news_through_another_topic_is_not_doubted_as_well(scenario: Scenario) -> None:
    ada = scenario.reader("ada@example.org", "quantum", "circuits", joined="2026-04-12T12:00", maybe=True)
    eve = scenario.reader("eve@example.org", "quantum", "everything", joined="2026-04-12T12:00", maybe=True)
    scenario.edition(
        "2026-04-13T05:00", {"Both": ["circuits", "quantum?"], "Ansatz": ["quantum?", "circuits?"]}
    )
    scenario.day("2026-04-13T07:00")
    assert (scenario.mails_to(ada), scenario.maybes_of(ada)) == ([["Both"]], [["Ansatz"]])
    assert (scenario.mails_to(eve), scenario.maybes_of(eve)) == ([["Both", "Ansatz"]], [])


def test_who_joins_or_asks_later_gets_no_earlier_doubts(scenario: Scenario) -> None:
    ada = scenario.reader("ada@example.org", "circuits", joined="2026-04-12T12:00", maybe=True)
    scenario.edition("2026-04-13T05:00", {"Ansatz": ["quantum?"], "Chips": ["circuits"]})
    scenario.day("2026-04-13T07:00")
    with writing(scenario.engine) as connection:
        signup.add(
            connection,
            address="ada@example.org",
            topics_wanted=["quantum"],
            known_topics=TOPICS,
            given={},
            confirmed=True,
            how="admin",
            now=utc("2026-04-13T12:00"),
            suppression_key=b"suppression key of the tests",
            defaults=Preferences(),
            default_topics=(),
        )
    scenario.edition("2026-04-14T05:00", {"Gates": ["quantum"], "Walks": ["quantum?"]})
    scenario.day("2026-04-14T07:00")
    assert scenario.maybes_of(ada) == [["Walks"]]


def test_a_full_digest_shows_no_doubts_and_owes_none(tmp_path: Path) -> None:
    scenario = Scenario(tmp_path, room=1200)
    ada = scenario.reader("ada@example.org", "quantum", joined="2026-04-12T12:00", maybe=True)
    ben = scenario.reader("ben@example.org", "quantum", joined="2026-04-12T12:00", maybe=True, maximum=1)
    scenario.edition("2026-04-13T05:00", NEWS)  # a paper takes 1,000 of the room, a doubtful one 500
    scenario.day("2026-04-13T07:00")
    scenario.day("2026-04-14T07:00")
    assert [scenario.mails_to(reader) for reader in (ada, ben)] == [[["Qubits"]]] * 2
    assert [scenario.maybes_of(reader) for reader in (ada, ben)] == [[], []]
    assert clean(scenario.audit("2026-04-14T08:00"))


def test_a_doubtful_paper_that_turns_out_to_belong_is_given_as_news(scenario: Scenario) -> None:
    ada = scenario.reader("ada@example.org", "quantum", joined="2026-04-12T12:00", maybe=True)
    scenario.edition("2026-04-13T05:00", NEWS)
    scenario.day("2026-04-13T07:00")
    scenario.edition("2026-04-14T05:00", {"Ansatz": ["quantum"]})  # an admin said so
    scenario.day("2026-04-14T07:00")
    assert (scenario.mails_to(ada), scenario.maybes_of(ada)) == ([["Qubits"], ["Ansatz"]], [["Ansatz"]])
    assert clean(scenario.audit("2026-04-14T08:00"))


def test_an_edition_held_back_and_released_is_not_doubted_twice(scenario: Scenario) -> None:
    ada = scenario.reader("ada@example.org", "quantum", joined="2026-04-12T12:00", maybe=True)
    scenario.edition("2026-04-13T05:00", NEWS)
    scenario.day("2026-04-13T07:00")
    with writing(scenario.engine) as connection:
        editions.hold(connection, 1)
        editions.release(connection, 1, now=utc("2026-04-14T05:00"))
    scenario.edition("2026-04-14T05:30", {"Gates": ["quantum"]})
    scenario.day("2026-04-14T07:00")
    assert (scenario.mails_to(ada), scenario.maybes_of(ada)) == ([["Qubits"], ["Gates"]], [["Ansatz"]])
    assert clean(scenario.audit("2026-04-14T08:00"))


@pytest.mark.parametrize("what", ["drop", "remove", "hold"])
def test_a_waiting_mail_is_made_anew_without_a_doubtful_paper_that_was_taken_out(
    scenario: Scenario, what: str
) -> None:
    ada = scenario.reader("ada@example.org", "quantum", joined="2026-04-12T12:00", maybe=True)
    scenario.edition("2026-04-13T04:00", {"Ansatz": ["quantum?"]})
    scenario.edition("2026-04-13T05:00", {"Qubits": ["quantum"]})
    scenario.compose("2026-04-13T07:00")
    assert scenario.maybes_of(ada) == [["Ansatz"]]
    number = scenario.paper("Ansatz")
    with writing(scenario.engine) as connection:
        if what == "drop":
            editions.drop(connection, [number], now=utc("2026-04-13T07:01"))
        elif what == "hold":
            editions.hold(connection, 1)
        else:
            topic_matches.correct(
                connection,
                number,
                "quantum",
                belongs=False,
                matcher=NoRules(),
                now=utc("2026-04-13T07:01"),
            )
    scenario.compose("2026-04-13T07:02")
    assert (scenario.mails_to(ada), scenario.maybes_of(ada)) == ([["Qubits"]], [])


def test_a_mail_of_unknown_fate_recaps_its_news_and_not_its_doubts(scenario: Scenario) -> None:
    ada = scenario.reader("ada@example.org", "quantum", joined="2026-04-12T12:00", maybe=True)
    scenario.edition("2026-04-13T05:00", NEWS)
    scenario.run("2026-04-13T07:00", DeliveryState.UNCERTAIN)
    scenario.run("2026-04-14T07:00")
    assert (scenario.mails_to(ada), scenario.maybes_of(ada)) == ([["Qubits"], ["Qubits"]], [["Ansatz"]])
    assert clean(scenario.audit("2026-04-14T08:00"))


def test_publishing_freezes_doubtful_pairs_beside_the_sure_ones(tmp_path: Path) -> None:
    dump_scenario = DumpScenario(tmp_path)
    listed = page(
        "Apr 16",
        PrintedPaper(title="Quantum bread", abstract=abstract_of("one") + " It has circuits."),
        PrintedPaper(title="Plain bread", abstract=abstract_of("two") + " It is quantum."),
    )
    dump_scenario.drop("page.txt", listed)
    publish(dump_scenario.engine, now=NOW)
    with reading(dump_scenario.engine) as connection:
        pairs = connection.execute(
            select(edition_maybes.c.edition, edition_maybes.c.topic, edition_maybes.c.score).order_by(
                edition_maybes.c.paper_id
            )
        ).all()
    assert [tuple(row) for row in pairs] == [(1, "circuits", 0.3), (1, "quantum", 0.3)]
