"""Limits of the public pages: windows that begin with the first count, one count for all processes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from newsletter.db.engine import writing
from subscribers import limits
from subscribers.errors import SubscriberError
from subscribers.limits import allow, delete_ended, rates_of
from tests.subscribers.conftest import NOON, SubscriberScenario

pytestmark = pytest.mark.dialects

RATES = rates_of("2/minute, 3/hour")


def hits(
    scenario: SubscriberScenario, *minutes: int, identifier: str = "ada", scope: str = "client"
) -> list[bool]:
    return [
        allow(
            scenario.connection,
            RATES,
            scope=scope,
            identifier=identifier,
            now=NOON + timedelta(minutes=minute),
        )
        for minute in minutes
    ]


def test_each_rate_holds_and_its_window_ends(scenario: SubscriberScenario) -> None:
    # two a minute; a refused one does not count for the three an hour
    assert hits(scenario, 0, 0, 0, 2, 59, 60, 60) == [True, True, False, True, False, True, True]


def test_counts_are_separate_by_scope_and_identifier(scenario: SubscriberScenario) -> None:
    assert hits(scenario, 0, 0, 0) == [True, True, False]
    assert hits(scenario, 0, identifier="grace") == [True]
    assert hits(scenario, 0, scope="address") == [True]


def test_counts_are_shared_by_all_processes(engine: Engine) -> None:
    answers = []
    for _ in range(3):
        with writing(engine) as connection:
            answers.append(allow(connection, RATES, scope="client", identifier="ada", now=NOON))
    assert answers == [True, True, False]


def test_without_a_rate_there_is_no_limit(scenario: SubscriberScenario) -> None:
    assert rates_of("  ") == ()
    assert allow(scenario.connection, (), scope="client", identifier="ada", now=NOON)


def test_ended_windows_are_deleted(scenario: SubscriberScenario) -> None:
    hits(scenario, 0)
    assert delete_ended(scenario.connection, now=NOON + timedelta(minutes=1)) == 1
    assert delete_ended(scenario.connection, now=NOON + timedelta(hours=1)) == 1
    assert delete_ended(scenario.connection, now=NOON + timedelta(hours=1)) == 0


def test_a_malformed_rate_is_refused_with_an_example() -> None:
    with pytest.raises(SubscriberError, match="'often' is no rate"):
        rates_of("often")


def test_the_storage_implements_the_whole_interface(scenario: SubscriberScenario) -> None:
    counts = limits._CountStorage(scenario.connection, NOON)
    assert (counts.incr("k", 60), counts.incr("k", 60, 2), counts.get("k")) == (1, 3, 3)
    assert counts.get_expiry("k") == (NOON + timedelta(seconds=60)).timestamp()
    assert (counts.get("other"), counts.get_expiry("other")) == (0, NOON.timestamp())
    counts.clear("k")
    assert (counts.get("k"), counts.check(), counts.incr("k", 60), counts.reset()) == (0, True, 1, 1)
