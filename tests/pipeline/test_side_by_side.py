"""On PostgreSQL deliveries go on while others compose: nobody waits, nobody takes what another one holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from newsletter.db.engine import reading, writing
from newsletter.db.schema import reader_debts
from newsletter.delivery.outbox.claims import claim, expire
from newsletter.delivery.outbox.handover import hand_over
from newsletter.delivery.outbox.recovery import Uncertain, recover
from newsletter.delivery.outbox.sender_locks import owning
from tests.delivery.outbox.scenario import public
from tests.pipeline.scenario import Scenario, utc

NO_WAITING = "options=-clock_timeout%3D2s"  # a statement that waits for another's row fails
NOW = utc("2026-04-14T07:00")


@pytest.fixture
def scenario(tmp_path: Path, postgres_url: str) -> Iterator[Scenario]:
    """One reader with a mail that waits."""
    scenario = Scenario(tmp_path, url=f"{postgres_url}?{NO_WAITING}")
    scenario.reader("ada@example.org", "circuits", joined="2026-04-12T12:00")
    scenario.edition("2026-04-14T05:00", {"A": ["circuits"]})
    assert scenario.compose("2026-04-14T07:00").composed == 1
    yield scenario
    scenario.engine.dispose()


def test_composing_leaves_a_changed_readers_mail_to_the_sender_who_is_taking_it(scenario: Scenario) -> None:
    with writing(scenario.engine) as sender:
        claim(sender, owner="me", now=NOW, wall=NOW, limit=9, audience=public())
        scenario.reader("ada@example.org", joined="2026-04-14T07:00", text_only="true")
        assert scenario.compose("2026-04-14T07:00").composed == 0
    with writing(scenario.engine) as sender:
        handed_over = hand_over(sender, [1], owner="me", wall=NOW)
    assert (handed_over, scenario.mails_to(1)) == ({1}, [["A"]])


def test_expiring_leaves_a_mail_to_the_sender_who_is_taking_it(scenario: Scenario) -> None:
    before = utc("2026-04-15T06:59:59")
    with writing(scenario.engine) as sender:
        claim(sender, owner="me", now=before, wall=before, limit=9, audience=public())
        with writing(scenario.engine) as another:
            assert expire(another, now=utc("2026-04-15T07:00")) == 0
    with writing(scenario.engine) as sender:
        handed_over = hand_over(sender, [1], owner="me", wall=before)
    assert handed_over == {1}


def test_a_dead_senders_mail_becomes_one_recap_whoever_finds_it_first(
    scenario: Scenario, tmp_path: Path
) -> None:
    locks = tmp_path / "locks"
    with owning(locks) as owner, writing(scenario.engine) as sender:
        claim(sender, owner=owner, now=NOW, wall=NOW, limit=9, audience=public())
        hand_over(sender, [1], owner=owner, wall=NOW)
    with writing(scenario.engine) as one, writing(scenario.engine) as two:
        found = [
            recover(connection, locks_dir=locks, now=NOW, wall=NOW, mode=Uncertain.MEND)
            for connection in (one, two)
        ]
    with reading(scenario.engine) as connection:
        recaps = connection.execute(select(func.count()).select_from(reader_debts)).scalar_one()
    assert (found, recaps) == ([1, 0], 1)
