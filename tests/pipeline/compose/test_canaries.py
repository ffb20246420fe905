"""Canaries: an edition is theirs when it is published; everybody else's when its hold time is over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from newsletter.db.engine import reading
from newsletter.db.schema import canary_slots, deliveries
from newsletter.pipeline import pending_work
from newsletter.pipeline.compose.options import EditionSchedule
from newsletter.pipeline.curation import review
from newsletter.pipeline.explain.why import why
from newsletter.pipeline.send import SendReport
from tests.pipeline.scenario import Scenario
from tests.pipeline.whole_newsletter import WholeNewsletter, titles_in, utc
from tests.smtp_servers.recording import RecordingServer

CANARY = "Canary@example.org"
HELD_FOR_AN_HOUR = EditionSchedule(
    hold=timedelta(hours=1), canaries=("canary@example.org", "nobody@example.org")
)


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    with RecordingServer() as running:
        yield running


@pytest.fixture
def newsletter(tmp_path: Path, server: RecordingServer, database_url: str) -> Iterator[WholeNewsletter]:
    newsletter = WholeNewsletter(tmp_path, port=server.port, url=database_url)
    newsletter.reader(CANARY, "circuits", joined="2026-04-12T12:00", hour=22)
    for name in ("ada", "bob"):
        newsletter.reader(f"{name}@example.org", "circuits", joined="2026-04-12T12:00", hour=8)
    yield newsletter
    newsletter.engine.dispose()


def run(newsletter: WholeNewsletter, at: str, schedule: EditionSchedule = HELD_FOR_AN_HOUR) -> SendReport:
    return newsletter.send(at, edition_schedule=schedule)


def test_canary_gets_an_edition_when_it_is_published_and_the_others_after_the_hold_time(
    newsletter: WholeNewsletter, server: RecordingServer
) -> None:
    newsletter.ingest_samples([13], hour="07:00")
    assert run(newsletter, "2026-04-13T07:00").sent == 1
    assert server.recipients() == [CANARY]
    for at, sent in (("07:01", 0), ("07:59", 0), ("08:00", 2), ("08:01", 0), ("22:00", 0)):
        assert run(newsletter, f"2026-04-13T{at}").sent == sent
    assert sorted(server.recipients()) == [CANARY, "ada@example.org", "bob@example.org"]
    first, *others = (titles_in(mail.data) for mail in server.accepted)
    assert first
    assert others == [first, first]
    found = newsletter.audit("2026-04-13T22:01")
    assert (found.clean, found.given, found.pending) == (True, 3 * len(first), {})


def test_canary_is_asked_about_by_the_scheduler_until_it_was_looked_after(
    newsletter: WholeNewsletter,
) -> None:
    newsletter.ingest_samples([13], hour="07:00")
    review_first = HELD_FOR_AN_HOUR.canaries
    newsletter.publish("2026-04-13T07:00")
    with reading(newsletter.engine) as connection:
        assert pending_work.has_due_canaries(connection, review_first, now=utc("2026-04-13T07:00"))
        assert not pending_work.has_due_canaries(connection, (), now=utc("2026-04-13T07:00"))
        unknown = ["nobody@example.org"]
        assert not pending_work.has_due_canaries(connection, unknown, now=utc("2026-04-13T07:00"))
    run(newsletter, "2026-04-13T07:01")
    with reading(newsletter.engine) as connection:
        assert not pending_work.has_due_canaries(connection, review_first, now=utc("2026-04-13T07:02"))


def test_canary_is_mailed_first_without_a_hold_time(
    newsletter: WholeNewsletter, server: RecordingServer
) -> None:
    newsletter.ingest_samples([13], hour="08:00")
    schedule = EditionSchedule(canaries=("bob@example.org",))
    assert run(newsletter, "2026-04-13T08:00", schedule).sent == 2
    with reading(newsletter.engine) as connection:
        assert connection.execute(select(canary_slots.c.edition)).scalars().all() == [1]
        claimed = select(deliveries.c.subscriber_id).order_by(deliveries.c.next_attempt_at, deliveries.c.id)
        assert connection.execute(claimed).scalars().all() == [3, 2]  # bob before ada
    assert sorted(server.recipients()) == ["ada@example.org", "bob@example.org"]
    assert newsletter.audit("2026-04-13T08:01").clean


def test_edition_held_in_its_window_reaches_nobody_else_until_released(
    newsletter: WholeNewsletter, server: RecordingServer
) -> None:
    newsletter.ingest_samples([13], hour="07:00")
    run(newsletter, "2026-04-13T07:00")
    review.hold(newsletter.engine, 1)
    for at in ("07:30", "08:00", "12:00"):
        assert run(newsletter, f"2026-04-13T{at}").sent == 0
    assert newsletter.audit("2026-04-13T12:00").pending == {
        "its edition is held": 2 * len(titles_in(server.accepted[0].data))
    }
    review.release(newsletter.engine, 1, now=utc("2026-04-13T12:30"))
    assert run(newsletter, "2026-04-13T12:30").sent == 0  # the canary has it, and it is not the others' hour
    assert run(newsletter, "2026-04-14T08:00").sent == 2
    assert sorted(server.recipients()) == [CANARY, "ada@example.org", "bob@example.org"]
    assert newsletter.audit("2026-04-14T08:01").clean


def test_who_is_no_canary_any_more_gets_nothing_again(
    newsletter: WholeNewsletter, server: RecordingServer
) -> None:
    newsletter.ingest_samples([13], hour="07:00")
    run(newsletter, "2026-04-13T07:00")
    plain = EditionSchedule(hold=timedelta(hours=1))
    assert run(newsletter, "2026-04-13T07:30", plain).sent == 0
    assert run(newsletter, "2026-04-13T08:00", plain).sent == 2
    assert run(newsletter, "2026-04-13T22:00", plain).closed == {"nothing new": 1}
    newsletter.ingest_samples([14])
    assert run(newsletter, "2026-04-14T22:00", plain).sent == 3
    first, second = (set(titles_in(mail.data)) for mail in server.accepted if mail.recipient == CANARY)
    assert not first & second
    assert newsletter.audit("2026-04-14T22:01").clean


def test_why_says_that_a_reader_is_a_canary(newsletter: WholeNewsletter) -> None:
    newsletter.ingest_samples([13], hour="07:00")
    run(newsletter, "2026-04-13T07:00")
    answer = why(newsletter.engine, subscriber_id=1, address=CANARY, on=None, now=utc("2026-04-13T07:05"))
    assert (answer.mailed, answer.reason) == (
        True,
        "sent at 07:00 (UTC); they are a canary: edition 1 was theirs when it was published",
    )


def test_dropped_paper_goes_from_a_canarys_mail_that_waits(tmp_path: Path) -> None:
    scenario = Scenario(tmp_path)
    ada = scenario.reader("ada@example.org", "quantum", joined="2026-04-12")
    number = scenario.edition(
        "2026-04-13T08:00", {"A": ["quantum"], "B": ["quantum"]}, published_at=utc("2026-04-13T07:00")
    )
    canaries = ["ada@example.org"]
    assert scenario.compose("2026-04-13T07:00", canaries=canaries).composed == 1
    review.drop(scenario.engine, scenario.paper("A"), now=utc("2026-04-13T07:01"))
    assert scenario.compose("2026-04-13T07:02", canaries=canaries).composed == 1
    assert (number, scenario.mails_to(ada)) == (1, [["B"]])


def test_canary_who_left_out_a_paper_gets_it_with_the_next_digest(tmp_path: Path) -> None:
    scenario = Scenario(tmp_path, room=250)
    ada = scenario.reader("ada@example.org", "quantum", joined="2026-04-12")
    opened = utc("2026-04-13T18:00")
    scenario.edition("2026-04-13T18:30", {"A": ["quantum"], "B": ["quantum"]}, published_at=opened)
    scenario.compose("2026-04-13T18:00", canaries=["ada@example.org"])
    scenario.end("sent", at="2026-04-13T18:00")
    assert scenario.compose("2026-04-14T07:00", canaries=["ada@example.org"]).composed == 1
    assert scenario.mails_to(ada) == [["A", "(B)"], ["B"]]
    assert scenario.audit("2026-04-14T07:00").clean
