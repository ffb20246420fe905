"""Clocks that run back or ahead, and what happens between slots: nothing twice, nobody silenced."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select, update

from newsletter.core.debts.pending import Pending
from newsletter.core.states import DeliveryState, SkipReason
from newsletter.db.engine import writing
from newsletter.db.schema import deliveries
from newsletter.delivery.outbox import debts
from newsletter.delivery.outbox.claims import expire, skip
from newsletter.papers import editions
from newsletter.pipeline.compose.batch import SlotClosing
from newsletter.pipeline.explain.why import why
from subscribers.lifecycle import unsubscribe
from subscribers.lifecycle.update import choose
from subscribers.preferences import Preferences
from tests.pipeline.scenario import Scenario, utc
from tests.pipeline.whole_newsletter import WholeNewsletter
from tests.smtp_servers.recording import RecordingServer

BEHIND = SlotClosing.CLOCK_BEHIND.value


@pytest.fixture
def scenario(tmp_path: Path, database_url: str) -> Iterator[Scenario]:
    scenario = Scenario(tmp_path, url=database_url)
    yield scenario
    scenario.engine.dispose()


@pytest.fixture
def ada(scenario: Scenario) -> int:
    return scenario.reader("ada@example.org", "circuits", joined="2026-04-12T12:00")


def _days(scenario: Scenario, *days: int, at: str = "07:00") -> None:
    """A paper each morning, and a run."""
    for day in days:
        scenario.edition(f"2026-04-{day}T05:00", {f"P{day}": ["circuits"]})
        scenario.day(f"2026-04-{day}T{at}")


# A clock that goes back


def test_clock_that_goes_back_composes_and_closes_nothing(scenario: Scenario, ada: int) -> None:
    _days(scenario, 13, 14)
    scenario.edition("2026-04-13T08:00", {"B": ["circuits"]})
    for everyone in (False, True):
        made = scenario.compose("2026-04-13T20:00", everyone=everyone)
        assert (made.composed, made.closed) == (0, {BEHIND: 1})
    assert scenario.mails_to(ada) == [["P13"], ["P14"]]
    assert scenario.audit("2026-04-13T20:00").pending == {Pending.CLOCK_BEHIND: 1}
    _days(scenario, 15)
    assert scenario.mails_to(ada) == [["P13"], ["P14"], ["B", "P15"]]
    found = scenario.audit("2026-04-15T08:00")
    assert (found.clean, found.pending) == (True, {})


def test_clock_that_goes_back_over_a_slot_leaves_it_open(scenario: Scenario, ada: int) -> None:
    scenario.edition("2026-04-14T05:00", {"A": ["circuits"]})
    scenario.compose("2026-04-14T06:30", everyone=True)
    scenario.all_become(DeliveryState.SENT, at="2026-04-14T06:30")
    scenario.edition("2026-04-12T20:00", {"B": ["circuits"]})
    assert scenario.day("2026-04-13T07:00").closed == {BEHIND: 1}
    answer = why(
        scenario.engine,
        subscriber_id=ada,
        address="ada@example.org",
        on=date(2026, 4, 13),
        now=utc("2026-04-13T08:00"),
    )
    assert (answer.mailed, answer.reason) == (False, BEHIND)
    assert scenario.day("2026-04-14T20:00").closed == {"passed over": 1}
    scenario.day("2026-04-15T07:00")
    assert scenario.mails_to(ada) == [["A"], ["B"]]


def test_clock_that_goes_back_repeats_nothing_once_it_is_right_again(scenario: Scenario, ada: int) -> None:
    _days(scenario, 13, 14)
    scenario.edition("2026-04-14T07:30", {"C": ["circuits"]})
    scenario.compose("2026-04-14T08:00", everyone=True)
    with writing(scenario.engine) as connection:
        [lost] = connection.execute(
            select(deliveries.c.id).where(deliveries.c.state == DeliveryState.QUEUED)
        ).scalars()
        connection.execute(
            update(deliveries).where(deliveries.c.id == lost).values(state=DeliveryState.UNCERTAIN)
        )
        debts.recap(connection, [lost], now=utc("2026-04-14T08:00"))
    assert scenario.day("2026-04-13T20:00").composed == 0
    _days(scenario, 15)
    assert scenario.mails_to(ada) == [["P13"], ["P14"], ["C"], ["P15", "C"]]
    assert scenario.audit("2026-04-15T08:00").clean


def test_clock_that_goes_back_takes_no_composed_mail_back(scenario: Scenario, ada: int) -> None:
    scenario.edition("2026-04-14T05:00", {"A": ["circuits"]})
    scenario.compose("2026-04-14T07:00")
    scenario.reader("ada@example.org", joined="2026-04-14T07:01", text_only="true")
    assert scenario.compose("2026-04-13T20:00").composed == 0
    assert scenario.mails_to(ada) == [["A"]]
    assert scenario.compose("2026-04-14T07:02").composed == 1
    assert scenario.mails_to(ada) == [["A"]]


# A clock that ran ahead


def test_clock_that_ran_ahead_silences_nobody(scenario: Scenario, ada: int) -> None:
    scenario.day("2030-01-01T07:00")
    _days(scenario, 14, 15, 16)
    assert scenario.mails_to(ada) == [["P14"], ["P15"], ["P16"]]
    found = scenario.audit("2026-04-16T08:00")
    assert (found.clean, found.pending) == (True, {})


def test_slot_that_a_clock_ahead_closed_is_open_when_it_comes(scenario: Scenario, ada: int) -> None:
    scenario.day("2026-04-14T07:30")  # it is 06:00
    scenario.edition("2026-04-14T06:30", {"A": ["circuits"]})
    assert scenario.day("2026-04-14T06:45").closed == {"nothing new": 1}  # yesterday's slot once more
    scenario.day("2026-04-14T07:00")
    assert scenario.mails_to(ada) == [["A"]]
    assert scenario.audit("2026-04-14T08:00").clean


def test_clock_that_ran_years_ahead_and_mailed_repeats_nothing_and_silences_nobody(
    scenario: Scenario, ada: int
) -> None:
    scenario.edition("2026-04-13T05:00", {"A": ["circuits"]})  # years old by that clock
    wrong = scenario.edition("2030-01-01T05:00", {"B": ["circuits"]})
    scenario.day("2030-01-01T07:00")
    _days(scenario, 14, 15)
    assert scenario.mails_to(ada) == [["B"], ["A", "P14"], ["P15"]]
    found = scenario.audit("2026-04-15T08:00")
    assert (found.clean, found.pending) == (True, {})
    with writing(scenario.engine) as connection:
        editions.release(connection, wrong, now=utc("2026-04-15T12:00"))
    _days(scenario, 16)
    assert scenario.mails_to(ada)[3:] == [["P16"]]
    assert scenario.audit("2026-04-16T08:00").clean


def test_clock_that_ran_weeks_ahead_and_mailed_repeats_nothing_and_silences_nobody(
    scenario: Scenario, ada: int
) -> None:
    scenario.edition("2026-04-13T05:00", {"A": ["circuits"]})
    scenario.edition("2026-04-15T05:00", {"Held": ["circuits"]}, published_at=utc("2026-04-13T05:00"))
    scenario.day("2026-05-03T07:00")
    _days(scenario, 14, 15, 16)
    assert scenario.mails_to(ada) == [["A", "Held"], ["P14"], ["P15"], ["P16"]]
    found = scenario.audit("2026-04-16T08:00")
    assert (found.clean, found.pending) == (True, {})
    _days(scenario, 20)
    assert scenario.mails_to(ada)[4:] == [["P20"]]


def test_papers_taken_in_by_a_clock_ahead_are_not_repeated_when_that_day_comes(
    scenario: Scenario, ada: int
) -> None:
    scenario.edition("2026-06-01T05:00", {"A": ["circuits"]})
    scenario.day("2026-06-01T07:00")
    _days(scenario, 14, 15)
    assert scenario.mails_to(ada) == [["A"], ["P14"], ["P15"]]
    scenario.edition("2026-06-02T05:00", {"B": ["circuits"]})
    scenario.day("2026-06-02T07:00")
    assert scenario.mails_to(ada)[3:] == [["B"]]
    assert scenario.audit("2026-06-02T08:00").clean


def test_mail_that_waits_for_a_date_far_ahead_is_composed_anew(scenario: Scenario, ada: int) -> None:
    scenario.edition("2026-04-14T05:00", {"A": ["circuits"]})
    scenario.compose("2026-05-05T07:00")
    scenario.day("2026-04-14T07:00")
    assert scenario.mails_to(ada) == [["A"]]
    found = scenario.audit("2026-04-14T08:00")
    assert (found.clean, found.given, found.pending) == (True, 1, {})


# A digest that nobody got passes over no slot


def test_expired_mail_passes_over_no_slot(scenario: Scenario, ada: int) -> None:
    scenario.edition("2026-04-14T15:00", {"A": ["circuits"]})
    scenario.compose("2026-04-14T22:00", everyone=True)
    scenario.edition("2026-04-15T05:00", {"B": ["circuits"]})
    with writing(scenario.engine) as connection:
        assert expire(connection, now=utc("2026-04-15T07:00")) == 1
    assert scenario.day("2026-04-15T07:00").composed == 1
    assert [sorted(mail) for mail in scenario.mails_to(ada)] == [["A"], ["A", "B"]]
    found = scenario.audit("2026-04-15T08:00")
    assert (found.clean, found.pending) == (True, {})


def test_audit_expects_the_slot_that_an_expired_mail_does_not_pass_over(scenario: Scenario, ada: int) -> None:
    scenario.edition("2026-04-14T15:00", {"A": ["circuits"]})
    scenario.compose("2026-04-14T22:00", everyone=True)
    with writing(scenario.engine) as connection:
        skip(connection, [1], reason=SkipReason.EXPIRED, now=utc("2026-04-15T07:00"))
    scenario.edition("2026-04-15T05:00", {"B": ["circuits"]})
    scenario.compose("2026-04-15T07:00", only=ada + 1)  # not for her
    assert scenario.audit("2026-04-15T08:00").pending[Pending.NO_RUN] == 1


# What happens between two slots


def test_audit_waits_for_the_next_slot_after_the_minimum_was_lowered(scenario: Scenario) -> None:
    ada = scenario.reader("ada@example.org", "circuits", joined="2026-04-12T12:00", minimum=3)
    scenario.edition("2026-04-14T05:00", {"A": ["circuits"]})
    assert scenario.day("2026-04-14T07:00").closed == {"too few": 1}
    scenario.reader("ada@example.org", joined="2026-04-14T09:00", minimum=1)
    assert scenario.audit("2026-04-14T10:00").pending == {Pending.SLOT: 1}
    scenario.day("2026-04-15T07:00")
    assert scenario.mails_to(ada) == [["A"]]


def test_audit_waits_for_the_next_slot_after_a_pause_was_ended_early(scenario: Scenario, ada: int) -> None:
    for at, until in (("2026-04-13T08:00", utc("2026-04-25T12:00")), ("2026-04-14T09:00", None)):
        with writing(scenario.engine) as connection:
            unsubscribe.pause(connection, subscriber_id=ada, until=until, how="web", now=utc(at))
        if until is not None:
            _days(scenario, 14)
    assert scenario.audit("2026-04-14T10:00").pending == {Pending.SLOT: 1}
    scenario.day("2026-04-15T07:00")
    assert scenario.mails_to(ada) == [["P14"]]


def test_edition_stored_after_the_run_waits_for_the_next_slot(scenario: Scenario, ada: int) -> None:
    scenario.day("2026-04-14T07:00")
    scenario.edition("2026-04-14T06:59:59", {"A": ["circuits"]}, published_at=utc("2026-04-14T07:10"))
    scenario.day("2026-04-14T07:10")
    found = scenario.audit("2026-04-14T08:00")
    assert (found.clean, found.pending) == (True, {Pending.SLOT: 1})
    scenario.day("2026-04-15T07:00")
    assert scenario.mails_to(ada) == [["A"]]
    assert scenario.audit("2026-04-15T08:00").clean


def test_date_that_had_its_digest_has_no_second_one_after_a_change(scenario: Scenario, ada: int) -> None:
    _days(scenario, 14)
    scenario.reader("ada@example.org", joined="2026-04-14T09:00", hour=22)
    scenario.edition("2026-04-14T10:00", {"B": ["circuits"]})
    assert scenario.day("2026-04-14T22:00").closed == {"passed over": 1}
    found = scenario.audit("2026-04-14T23:00")
    assert (found.clean, found.pending) == (True, {Pending.SLOT: 1})
    scenario.day("2026-04-15T22:00")
    assert scenario.mails_to(ada) == [["P14"], ["B"]]


def test_date_that_had_its_digest_in_another_zone_has_no_second_one(scenario: Scenario) -> None:
    ada = scenario.reader("ada@example.org", "circuits", joined="2026-04-12T12:00", timezone="Asia/Tokyo")
    scenario.edition("2026-04-13T20:00", {"A": ["circuits"]})
    scenario.day("2026-04-13T22:00")
    scenario.reader("ada@example.org", joined="2026-04-14T00:00", timezone="America/Los_Angeles")
    scenario.edition("2026-04-14T03:00", {"B": ["circuits"]})
    assert scenario.day("2026-04-14T14:00").closed == {"passed over": 1}
    found = scenario.audit("2026-04-14T15:00")
    assert (found.clean, found.pending) == (True, {Pending.SLOT: 1})
    scenario.day("2026-04-15T14:00")
    assert scenario.mails_to(ada) == [["A"], ["B"]]


def test_patience_that_ends_between_two_slots_is_over_at_the_second(scenario: Scenario) -> None:
    ada = scenario.reader("ada@example.org", "circuits", joined="2026-04-12T12:00", minimum=3)
    scenario.edition("2026-04-14T10:00", {"A": ["circuits"]})
    for day in range(15, 22):
        scenario.day(f"2026-04-{day}T07:00")
    scenario.day("2026-04-21T12:00")
    assert (scenario.mails_to(ada), scenario.audit("2026-04-21T13:00").pending) == ([], {Pending.TOO_FEW: 1})
    scenario.day("2026-04-22T07:00")
    assert scenario.mails_to(ada) == [["A"]]


@pytest.mark.dialects
def test_change_while_composing_waited_opens_no_closed_slot(tmp_path: Path, database_url: str) -> None:
    """Whoever composes reads the clock, then waits for another writer: a change may be later than that."""
    with RecordingServer() as server:
        newsletter = WholeNewsletter(tmp_path, port=server.port, url=database_url)
        ada = newsletter.reader("ada@example.org", "circuits", joined="2026-04-12T12:00", hour=22)
        newsletter.ingest_samples([13])
        with writing(newsletter.engine) as connection:
            choose(
                connection,
                subscriber_id=ada,
                topics_wanted=["circuits"],
                known_topics=list(newsletter.topics),
                given={"hour": 8},
                how="web",
                now=utc("2026-04-13T12:00:05"),
                defaults=Preferences(),
            )
        assert newsletter.send("2026-04-13T12:00:00").sent == 0
        assert newsletter.send("2026-04-14T08:00:00").sent == 1
        newsletter.engine.dispose()
