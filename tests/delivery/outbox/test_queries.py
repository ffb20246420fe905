"""Deliveries as `deliveries list` and `show` print them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from newsletter.core.errors import NotFoundError
from newsletter.core.states import DeliveryState
from newsletter.db.engine import reading
from newsletter.delivery.outbox import queries
from subscribers import audience
from tests.delivery.outbox.scenario import (
    BUILDER,
    NOW,
    Outbox,
    reply,
    send,
)


def show(box: Outbox, delivery: int) -> dict[str, object]:
    with reading(box.engine) as connection:
        return queries.shown(
            connection, delivery, addresses=audience.addresses(), message_id=BUILDER.message_id
        )


def test_show_has_every_field_of_a_delivery(box: Outbox) -> None:
    one, two, three = box.papers(3)
    box.queue(box.readers(1), box.digest([one], recaps=[two], left=[three]))
    send(box, 1, reply(450, "4.2.1"))
    assert show(box, 1) == {
        "id": 1,
        "address": "r1@mail.example",
        "kind": "digest",
        "key": "key 1",
        "edition": None,
        "subject": "Digest 1",
        "state": "deferred",
        "reason": None,
        "attempts": 1,
        "message_id": BUILDER.message_id(1, "digest", "key 1"),
        "reply": "450 4.2.1 words",
        "bounced_at": None,
        "composed_at": NOW.isoformat(),
        "next_attempt_at": (NOW + timedelta(minutes=5)).isoformat(),
        "finished_at": None,
        "papers": [
            {"id": one, "title": "Paper 1", "topic": "everything", "form": "full", "role": "news"},
            {"id": two, "title": "Paper 2", "topic": "everything", "form": "title", "role": "recap"},
        ],
        "maybe": [],
        "new_versions": [],
    }


def test_list_filters_newest_first(box: Outbox) -> None:
    digest = box.digest()
    box.queue(box.readers(2), digest)
    box.queue(box.readers(1), digest, state="sent")
    with reading(box.engine) as connection:

        def found(**filters: object) -> list[int]:
            rows = queries.listed(
                connection,
                addresses=audience.addresses(),
                message_id=BUILDER.message_id,
                **filters,  # type: ignore[arg-type]
            )
            return [row["id"] for row in rows]

        assert found() == [3, 2, 1]
        assert found(limit=1) == [3]
        assert found(state=DeliveryState.QUEUED) == [2, 1]
        assert found(subscriber_id=2) == [2]
        assert found(ids=[]) == []


def test_show_names_an_unknown_delivery(box: Outbox) -> None:
    with pytest.raises(NotFoundError, match="no such delivery: 9"):
        show(box, 9)
