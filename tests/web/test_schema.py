"""Schemathesis over our own OpenAPI: no request causes an internal error."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.web.newsletter_site import NewsletterSite

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")

# The schema cannot describe addresses, topics and time zones.
MORE_THAN_A_SCHEMA = import_module("schemathesis.specs.openapi.checks").positive_data_acceptance
ROUNDS = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
)


@pytest.mark.full
def test_no_input_makes_the_api_fail(website: NewsletterSite) -> None:
    """Schemathesis over the OpenAPI: no 5xx, and every answer matches its description."""
    schema = schemathesis.openapi.from_asgi("/api/openapi.json", website.app)
    tried: dict[str, set[int]] = {}
    for found in schema.get_all_operations():
        operation = found.ok()
        tried[operation.label] = answers_of(operation)
    assert tried.pop("GET /api/topics") == {200}
    assert tried.pop("POST /api/sign-ups") <= {202, 422}  # a random address is rarely well-formed
    assert tried == {}


def answers_of(operation: Any) -> set[int]:
    """The statuses of generated requests to one operation; each answer must match its description."""
    answers = set()

    @ROUNDS
    @given(case=operation.as_strategy())
    def check(case: Any) -> None:
        answers.add(case.call_and_validate(excluded_checks=[MORE_THAN_A_SCHEMA]).status_code)

    check()
    return answers
