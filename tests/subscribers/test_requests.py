"""Requests are answered in their order; one that fails does not stop the others."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from subscribers import requests
from subscribers.requests import PageRequest, PostponedRequests, RequestKind, WaitsFor
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
    assert not requests.any_waiting(scenario.connection, now=NOON)
    requests.store(scenario.connection, ADA)
    requests.store(scenario.connection, GRACE)
    assert requests.any_waiting(scenario.connection, now=NOON)
    found = requests.waiting(scenario.connection, limit=5, now=NOON)
    assert [replace(request, id=0) for request in found] == [ADA, GRACE]
    assert requests.waiting(scenario.connection, limit=1, now=NOON) == found[:1]


def test_answered_requests_are_deleted_and_failed_ones_marked(scenario: SubscriberScenario) -> None:
    for request in (ADA, GRACE, GRACE):
        requests.store(scenario.connection, request)
    first, second, third = requests.waiting(scenario.connection, limit=5, now=NOON)
    requests.delete_answered(scenario.connection, [first.id])
    requests.mark_failed(scenario.connection, second.id, why="ValueError: " + "x" * 600)
    assert requests.waiting(scenario.connection, limit=5, now=NOON) == [third]
    assert requests.counts(scenario.connection) == {"waiting": 1, "failed": 1}


def test_a_postponed_request_waits_for_its_time_and_is_deleted_after_two_days(
    scenario: SubscriberScenario,
) -> None:
    connection = scenario.connection
    for request in (ADA, GRACE):
        requests.store(connection, request)
    first, second = requests.waiting(connection, limit=5, now=NOON)
    soon = NOON + timedelta(hours=1)
    requests.postpone(connection, first.id, until=soon, waits_for=WaitsFor.NEWSLETTER)
    requests.postpone(connection, second.id, until=soon, waits_for=WaitsFor.ADDRESS)
    assert not requests.any_waiting(connection, now=NOON)
    assert requests.postponed(connection, now=NOON) == PostponedRequests(number=1, until=soon)
    assert requests.waiting(connection, limit=5, now=soon) == [first, second]
    assert requests.postponed(connection, now=soon) == PostponedRequests(number=0, until=None)
    assert requests.delete_old(connection, now=later(2)) == 0
    assert requests.delete_old(connection, now=later(2) + timedelta(seconds=1)) == 2


def test_failed_requests_stay_a_week_and_waiting_ones_until_answered(
    scenario: SubscriberScenario,
) -> None:
    requests.store(scenario.connection, ADA)
    requests.store(scenario.connection, GRACE)
    first, second = requests.waiting(scenario.connection, limit=5, now=NOON)
    requests.mark_failed(scenario.connection, first.id, why="ValueError")
    assert requests.delete_old(scenario.connection, now=NOON + requests.KEEP_FAILED) == 0
    assert requests.delete_old(scenario.connection, now=later(8)) == 1
    assert requests.waiting(scenario.connection, limit=5, now=NOON) == [second]
    assert requests.counts(scenario.connection) == {"waiting": 1, "failed": 0}
