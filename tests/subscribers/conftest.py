"""A database for each test, and helpers that add people to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine

import newsletter.db.tables  # noqa: F401 - both sides share one metadata
from newsletter.db.engine import open_engine, writing
from subscribers import consent
from subscribers.lifecycle import signup
from subscribers.lifecycle.signup import SignupResult
from subscribers.preferences import Preferences
from subscribers.queries import SubscriberView, by_id

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
KEY = b"suppression key of the tests"
TOPICS = ("circuits", "quantum", "everything")


def later(days: int) -> datetime:
    return NOON + timedelta(days=days)


@dataclass
class SubscriberScenario:
    """A connection with helpers for people."""

    connection: Connection

    def add(
        self,
        address: str,
        *topics: str,
        confirmed: bool = True,
        now: datetime = NOON,
        how: str = "admin",
        name: str = "",
        **given: object,
    ) -> SignupResult:
        return signup.add(
            self.connection,
            address=address,
            topics_wanted=topics,
            known_topics=TOPICS,
            given=given,
            confirmed=confirmed,
            how=how,
            now=now,
            suppression_key=KEY,
            defaults=Preferences(),
            default_topics=("everything",),
            name=name,
        )

    def confirm(self, added: SignupResult, *, now: datetime) -> SubscriberView:
        person, _ = signup.confirm(
            self.connection,
            subscriber_id=added.person.id,
            how="web",
            now=now,
            suppression_key=KEY,
            chosen=added.asked,
            origin={"form": "1", "from": "confirmed"},
        )
        return person

    def person(self, added: SignupResult) -> SubscriberView:
        return by_id(self.connection, added.person.id)

    def events(self, added: SignupResult) -> list[tuple[str, list[Any]]]:
        return [
            (event["what"], event["topics"]) for event in consent.history(self.connection, added.person.id)
        ]


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    opened = open_engine(database_url)
    yield opened
    opened.dispose()


@pytest.fixture
def scenario(engine: Engine) -> Iterator[SubscriberScenario]:
    with writing(engine) as connection:
        yield SubscriberScenario(connection)
