"""The note about nothing new: one for each slot without news, to readers of digests only, and no debt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from newsletter.core.states import DeliveryState
from newsletter.db.engine import writing
from newsletter.pipeline.content.digest_renderer import topic_views
from newsletter.pipeline.content.transactional import TransactionalRenderer
from newsletter.pipeline.send import SendReport
from newsletter.render.environment import MailEnvironment
from newsletter.render.view_models import Brand
from subscribers.lifecycle import unsubscribe
from tests.pipeline.whole_newsletter import WholeNewsletter, read, utc
from tests.smtp_servers.recording import RecordingServer


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    with RecordingServer() as server:
        yield server


@pytest.fixture
def newsletter(tmp_path: Path, server: RecordingServer, database_url: str) -> Iterator[WholeNewsletter]:
    newsletter = WholeNewsletter(tmp_path, port=server.port, url=database_url)
    yield newsletter
    newsletter.engine.dispose()


def _send(newsletter: WholeNewsletter, at: str, *, notes: bool = True) -> SendReport:
    views = topic_views(list(newsletter.topics.values()))
    renderer = TransactionalRenderer(MailEnvironment(), brand=Brand(name="Paper Digest"), topics=views)
    return newsletter.send(at, note_renderer=renderer if notes else None)


def _subjects(server: RecordingServer) -> list[tuple[str, str]]:
    found = [(mail.recipient.partition("@")[0], read(mail.data)["Subject"]) for mail in server.accepted]
    server.accepted.clear()
    return sorted(found)


NOTE = "Nothing new today: Paper Digest"


def test_slot_that_brings_nothing_sends_a_note_once_where_it_is_asked_for(
    newsletter: WholeNewsletter, server: RecordingServer
) -> None:
    newsletter.reader("ada@example.org", "circuits", joined="2026-04-12T12:00")
    assert _send(newsletter, "2026-04-13T07:00", notes=False).sent == 0
    assert [_send(newsletter, f"2026-04-14T{hour}").sent for hour in ("07:00", "07:30", "09:00")] == [1, 0, 0]
    assert _subjects(server) == [("ada", NOTE)]
    assert _send(newsletter, "2026-04-17T12:00").sent == 1, "one for all that were missed"


def test_note_goes_to_who_gets_digests_and_to_nobody_else(
    newsletter: WholeNewsletter, server: RecordingServer
) -> None:
    newsletter.ingest_samples([13])
    newsletter.reader("all@example.org", "everything", joined="2026-04-12T12:00")
    newsletter.reader("none@example.org", "quantum", joined="2026-04-13T06:00")
    newsletter.reader("late@example.org", "quantum", joined="2026-04-12T12:00", hour=9)
    paused = newsletter.reader("paused@example.org", "quantum", joined="2026-04-13T06:00")
    gone = newsletter.reader("gone@example.org", "quantum", joined="2026-04-13T06:00")
    with writing(newsletter.engine) as connection:
        until = utc("2026-04-20T00:00")
        unsubscribe.pause(
            connection, subscriber_id=paused, until=until, how="web", now=utc("2026-04-13T06:30")
        )
        unsubscribe.unsubscribe(connection, subscriber_id=gone, how="web", now=utc("2026-04-13T06:30"))
    _send(newsletter, "2026-04-13T07:00")
    subjects = dict(_subjects(server))
    assert (subjects.pop("none"), list(subjects)) == (NOTE, ["all"])


def test_note_bears_a_one_click_unsubscribe(newsletter: WholeNewsletter, server: RecordingServer) -> None:
    newsletter.reader("ada@example.org", "circuits", joined="2026-04-12T12:00")
    _send(newsletter, "2026-04-13T07:00")
    [mail] = server.accepted
    assert read(mail.data)["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_notes_change_nothing_of_what_is_owed(newsletter: WholeNewsletter, server: RecordingServer) -> None:
    newsletter.reader("ada@example.org", "everything", joined="2026-04-12T12:00", minimum=100)
    newsletter.reader("eve@example.org", "everything", joined="2026-04-12T12:00")
    for day in (13, 14, 15, 16):
        if day in (14, 16):
            newsletter.ingest_samples([day])
        _send(newsletter, f"2026-04-{day}T07:00")
    got = Counter(name for name, subject in _subjects(server) if subject == NOTE)
    assert got == {"ada": 1, "eve": 2}, "what is too few waits without a note"
    found = newsletter.audit("2026-04-16T08:00")
    assert (found.clean, set(found.pending)) == (True, {"fewer papers than the reader's minimum"})


def test_note_of_a_sender_that_died_is_not_sent_again(
    newsletter: WholeNewsletter, server: RecordingServer
) -> None:
    from sqlalchemy import update

    from newsletter.db.schema import deliveries

    newsletter.reader("ada@example.org", "circuits", joined="2026-04-12T12:00")
    _send(newsletter, "2026-04-13T07:00")
    with writing(newsletter.engine) as connection:
        connection.execute(
            update(deliveries).values(
                state=DeliveryState.HANDING_OVER.value,
                owner="nobody",
                leased_until=newsletter.delivery_options.wall() - timedelta(days=1),
                finished_at=None,
            )
        )
    report = _send(newsletter, "2026-04-13T07:10")
    assert (report.uncertain, report.sent, len(server.accepted)) == (1, 0, 1)
