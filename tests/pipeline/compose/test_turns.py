"""Composing in turns: the same mail in the same order as at once, and a crash in between changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from newsletter.core.debts.digest_plan import DigestPlan
from newsletter.core.mail.values import Content
from newsletter.core.reader_range import EVERY_READER, ReaderRange
from newsletter.core.states import DeliveryState
from newsletter.db.engine import reading, writing
from newsletter.db.schema import deliveries, digests, runs
from newsletter.delivery.outbox.claims import expire
from newsletter.pipeline.compose.compose import ComposeReport, compose
from newsletter.pipeline.compose.options import EditionSchedule, SendOptions
from subscribers.lifecycle import strikes
from tests.pipeline.scenario import PlainRenderer, Scenario, utc

pytestmark = pytest.mark.dialects

READERS = 9
SLOT = utc("2026-04-14T07:00")
AT_ONCE = (1, 2, 4, 100)
CANARY = "reader6@example.org"
# The canary, those who wait by time, the others, the struck.
ORDER = [7, 5, 8, 1, 3, 4, 6, 9, 2]


class CrashError(Exception):
    """The process ends."""


class CrashingRenderer(PlainRenderer):
    """Crashes at its n-th digest."""

    def __init__(self, left: int) -> None:
        super().__init__()
        self.left = left

    def content(self, plan: DigestPlan, *, composed_at: datetime) -> Content:
        self.left -= 1
        if self.left < 0:
            raise CrashError
        return super().content(plan, composed_at=composed_at)


class CountingRenderer(PlainRenderer):
    """Counts its digests."""

    made = 0

    def content(self, plan: DigestPlan, *, composed_at: datetime) -> Content:
        self.made += 1
        return super().content(plan, composed_at=composed_at)


@pytest.fixture
def scenario(tmp_path: Path, database_url: str) -> Iterator[Scenario]:
    """Readers of whom some were not reached yesterday, one has a strike, and one is a canary."""
    scenario = Scenario(tmp_path, url=database_url)
    topics = ("circuits", "quantum", "everything")
    ids = [
        scenario.reader(f"reader{n}@example.org", topics[n % 3], joined="2026-04-12T12:00")
        for n in range(READERS)
    ]
    scenario.edition("2026-04-13T05:00", {"A": ["circuits"], "B": ["quantum"]})
    scenario.compose("2026-04-13T07:00", only=ids[4])
    scenario.end(DeliveryState.FAILED, at="2026-04-13T07:05")
    scenario.compose("2026-04-13T07:00", only=ids[7])
    scenario.end(DeliveryState.FAILED, at="2026-04-13T07:10")
    scenario.day("2026-04-13T07:15")
    with writing(scenario.engine) as connection:
        key = {"message_key": "m", "reason": "full", "note": "", "now": utc("2026-04-13T08:00")}
        strikes.add(connection, ids[1], **key)
    scenario.edition("2026-04-14T05:00", {"C": ["circuits", "quantum"], "D": []})
    yield scenario
    scenario.engine.dispose()


def _compose(
    scenario: Scenario,
    at_once: int,
    within: ReaderRange = EVERY_READER,
    renderer: PlainRenderer | None = None,
) -> ComposeReport:
    schedule = EditionSchedule(canaries=(CANARY,))
    options = SendOptions(renderer=renderer or scenario.renderer, edition_schedule=schedule)
    return compose(scenario.engine, options, now=SLOT, within=within, at_once=at_once)


def _queue(scenario: Scenario) -> list[tuple[Any, ...]]:
    """What waits, in the order in which it is claimed."""
    with reading(scenario.engine) as connection:
        return [
            tuple(row)
            for row in connection.execute(
                select(deliveries.c.subscriber_id, deliveries.c.key, digests.c.key, deliveries.c.expires_at)
                .join(digests, digests.c.id == deliveries.c.digest_id)
                .where(deliveries.c.state == DeliveryState.QUEUED)
                .order_by(deliveries.c.next_attempt_at, deliveries.c.id)
            )
        ]


def _runs(scenario: Scenario) -> list[tuple[str, int]]:
    with reading(scenario.engine) as connection:
        found = select(runs.c.verb, runs.c.done).where(runs.c.at == SLOT).order_by(runs.c.id)
        return [tuple(row) for row in connection.execute(found)]


def test_run_is_done_when_its_last_turn_is(scenario: Scenario) -> None:
    assert _compose(scenario, 1).composed == READERS
    assert _runs(scenario) == [("composing", 1), ("compose", READERS)]
    assert _compose(scenario, 2).composed == 0  # nobody is due any more


@pytest.mark.parametrize("at_once", AT_ONCE)
def test_turns_of_any_size_make_the_same_mail(scenario: Scenario, at_once: int) -> None:
    report = _compose(scenario, at_once)
    assert (report.due, report.composed, report.closed) == (READERS, READERS, {})
    assert [row[0] for row in _queue(scenario)] == ORDER
    assert [scenario.mails_to(reader)[-1] for reader in (1, 2, 3, 5)] == [
        ["C"],
        ["C"],
        ["C", "D"],
        ["B", "C"],
    ]
    scenario.end(DeliveryState.SENT, at="2026-04-14T07:05")
    found = scenario.audit("2026-04-14T08:00")
    assert (found.repeated, found.missed, found.pending) == (0, 0, {})


@pytest.mark.parametrize("digests_before", [0, 1, 2, 3, 5])
def test_crash_between_turns_loses_and_doubles_nothing(scenario: Scenario, digests_before: int) -> None:
    with pytest.raises(CrashError):
        _compose(scenario, 2, renderer=CrashingRenderer(digests_before))
    assert ("compose", READERS) not in _runs(scenario)  # an audit in between does not take it as done
    early = scenario.audit("2026-04-14T07:00")
    assert (early.repeated, early.missed) == (0, 0)
    done = len(_queue(scenario))
    report = _compose(scenario, 2)
    assert done + report.composed == READERS
    assert sorted(row[0] for row in _queue(scenario)) == list(range(1, READERS + 1))
    scenario.end(DeliveryState.SENT, at="2026-04-14T07:05")
    found = scenario.audit("2026-04-14T08:00")
    assert (found.repeated, found.missed, found.pending) == (0, 0, {})


@pytest.mark.parametrize("last", [1, 4, 8])
def test_ranges_of_readers_together_make_the_mail_of_all(scenario: Scenario, last: int) -> None:
    first = _compose(scenario, 3, ReaderRange(1, last))
    assert {row[0] for row in _queue(scenario)} == set(range(1, last + 1))
    second = _compose(scenario, 3, ReaderRange(last + 1))
    assert (first.composed, second.composed) == (last, READERS - last)
    scenario.end(DeliveryState.SENT, at="2026-04-14T07:05")
    found = scenario.audit("2026-04-14T08:00")
    assert (found.repeated, found.missed, found.pending) == (0, 0, {})


def test_readers_who_missed_the_same_digests_are_one_group(scenario: Scenario) -> None:
    """After an outage everybody has rows of their own: equal ones make one digest, rendered once."""
    _compose(scenario, 100)
    with writing(scenario.engine) as connection:
        assert expire(connection, now=utc("2026-04-15T07:00")) == READERS
    renderer = CountingRenderer()
    options = SendOptions(renderer=renderer)
    report = compose(scenario.engine, options, now=utc("2026-04-15T07:00"), at_once=100)
    assert report.composed == READERS
    # Those of circuits, of quantum, of everything, and of quantum who wait for B as well.
    assert renderer.made == 4
    scenario.end(DeliveryState.SENT, at="2026-04-15T07:05")
    found = scenario.audit("2026-04-15T08:00")
    assert (found.repeated, found.missed, found.pending) == (0, 0, {})
