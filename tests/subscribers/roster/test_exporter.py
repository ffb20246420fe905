"""The canonical roster: an export can be imported, and then exports the same bytes."""

from __future__ import annotations

import io
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import newsletter.db.tables  # noqa: F401 - both sides share one metadata
from newsletter.db.engine import open_engine, writing
from subscribers import queries
from subscribers.errors import AddressError, NameRefusedError, SuppressedError
from subscribers.lifecycle import suppression, unsubscribe
from subscribers.roster.exporter import write
from tests.databases import migrated_url
from tests.subscribers.conftest import KEY, NOON, TOPICS, SubscriberScenario
from tests.subscribers.roster.test_importer import import_text


def written(scenario: SubscriberScenario) -> str:
    file = io.StringIO(newline="")
    write(queries.listed(scenario.connection), file)
    return file.getvalue()


def test_write_is_canonical(scenario: SubscriberScenario) -> None:
    scenario.add("=Ada <ada@example.org>", "quantum", "circuits", cadence="weekly", hour=9, cards="all")
    scenario.add("+tag@example.org", confirmed=False, text_only=True, minimum=2, maximum=20)
    bob = scenario.add('Bob, "the builder" <bob@bücher.example>', "circuits")
    until = datetime(2026, 2, 1, tzinfo=UTC)
    unsubscribe.pause(scenario.connection, subscriber_id=bob.person.id, until=until, how="web", now=NOON)
    unsubscribe.unsubscribe(scenario.connection, subscriber_id=bob.person.id, how="web", now=NOON)
    cyd = scenario.add("cyd@example.org")
    suppression.forget(scenario.connection, subscriber_id=cyd.person.id, how="web", now=NOON, key=KEY)
    assert written(scenario) == (
        "email,name,topics,cadence,weekday,hour,timezone,state,text_only,minimum,maximum,cards,maybe,"
        "paused_until\n"
        "ada@example.org,'=Ada,circuits;quantum,weekly,monday,9,UTC,confirmed,false,1,,all,false,\n"
        "'+tag@example.org,,everything,daily,,7,UTC,pending,true,2,20,10,false,\n"
        'bob@bücher.example,"Bob, ""the builder""",,daily,,7,UTC,unsubscribed,false,1,,10,false,'
        "2026-02-01T00:00:00+00:00\n"
    )


person = st.fixed_dictionaries(
    {
        "local": st.text(alphabet="ab'+=-é", min_size=1, max_size=6),
        "name": st.text(max_size=30) | st.text(alphabet="'=+-@\"\n,; a", max_size=8),
        "topics": st.sets(st.sampled_from(TOPICS)),
        "confirmed": st.booleans(),
        "then": st.sampled_from(["stays", "leaves", "suppressed", "paused"]),
        "until": st.datetimes(NOON.replace(tzinfo=None) + timedelta(1), timezones=st.just(UTC)),
        "given": st.fixed_dictionaries(
            {
                "hour": st.integers(0, 23),
                "cadence": st.sampled_from(["daily", "weekdays", "weekly"]),
                "timezone": st.sampled_from(["UTC", "Europe/Berlin", "Etc/GMT+5"]),
                "text_only": st.booleans(),
                "minimum": st.integers(1, 20),
                "maximum": st.none() | st.integers(20, 1000),
                "cards": st.sampled_from([5, 10, 20, None]),
                "maybe": st.booleans(),
            }
        ),
    }
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(person, max_size=8))
def test_write_gives_the_same_bytes_after_an_import_elsewhere(
    persons: list[dict[str, Any]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        first, second = (open_engine(migrated_url(Path(folder), f"{n}.sqlite3")) for n in (1, 2))
        with writing(first) as connection:
            for each in persons:
                _live(SubscriberScenario(connection), each)
            before = written(SubscriberScenario(connection))
        with writing(second) as connection:
            report = import_text(
                SubscriberScenario(connection), Path(folder), before, day=9_999
            )  # pauses are over by then
            assert report.refused == []
            assert written(SubscriberScenario(connection)) == before
            assert import_text(SubscriberScenario(connection), Path(folder), before).updated == 0
        for engine in (first, second):
            engine.dispose()


def _live(scenario: SubscriberScenario, each: dict[str, Any]) -> None:
    """Add a person, and change them in one way."""
    address = f"{each['local']}@example.org"
    try:
        added = scenario.add(
            address, *sorted(each["topics"]), confirmed=each["confirmed"], name=each["name"], **each["given"]
        )
    except (AddressError, NameRefusedError, SuppressedError):  # refused people are not exported
        return
    id_ = added.person.id
    if each["then"] == "leaves":
        unsubscribe.unsubscribe(scenario.connection, subscriber_id=id_, how="web", now=NOON)
    elif each["then"] == "suppressed":
        suppression.suppress(
            scenario.connection, address=address, reason="complaint", how="complaint", now=NOON, key=KEY
        )
    elif each["then"] == "paused":
        unsubscribe.pause(scenario.connection, subscriber_id=id_, until=each["until"], how="web", now=NOON)
