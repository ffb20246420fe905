"""Requests are answered in their order; one that fails does not stop the others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from subscribers import requests
from subscribers.requests import PageRequest, RequestKind
from tests.subscribers.conftest import NOON, SubscriberScenario, later

pytestmark = pytest.mark.dialects

ADA = PageRequest(
    kind=RequestKind.SIGN_UP,
    address="ada@example.org",
    name="Ada",
    topics=("circuits",),
    given={"hour": "8"},
    origin={"form": "1"},
    at=NOON,
)
GRACE = PageRequest(kind=RequestKind.LINK, address="grace@example.org", at=NOON)


def test_requests_come_back_as_they_were_stored_the_oldest_first(scenario: SubscriberScenario) -> None:
    assert not requests.any_waiting(scenario.connection)
    requests.store(scenario.connection, ADA)
    requests.store(scenario.connection, GRACE)
    assert requests.any_waiting(scenario.connection)
    found = requests.waiting(scenario.connection, limit=5)
    assert [replace(request, id=0) for request in found] == [ADA, GRACE]
    assert requests.waiting(scenario.connection, limit=1) == found[:1]


def test_answered_requests_are_deleted_and_failed_ones_marked(scenario: SubscriberScenario) -> None:
    for request in (ADA, GRACE, GRACE):
        requests.store(scenario.connection, request)
    first, second, third = requests.waiting(scenario.connection, limit=5)
    requests.delete_answered(scenario.connection, [first.id])
    requests.mark_failed(scenario.connection, second.id, why="ValueError: " + "x" * 600)
    assert requests.waiting(scenario.connection, limit=5) == [third]
    assert requests.counts(scenario.connection) == {"waiting": 1, "failed": 1}


def test_failed_requests_stay_a_week_and_waiting_ones_until_answered(
    scenario: SubscriberScenario,
) -> None:
    requests.store(scenario.connection, ADA)
    requests.store(scenario.connection, GRACE)
    first, second = requests.waiting(scenario.connection, limit=5)
    requests.mark_failed(scenario.connection, first.id, why="ValueError")
    assert requests.delete_old_failed(scenario.connection, now=NOON + requests.KEEP_FAILED) == 0
    assert requests.delete_old_failed(scenario.connection, now=later(8)) == 1
    assert requests.waiting(scenario.connection, limit=5) == [second]
    assert requests.counts(scenario.connection) == {"waiting": 1, "failed": 0}
