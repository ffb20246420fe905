"""What is owed, and what counts as given, after papers were merged or split."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.core.states import DeliveryState
from newsletter.pipeline.curation.corrections import split_papers
from tests.pipeline.scenario import Scenario, utc

REFUSED = DeliveryState.FAILED  # for another reason than the reader: the papers come back
UNCERTAIN = DeliveryState.UNCERTAIN
JOINED = "2026-04-12T12:00"


def split(scenario: Scenario, title: str, at: str) -> None:
    split_papers(scenario.engine, scenario.paper(title), now=utc(at))


def test_half_of_what_came_back_is_owed_after_a_split(scenario: Scenario) -> None:
    ada = scenario.reader("ada@example.org", "circuits", joined=JOINED)
    scenario.edition("2026-04-14T05:00", {"Q": ["circuits"], "P": ["circuits"]})
    scenario.merge("Q", "P", "2026-04-14T06:00")
    scenario.run("2026-04-14T07:00", REFUSED)
    split(scenario, "P", "2026-04-14T09:00")
    scenario.run("2026-04-15T07:00")
    assert scenario.mails_to(ada) == [["Q"], ["Q", "P"]]
    report = scenario.audit("2026-04-15T08:00")
    assert (report.given, report.repeated, report.missed, report.ended) == (2, 0, 0, {})


@pytest.mark.parametrize("fate", [REFUSED, UNCERTAIN])
def test_half_of_a_mail_that_fails_after_a_split_comes_too(scenario: Scenario, fate: DeliveryState) -> None:
    ada = scenario.reader("ada@example.org", "circuits", joined=JOINED)
    scenario.edition("2026-04-14T05:00", {"Q": ["circuits"], "P": ["circuits"]})
    scenario.merge("Q", "P", "2026-04-14T06:00")
    scenario.compose("2026-04-14T07:00")
    split(scenario, "P", "2026-04-14T09:00")
    scenario.end(fate, at="2026-04-14T10:00")
    scenario.run("2026-04-15T07:00")
    assert scenario.mails_to(ada) == [["Q"], ["Q", "P"]]
    report = scenario.audit("2026-04-15T08:00")
    assert (report.repeated, report.missed, report.ended, report.pending) == (0, 0, {}, {})


def test_half_of_an_expired_mail_that_was_split_comes_too(scenario: Scenario) -> None:
    ada = scenario.reader("ada@example.org", "circuits", joined=JOINED)
    scenario.edition("2026-04-14T05:00", {"Q": ["circuits"], "P": ["circuits"]})
    scenario.merge("Q", "P", "2026-04-14T06:00")
    scenario.compose("2026-04-14T07:00")
    split(scenario, "P", "2026-04-15T06:30")
    scenario.run("2026-04-15T07:00")
    assert scenario.mails_to(ada) == [["Q"], ["Q", "P"]]
    assert scenario.audit("2026-04-15T08:00").given == 2


def test_half_of_what_there_was_no_room_for_leads_after_a_split(tmp_path: Path) -> None:
    scenario = Scenario(tmp_path, room=400)
    ada = scenario.reader("ada@example.org", "circuits", joined=JOINED)
    scenario.edition("2026-04-14T05:00", {title: ["circuits"] for title in ("X", "Y", "Q", "P")})
    scenario.merge("Q", "P", "2026-04-14T06:00")
    scenario.run("2026-04-14T07:00")
    split(scenario, "P", "2026-04-14T09:00")
    scenario.run("2026-04-15T07:00")
    assert scenario.mails_to(ada) == [["X", "Y", "(Q)"], ["Q", "P"]]
    assert scenario.audit("2026-04-15T08:00").given == 4


def test_papers_merged_one_after_another_inherit(scenario: Scenario) -> None:
    ada = scenario.reader("ada@example.org", "circuits", joined=JOINED)
    scenario.edition("2026-04-14T05:00", {title: ["circuits"] for title in ("Q", "P", "R")})
    scenario.merge("P", "R", "2026-04-14T06:00")
    scenario.run("2026-04-14T07:00")
    assert scenario.mails_to(ada) == [["Q", "P"]]
    scenario.merge("Q", "P", "2026-04-14T07:30")
    split(scenario, "P", "2026-04-14T08:00")  # R stays with Q; it was given with P
    split(scenario, "R", "2026-04-14T09:00")
    scenario.edition("2026-04-15T05:00", {"Z": ["circuits"]})
    scenario.run("2026-04-15T07:00")
    assert scenario.mails_to(ada) == [["Q", "P"], ["Z"]]
    report = scenario.audit("2026-04-15T08:00")
    assert (report.repeated, report.missed) == (0, 0)


def test_papers_given_before_they_were_merged_in_turn_are_no_repeat(scenario: Scenario) -> None:
    scenario.reader("ada@example.org", "circuits", joined=JOINED)
    for day, title in ((13, "P"), (14, "Q"), (15, "R")):
        scenario.edition(f"2026-04-{day}T05:00", {title: ["circuits"]})
        scenario.run(f"2026-04-{day}T07:00")
        if title == "Q":
            scenario.paper("Old P")
            scenario.merge("P", "Old P", "2026-04-14T08:00")
    scenario.merge("Q", "P", "2026-04-15T08:00")
    scenario.merge("R", "Q", "2026-04-15T09:00")
    assert scenario.audit("2026-04-15T10:00").repeated == 0


def test_half_that_was_left_out_of_the_other_halfs_mail_inherits(tmp_path: Path) -> None:
    scenario = Scenario(tmp_path, room=200)
    ada = scenario.reader("ada@example.org", "circuits", joined=JOINED)
    scenario.edition("2026-04-14T05:00", {"Q": ["circuits"], "P": ["circuits"]})
    scenario.run("2026-04-14T07:00")
    assert scenario.mails_to(ada) == [["Q", "(P)"]]
    scenario.merge("Q", "P", "2026-04-14T08:00")
    scenario.edition("2026-04-15T05:00", {"A": ["circuits"]})
    scenario.run("2026-04-15T07:00")
    split(scenario, "P", "2026-04-15T08:00")
    scenario.edition("2026-04-16T05:00", {"B": ["circuits"]})
    scenario.run("2026-04-16T07:00")
    assert scenario.mails_to(ada) == [["Q", "(P)"], ["A"], ["B"]]
    assert scenario.audit("2026-04-16T08:00").missed == 0


def test_the_kept_half_counts_as_given_where_a_digest_passed_it_over(scenario: Scenario) -> None:
    early = scenario.reader("early@example.org", "circuits", joined=JOINED)
    late = scenario.reader("late@example.org", "circuits", joined=JOINED, hour=12)
    scenario.edition("2026-04-14T05:00", {"P": ["circuits"]})
    scenario.run("2026-04-14T07:00")
    scenario.run("2026-04-14T12:00")
    scenario.edition("2026-04-15T05:00", {"Q": ["circuits"], "A": ["circuits"]})
    scenario.merge("Q", "P", "2026-04-15T06:00")
    scenario.run("2026-04-15T07:00")
    split(scenario, "P", "2026-04-15T08:00")
    scenario.run("2026-04-15T12:00")
    assert (scenario.mails_to(early), scenario.mails_to(late)) == ([["P"], ["A"]], [["P"], ["Q", "A"]])
    assert scenario.audit("2026-04-15T13:00").missed == 0
