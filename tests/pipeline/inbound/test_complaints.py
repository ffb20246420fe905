"""Complaints above what providers bear hold the next edition, and alarm. Real digests, a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from newsletter.core.alarms import AlarmPolicy, alarms_of
from newsletter.core.mail.bounce_policy import alarming, too_many
from newsletter.db.engine import reading
from newsletter.ops.alarms.facts import gather
from newsletter.papers import editions
from newsletter.pipeline.curation import review
from tests.pipeline.inbound.post_office import PostOffice
from tests.pipeline.inbound.reports import complaint
from tests.pipeline.whole_newsletter import utc
from tests.smtp_servers.recording import RecordingServer


@pytest.fixture
def office(tmp_path: Path) -> Iterator[PostOffice]:
    with RecordingServer() as server:
        office = PostOffice(tmp_path, server)
        for number in range(10):
            office.reader(f"r{number}@example.org", "circuits", "interpretability", joined="2026-04-12T12:00")
        yield office
        office.engine.dispose()


def _alarms(office: PostOffice, at: str) -> dict[str, str]:
    with reading(office.engine) as connection:
        facts = gather(connection, state_dir=office.folder, now=utc(at))
    return {alarm.key: alarm.words for alarm in alarms_of(facts, AlarmPolicy(free_bytes=0))}


def _held(office: PostOffice, number: int) -> str | None:
    with reading(office.engine) as connection:
        return editions.held_because(connection, number)


@pytest.mark.parametrize(
    ("complaints", "messages", "alarm", "hold"),
    [
        (0, 0, False, False),
        (0, 1000, False, False),
        (1, 1000, False, False),
        (1, 999, True, False),
        (3, 1000, True, False),
        (4, 1000, True, True),
        (1, 100, True, False),
        (2, 100, True, True),
        (300, 100_000, True, False),
        (301, 100_000, True, True),
    ],
)
def test_bounds(complaints: int, messages: int, alarm: bool, hold: bool) -> None:
    assert (alarming(complaints, messages), too_many(complaints, messages)) == (alarm, hold)


def test_one_complaint_alarms_and_two_hold_the_next_edition_once(office: PostOffice) -> None:
    office.digest(13, "r0@example.org")
    assert "complaints" not in _alarms(office, "2026-04-13T08:00")
    office.take(complaint(office.mail_to("r0@example.org")), "2026-04-13T09:00")
    assert _alarms(office, "2026-04-13T10:00")["complaints"].startswith(
        "readers complain: 1 complaint about 10 messages in 7 days (10.00 %)"
    )
    office.take(complaint(office.mail_to("r1@example.org")), "2026-04-13T11:00")
    assert "0.3 %" in _alarms(office, "2026-04-13T12:00")["complaints"]
    office.ingest_samples([14])
    assert office.send("2026-04-14T07:00").sent == 0
    assert (_held(office, 2) or "").startswith("too many readers complain: 2 complaints about 10 messages")
    assert "edition 2" in _alarms(office, "2026-04-14T08:00")
    review.release(office.engine, 2, now=utc("2026-04-14T09:00"))
    office.send("2026-04-15T07:00")
    later = {mail.recipient for mail in office.server.accepted[10:]}
    assert later == {f"r{number}@example.org" for number in range(2, 10)}
    office.ingest_samples([15])
    office.publish("2026-04-15T08:00")  # nobody has complained since the last one
    assert _held(office, 3) is None
    assert office.audit("2026-04-15T09:00").clean
    assert "complaints" not in _alarms(office, "2026-04-25T09:00")  # a week later
