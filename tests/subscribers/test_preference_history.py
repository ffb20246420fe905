"""Earlier preferences and pauses, read from the consent ledger."""

from __future__ import annotations

from pathlib import Path

from newsletter.db.engine import reading, writing
from subscribers.lifecycle import unsubscribe
from subscribers.preference_history import PastChoice, history_of
from subscribers.preferences import Preferences
from tests.pipeline.scenario import Scenario, utc


def test_history_of_holds_every_choice_and_pause_from_the_beginning(tmp_path: Path) -> None:
    scenario = Scenario(tmp_path)
    ada = scenario.reader("ada@example.org", "circuits", joined="2026-04-01", hour=7)
    scenario.reader("ada@example.org", joined="2026-04-05", hour=9, minimum=2)
    scenario.reader("ada@example.org", joined="2026-04-07", minimum=3)
    pauses = [(utc("2026-04-08"), utc("2026-04-20")), (utc("2026-04-10"), None)]
    with writing(scenario.engine) as connection:
        for at, until in pauses:
            unsubscribe.pause(connection, subscriber_id=ada, until=until, how="web", now=at)
        unsubscribe.unsubscribe(connection, subscriber_id=ada, how="web", now=utc("2026-04-11"))
    scenario.reader("ada@example.org", "quantum", joined="2026-04-15")
    with reading(scenario.engine) as connection:
        history = history_of(connection, ada)
    first, second = Preferences(hour=7), Preferences(hour=9, minimum=2)
    third = Preferences(hour=9, minimum=3)
    back = PastChoice(since=utc("2026-04-15"), preferences=third, restarts_slots=True)
    assert history.choices == [
        PastChoice(since=None, preferences=first, restarts_slots=False),
        PastChoice(since=utc("2026-04-01"), preferences=first, restarts_slots=True),
        PastChoice(since=utc("2026-04-05"), preferences=second, restarts_slots=True),
        PastChoice(since=utc("2026-04-07"), preferences=third, restarts_slots=False),
        back,
        back,  # came back, and confirmed
    ]
    assert history.pauses == pauses
    scenario.engine.dispose()
