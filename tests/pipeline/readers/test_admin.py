"""What an admin does to subscribers: answers, transactions, and the papers that a newcomer is given."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from newsletter.pipeline.readers import admin
from newsletter.pipeline.readers.policy import ReaderPolicy
from subscribers.errors import SubscriberError, UnknownAddressError, UnknownTopicError
from tests.pipeline.readers.scenario import NOON, POLICY, debts


def add(
    engine: Engine, address: str, *topics: str, confirmed: bool = True, welcome: int = 0
) -> dict[str, Any]:
    policy = ReaderPolicy(
        known_topics=POLICY.known_topics, suppression_key=POLICY.suppression_key, welcome=welcome
    )
    return admin.add(
        engine,
        address=address,
        topics=topics,
        preferences={},
        confirmed=confirmed,
        policy=policy,
        now=NOON,
    )


def test_add_lists_earlier_papers_and_owes_none(engine: Engine, backlog: None) -> None:
    row = add(engine, "ada@example.org", "quantum", "circuits")
    assert row == {
        **admin.show(engine, "ada@example.org", policy=POLICY),
        "change": "added",
        "asked": False,
        "welcomed": 0,
        "could_have_had": [
            {"id": 3, "title": "Paper 3", "topic": "quantum"},
            {"id": 2, "title": "Paper 2", "topic": "circuits"},
            {"id": 1, "title": "Paper 1", "topic": "quantum"},
        ],
        "could_have_had_count": 3,
    }
    assert debts(engine) == []


def test_add_with_a_welcome_owes_the_most_recent_once(engine: Engine, backlog: None) -> None:
    row = add(engine, "ada@example.org", "quantum", "circuits", welcome=2)
    assert (row["welcomed"], row["could_have_had_count"]) == (2, 1)
    assert row["could_have_had"] == [{"id": 1, "title": "Paper 1", "topic": "quantum"}]
    assert debts(engine) == [(3, "quantum", "welcome"), (2, "circuits", "welcome")]
    again = add(engine, "ada@example.org", "quantum", "circuits", welcome=2)
    assert (again["change"], "welcomed" in again) == ("unchanged", False)
    admin.unsubscribe(engine, "ada@example.org", now=NOON)
    add(engine, "ada@example.org", "quantum", welcome=2)  # comes back: had them
    assert len(debts(engine)) == 2


def test_add_of_a_pending_person_owes_nothing_before_they_confirm(engine: Engine, backlog: None) -> None:
    row = add(engine, "ada@example.org", "quantum", confirmed=False, welcome=2)
    assert (row["state"], row["welcomed"], row["could_have_had_count"]) == ("pending", 0, 3)
    assert debts(engine) == []


def test_a_refused_add_stores_nothing(engine: Engine) -> None:
    with pytest.raises(UnknownTopicError):
        add(engine, "ada@example.org", "nothing")
    assert admin.listed(engine, policy=POLICY) == []


def test_show_finds_any_spelling_and_changes_nothing(engine: Engine) -> None:
    add(engine, "Ada@example.org", "quantum", confirmed=False)
    shown = admin.show(engine, "ADA@EXAMPLE.ORG", policy=POLICY)
    assert (shown["address"], shown["state"]) == ("Ada@example.org", "pending")
    assert admin.show(engine, "ADA@EXAMPLE.ORG", policy=POLICY) == shown
    with pytest.raises(UnknownAddressError):
        admin.show(engine, "bob@example.org", policy=POLICY)


def test_suppress_and_unsuppress(engine: Engine) -> None:
    added = add(engine, "ada@example.org", "quantum")
    suppressed = admin.suppress(engine, "ada@example.org", policy=POLICY, now=NOON)
    assert suppressed["state"] == "suppressed"
    assert admin.show(engine, "ada@example.org", policy=POLICY)["suppressed"] == {
        "reason": "admin",
        "at": "2026-01-05T12:00:00+00:00",
    }
    back = admin.unsuppress(engine, "ada@example.org", policy=POLICY, now=NOON)
    assert back == {key: added[key] for key in back}
    stranger = admin.suppress(engine, "eve@example.org", policy=POLICY, now=NOON)
    assert stranger == {"address": "eve@example.org", "state": "suppressed", "topics": []}
    assert admin.show(engine, "eve@example.org", policy=POLICY)["suppressed"]["reason"] == "admin"
    assert [row["address"] for row in admin.listed(engine, policy=POLICY)] == ["ada@example.org"]


def test_forget_leaves_nothing_to_show(engine: Engine) -> None:
    add(engine, "ada@example.org", "quantum")
    assert admin.forget(engine, "ada@example.org", policy=POLICY, now=NOON) == {
        "address": "ada@example.org",
        "state": "erased",
        "topics": [],
    }
    with pytest.raises(UnknownAddressError):
        admin.show(engine, "ada@example.org", policy=POLICY)
    with pytest.raises(UnknownAddressError):
        admin.forget(engine, "ada@example.org", policy=POLICY, now=NOON)


def test_history_pause_and_unsubscribe_answer_with_rows(engine: Engine) -> None:
    add(engine, "ada@example.org", "quantum", "circuits")
    until = NOON + timedelta(days=7)
    paused = admin.pause(engine, "ada@example.org", until=until, now=NOON)
    assert paused["paused_until"] == "2026-01-12T12:00:00+00:00"
    assert admin.unsubscribe(engine, "ada@example.org", topics=["quantum"], now=NOON)["topics"] == [
        "circuits"
    ]
    assert admin.unsubscribe(engine, "ada@example.org", topics=[], now=NOON)["state"] == "unsubscribed"
    assert [(event["what"], event["how"]) for event in admin.history(engine, "ada@example.org")] == [
        ("confirmed", "admin"),
        ("paused", "admin"),
        ("left", "admin"),
        ("unsubscribed", "admin"),
    ]


def test_listed_filters_and_refuses_unknown_values(engine: Engine) -> None:
    add(engine, "ada@example.org", "quantum")
    add(engine, "bob@example.org", "circuits", confirmed=False)
    by_topic = admin.listed(engine, policy=POLICY, topic="quantum")
    assert [row["address"] for row in by_topic] == ["ada@example.org"]
    assert [row["address"] for row in admin.listed(engine, policy=POLICY, state="pending")] == [
        "bob@example.org"
    ]
    with pytest.raises(UnknownTopicError):
        admin.listed(engine, policy=POLICY, topic="nothing")
    with pytest.raises(SubscriberError):
        admin.listed(engine, policy=POLICY, state="nothing")
