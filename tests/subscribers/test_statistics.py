"""Counts over time agree with the states of people after random changes; nothing counts twice."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from subscribers import statistics
from subscribers.errors import SubscriberError
from subscribers.lifecycle import signup, signup_choices, suppression, unsubscribe
from subscribers.queries import State, counts
from subscribers.statistics import DailyMovement
from tests.marks import first_quick
from tests.subscribers.conftest import KEY, NOON, SubscriberScenario, later

pytestmark = pytest.mark.dialects

DAY = timedelta(days=1)


def test_movements_count_requests_joins_and_departures_by_day_and_cause(scenario: SubscriberScenario) -> None:
    ada = scenario.add("ada@example.org", "circuits", confirmed=False, how="web")
    scenario.add("ida@example.org", "circuits", confirmed=False, how="web")
    kay = scenario.add("kay@example.org", "quantum", how="import")
    bob = scenario.add("bob@example.org", "quantum", how="import")
    scenario.confirm(ada, now=later(1))
    unsubscribe.unsubscribe(scenario.connection, subscriber_id=ada.person.id, how="one-click", now=later(2))
    unsubscribe.undo(scenario.connection, subscriber_id=ada.person.id, how="web", now=later(2))
    suppression.suppress(
        scenario.connection, address="kay@example.org", reason="bounce", how="bounce", now=later(2), key=KEY
    )
    suppression.suppress(
        scenario.connection, address="ida@example.org", reason="bounce", how="bounce", now=later(2), key=KEY
    )
    suppression.unsuppress(scenario.connection, address="kay@example.org", how="admin", now=later(3), key=KEY)
    suppression.forget(scenario.connection, subscriber_id=bob.person.id, how="web", now=later(3), key=KEY)
    suppression.forget(scenario.connection, subscriber_id=kay.person.id, how="web", now=later(9), key=KEY)

    def move(day: int, how: str, **numbers: int) -> DailyMovement:
        return DailyMovement(day=later(day).date(), how=how, **{"asked": 0, "joined": 0, "left": 0} | numbers)

    assert statistics.movements(scenario.connection, since=NOON, until=later(3)) == [
        move(0, "import", joined=2),
        move(0, "web", asked=2),
        move(1, "web", joined=1),
        move(2, "bounce", left=1),
        move(2, "one-click", left=1),
        move(2, "web", joined=1),
        move(3, "admin", joined=1),
        move(3, "web", left=1),
    ]
    assert statistics.suppressed(scenario.connection, since=later(1), until=later(3)) == {
        "made": {"bounce": 2, "erased": 1},
        "in_force": {"bounce": 1, "erased": 2},
    }


@pytest.mark.parametrize("seed", first_quick(range(6), 2))
def test_growth_gives_the_readers_of_every_day(scenario: SubscriberScenario, seed: int) -> None:
    chance = random.Random(seed)
    addresses = [f"{name}@example.org" for name in ("ada", "kay", "ida", "bob")]
    people: dict[str, int] = {}
    readers = []
    for day in range(60):
        address, now = chance.choice(addresses), later(day)
        known = people.get(address)
        what = chance.choice(["add", "add", "ask", "confirm", "leave", "undo", "suppress", "lift", "forget"])
        try:
            if what in ("add", "ask"):
                added = scenario.add(address, "circuits", confirmed=what == "add", now=now, how="web")
                people[address] = added.person.id
            elif what == "suppress":
                suppression.suppress(
                    scenario.connection, address=address, reason="bounce", how="bounce", now=now, key=KEY
                )
            elif what == "lift":
                suppression.unsuppress(scenario.connection, address=address, how="admin", now=now, key=KEY)
            elif known is not None:
                act = {
                    "confirm": lambda subscriber_id, **how: signup.confirm(
                        scenario.connection,
                        subscriber_id=subscriber_id,
                        suppression_key=KEY,
                        chosen=signup_choices.latest(scenario.connection, [subscriber_id]).get(subscriber_id),
                        **how,
                    ),
                    "leave": lambda **who: unsubscribe.unsubscribe(scenario.connection, **who),
                    "undo": lambda **who: unsubscribe.undo(scenario.connection, **who),
                    "forget": lambda **who: suppression.forget(scenario.connection, key=KEY, **who),
                }[what]
                act(subscriber_id=known, how="web", now=now)
        except SubscriberError:
            pass  # a refused change changes nothing
        readers.append(counts(scenario.connection)["states"][State.CONFIRMED])
    assert max(readers) > 1
    assert [
        readers[-1] - statistics.growth(scenario.connection, after=later(day)) for day in range(60)
    ] == readers
    moves = statistics.movements(scenario.connection, since=NOON - DAY, until=later(60))
    assert sum(move.joined - move.left for move in moves) == readers[-1]
