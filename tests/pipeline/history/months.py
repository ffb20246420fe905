"""Months of a small newsletter in which everything happens, and what it answers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from newsletter.core.states import DeliveryState
from newsletter.pipeline.explain.audit import audit, prove
from newsletter.pipeline.explain.why import why
from newsletter.pipeline.history.roll_up import RollUpReport, roll_up
from tests.pipeline.scenario import Scenario, utc

END = utc("2026-05-20T09:00")
START = utc("2026-01-05")
COUNTED = ["subscribers", "deliveries", "repeated", "missed", "given"]
COUNTED += ["pending", "ended", "uncertain", "mended"]
# One run in so many ends like this; the others are sent.
ENDS = {7: DeliveryState.FAILED, 11: DeliveryState.UNCERTAIN}


def live_some_months(scenario: Scenario, *, days: int = 130) -> list[int]:
    """Readers with different topics, cadences and rooms, and an edition a day; returns their ids."""
    readers = [
        scenario.reader("a@readers.example", "circuits", joined="2026-01-01"),
        scenario.reader("b@readers.example", "circuits", joined="2026-01-02"),
        scenario.reader("c@readers.example", "quantum", "circuits", joined="2026-01-01", cadence="weekly"),
        scenario.reader("d@readers.example", "quantum", joined="2026-02-10", maximum=1),
        scenario.reader("e@readers.example", "everything", joined="2026-01-01", minimum=2, maybe=True),
    ]
    for number in range(days):
        at = START + timedelta(days=number)
        scenario.edition(
            f"{at:%Y-%m-%dT05:00}",
            {f"Circuit {number}": ["circuits"], f"Qubit {number}": ["quantum", "circuits?"]},
        )
        ends = next((end for step, end in ENDS.items() if number % step == step - 1), DeliveryState.SENT)
        scenario.run(f"{at:%Y-%m-%dT07:30}", ends)
    return readers


def roll(scenario: Scenario, *, keep_days: int = 45) -> RollUpReport:
    return roll_up(scenario.engine, keep_days=keep_days, now=END, prove=prove)


def answers(scenario: Scenario, readers: list[int], *, full: bool = False) -> list[Any]:
    """What `audit` counts, and what `why` says of many days of each reader."""
    report = audit(scenario.engine, now=END, full=full)
    assert all(seal.matches for seal in report.seals)
    said = [
        why(
            scenario.engine,
            subscriber_id=reader,
            address="x",
            on=(START + timedelta(days=number)).date(),
            now=END,
        ).as_json()
        for reader in readers
        for number in range(0, 130, 3)
    ]
    return [{name: getattr(report, name) for name in COUNTED}, said]
