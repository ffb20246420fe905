"""The canonical roster: what is written can be read back and gives the same bytes again."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import SQLModel

import newsletter.db.tables  # noqa: F401 - both sides share one metadata
from newsletter.db.engine import open_engine, writing
from subscribers import leaving, people, suppression
from subscribers.errors import AddressError
from subscribers.roster.writing import write
from tests.subscribers.conftest import KEY, NOON, TOPICS, World
from tests.subscribers.roster.test_taking import take


def written(world: World) -> str:
    file = io.StringIO(newline="")
    write(people.listed(world.connection), file)
    return file.getvalue()


def test_write_is_canonical(world: World) -> None:
    world.add("=Ada <ada@example.org>", "quantum", "circuits", cadence="weekly", hour=9)
    world.add("+tag@example.org", confirmed=False)
    bob = world.add('Bob, "the builder" <bob@bücher.example>', "circuits")
    leaving.unsubscribe(world.connection, subscriber_id=bob.person.id, how="web", now=NOON)
    cyd = world.add("cyd@example.org")
    suppression.forget(world.connection, subscriber_id=cyd.person.id, how="web", now=NOON, key=KEY)
    assert written(world) == (
        "email,name,topics,cadence,weekday,hour,timezone,state\n"
        "ada@example.org,'=Ada,circuits;quantum,weekly,monday,9,UTC,confirmed\n"
        "'+tag@example.org,,everything,daily,,7,UTC,pending\n"
        'bob@bücher.example,"Bob, ""the builder""",,daily,,7,UTC,unsubscribed\n'
    )


person = st.fixed_dictionaries(
    {
        "local": st.text(alphabet="ab'+=-é", min_size=1, max_size=6),
        "name": st.text(max_size=30),
        "topics": st.sets(st.sampled_from(TOPICS)),
        "confirmed": st.booleans(),
        "leaves": st.booleans(),
        "hour": st.integers(0, 23),
        "cadence": st.sampled_from(["daily", "weekdays", "weekly"]),
        "timezone": st.sampled_from(["UTC", "Europe/Berlin", "Etc/GMT+5"]),
    }
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(person, max_size=8))
def test_write_gives_the_same_bytes_after_a_way_through_another_newsletter(
    persons: list[dict[str, object]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        first, second = (open_engine(f"sqlite:///{folder}/{n}.sqlite3") for n in (1, 2))
        for engine in (first, second):
            SQLModel.metadata.create_all(engine)
        with writing(first) as connection:
            world = World(connection)
            for each in persons:
                try:
                    added = world.add(
                        f"{each['local']}@example.org",
                        *sorted(each["topics"]),  # type: ignore[call-overload]
                        confirmed=bool(each["confirmed"]),
                        name=str(each["name"]),
                        hour=each["hour"],
                        cadence=each["cadence"],
                        timezone=each["timezone"],
                    )
                except AddressError:  # what is refused is not exported
                    continue
                if each["leaves"]:
                    leaving.unsubscribe(connection, subscriber_id=added.person.id, how="web", now=NOON)
            before = written(world)
        with writing(second) as connection:
            taken = take(World(connection), Path(folder), before)
            assert taken.refused == []
            assert written(World(connection)) == before
        for engine in (first, second):
            engine.dispose()
