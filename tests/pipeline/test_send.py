"""The main job, end to end: dumps in, personal digests out over a real SMTP server, nothing twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from newsletter import samples
from newsletter.core.debts.digest_plan import EVERYTHING
from newsletter.db.engine import reading
from newsletter.pipeline.compose.options import EditionSchedule
from newsletter.pipeline.send import SendReport, dry_run
from subscribers import queries
from tests.pipeline.whole_newsletter import WholeNewsletter, read, titles_in, utc
from tests.smtp_servers.recording import RecordingServer, ServerRules

TOPICS = ("circuits", "quantum", "neuromorphic", "interpretability")


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    with RecordingServer() as running:
        yield running


@pytest.fixture
def newsletter(tmp_path: Path, server: RecordingServer, database_url: str) -> Iterator[WholeNewsletter]:
    newsletter = WholeNewsletter(tmp_path, port=server.port, url=database_url)
    yield newsletter
    newsletter.engine.dispose()


def mails(server: RecordingServer, address: str) -> list[bytes]:
    return [mail.data for mail in server.accepted if mail.recipient == address]


def test_every_reader_gets_every_paper_of_their_topics_exactly_once(
    newsletter: WholeNewsletter, server: RecordingServer
) -> None:
    for topic in (*TOPICS, EVERYTHING):
        newsletter.reader(f"{topic}@example.org", topic, joined="2026-04-12T12:00")
    newsletter.reader("all@example.org", *TOPICS, joined="2026-04-12T12:00")
    for day in range(13, 18):
        newsletter.ingest_samples([day])
        report = newsletter.send(f"2026-04-{day}T07:00")
        assert report.complete
        assert report.sent == report.composed == report.due
    for topic in (*TOPICS, EVERYTHING):
        got = [title for mail in mails(server, f"{topic}@example.org") for title in titles_in(mail)]
        assert sorted(got) == newsletter.published_titles(topic)
        assert got, f"the samples hold nothing for {topic}"
    got = [title for mail in mails(server, "all@example.org") for title in titles_in(mail)]
    assert sorted(got) == sorted({title for topic in TOPICS for title in newsletter.published_titles(topic)})
    found = newsletter.audit("2026-04-17T08:00")
    assert (found.clean, found.pending, found.deliveries) == (True, {}, len(server.accepted))


def test_sending_again_sends_nothing(newsletter: WholeNewsletter, server: RecordingServer) -> None:
    newsletter.reader("ada@example.org", "circuits", joined="2026-04-12T12:00")
    newsletter.ingest_samples([13])
    assert newsletter.send("2026-04-13T07:00").sent == 1
    assert newsletter.send("2026-04-13T07:00") == SendReport(edition=1)
    assert newsletter.send("2026-04-13T07:05", everyone=True).sent == 0
    assert len(server.accepted) == 1


def test_a_known_paper_is_no_news_and_nobody_is_mailed_about_it(
    newsletter: WholeNewsletter, server: RecordingServer
) -> None:
    newsletter.reader("ada@example.org", EVERYTHING, joined="2026-04-12T12:00")
    newsletter.ingest_samples([13])
    newsletter.send("2026-04-13T07:00")
    newsletter.ingest_samples([14])
    newsletter.send("2026-04-14T07:00")
    first, second = (titles_in(mail) for mail in mails(server, "ada@example.org"))
    assert not set(first) & set(second)


def test_an_archive_taken_in_as_known_mails_nobody(
    newsletter: WholeNewsletter, server: RecordingServer
) -> None:
    newsletter.reader("ada@example.org", EVERYTHING, joined="2026-04-12T12:00")
    dump = samples.dumps()[0]
    report = newsletter.ingest(dump.read_bytes(), dump.name, at="2026-04-13T05:00", backfill=True)
    assert report.new > 0
    assert newsletter.send("2026-04-13T07:00") == SendReport(closed={"nothing new": 1})
    assert newsletter.audit("2026-04-13T08:00").clean


def test_a_dry_run_says_what_would_go_out_and_stores_nothing(
    newsletter: WholeNewsletter, server: RecordingServer
) -> None:
    newsletter.reader("ada@example.org", "circuits", joined="2026-04-12T12:00")
    newsletter.ingest_samples([13])
    now = utc("2026-04-13T07:00")
    for _ in range(2):
        report = dry_run(newsletter.engine, newsletter.options(), now=now)
        assert (report.due, report.composed, report.sent, report.dry_run) == (1, 1, 0, True)
    assert server.accepted == []
    assert newsletter.audit("2026-04-13T07:00").deliveries == 0


def test_a_hold_time_gives_an_admin_the_time_to_look(
    newsletter: WholeNewsletter, server: RecordingServer
) -> None:
    newsletter.reader("ada@example.org", "circuits", joined="2026-04-12T12:00")
    newsletter.ingest_samples([13], hour="06:30")
    schedule = EditionSchedule(hold=timedelta(hours=1))
    for at, sent in (("2026-04-13T07:00", 0), ("2026-04-13T07:40", 0), ("2026-04-14T07:00", 1)):
        assert newsletter.send(at, edition_schedule=schedule).sent == sent


def test_what_a_server_defers_goes_out_later_and_once(tmp_path: Path) -> None:
    busy = [True]

    def refuse(_address: str) -> bytes | None:
        return b"451 4.3.0 come back later" if busy[0] else None

    with RecordingServer(ServerRules(refuse=refuse)) as server:
        newsletter = WholeNewsletter(tmp_path, port=server.port)
        newsletter.reader("ada@example.org", "circuits", joined="2026-04-12T12:00")
        newsletter.ingest_samples([13])
        report = newsletter.send("2026-04-13T07:00")
        assert (report.deferred, report.sent, report.complete) == (1, 0, False)
        assert newsletter.send("2026-04-13T07:01") == SendReport(edition=1)  # not before its time
        busy[0] = False
        assert newsletter.send("2026-04-13T08:00").sent == 1
        assert len(server.accepted) == 1
        assert newsletter.audit("2026-04-13T09:00").clean


def test_a_mail_that_expires_gives_its_papers_to_the_next_digest(tmp_path: Path) -> None:
    busy = [True]

    def refuse(_address: str) -> bytes | None:
        return b"451 4.3.0 come back later" if busy[0] else None

    with RecordingServer(ServerRules(refuse=refuse)) as server:
        newsletter = WholeNewsletter(tmp_path, port=server.port)
        newsletter.reader("ada@example.org", "circuits", "quantum", joined="2026-04-12T12:00")
        for day in (13, 14):
            newsletter.ingest_samples([day])
            busy[0] = day == 13
            report = newsletter.send(f"2026-04-{day}T07:00")
        assert report.skipped == {"expired": 1}
        expected = {
            title for topic in ("circuits", "quantum") for title in newsletter.published_titles(topic)
        }
        assert sorted(titles_in(server.accepted[0].data)) == sorted(expected)
        found = newsletter.audit("2026-04-14T08:00")
        assert (len(server.accepted), found.clean, found.pending) == (1, True, {})


def test_an_address_that_does_not_exist_is_suppressed_and_nobody_else(tmp_path: Path) -> None:
    def refuse(address: str) -> bytes | None:
        return b"550 5.1.1 no such user" if address == "gone@example.org" else None

    with RecordingServer(ServerRules(refuse=refuse)) as server:
        newsletter = WholeNewsletter(tmp_path, port=server.port)
        for name in ("ada", "bob", "gone"):
            newsletter.reader(f"{name}@example.org", "circuits", joined="2026-04-12T12:00")
        newsletter.ingest_samples([13])
        report = newsletter.send("2026-04-13T07:00")
        assert (report.sent, report.failed, report.complete) == (2, 1, False)
        newsletter.ingest_samples([14])
        assert newsletter.send("2026-04-14T07:00").sent == 2
        found = newsletter.audit("2026-04-14T08:00")
        assert (found.clean, set(found.ended)) == (True, {"refused"})
    with reading(newsletter.engine) as connection:
        states = {person.address: str(person.state) for person in queries.listed(connection)}
    assert states == {
        "ada@example.org": "confirmed",
        "bob@example.org": "confirmed",
        "gone@example.org": "suppressed",
    }


def test_a_server_that_is_down_loses_nothing(
    newsletter: WholeNewsletter, server: RecordingServer, tmp_path: Path
) -> None:
    newsletter.reader("ada@example.org", "circuits", joined="2026-04-12T12:00")
    newsletter.ingest_samples([13])
    relay = replace(
        newsletter.delivery_options.relays[0], port=9, retry_delays=()
    )  # the discard port: nobody listens
    working = newsletter.delivery_options
    newsletter.delivery_options = replace(working, relays=[relay])
    report = newsletter.send("2026-04-13T07:00")
    assert report.stopped is not None
    assert (report.sent, report.complete) == (0, False)
    newsletter.delivery_options = working
    assert newsletter.send("2026-04-13T07:01").sent == 1
    assert newsletter.audit("2026-04-13T08:00").clean


def test_every_mail_has_the_headers_that_providers_ask_for(
    newsletter: WholeNewsletter, server: RecordingServer
) -> None:
    newsletter.reader("Ada Lövelace <ada@example.org>", *TOPICS, joined="2026-04-12T12:00")
    newsletter.ingest_samples([13])
    newsletter.send("2026-04-13T07:00")
    (mail,) = server.accepted
    message = read(mail.data)
    assert mail.sender.startswith("bounce+")
    assert sorted(message.keys()) == [
        "Auto-Submitted",
        "Content-Type",
        "Date",
        "Feedback-ID",
        "From",
        "List-Help",
        "List-Id",
        "List-Owner",
        "List-Unsubscribe",
        "List-Unsubscribe-Post",
        "MIME-Version",
        "Message-ID",
        "Subject",
        "To",
    ]
    assert message["To"] == "Ada Lövelace <ada@example.org>"
    assert message["Date"].datetime == utc("2026-04-13T07:00")
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    leave = message["List-Unsubscribe"].strip("<>")
    for kind in ("plain", "html"):
        part = message.get_body((kind,))
        assert part is not None
        assert part.get_content().count(leave) >= 1
