"""No statement of a day reads a table that grows as a whole: with a year in the tables, as the database says.

A statement that does costs more each day. Each test runs a part of the product and lets the database explain
every statement of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from newsletter.db.engine import reading, writing
from newsletter.db.schema import edition_papers
from newsletter.delivery.outbox.claims import transactional_waits
from newsletter.papers import merging
from newsletter.pipeline import pending_work
from newsletter.pipeline.compose.options import EditionSchedule
from newsletter.pipeline.send import prepare
from tests.db.explained import Explained, explaining
from tests.db.year_of_rows import DAYS, PAPERS, READERS, fill_with_a_year
from tests.pipeline.inbound.post_office import PostOffice
from tests.pipeline.inbound.reports import bounce, complaint
from tests.pipeline.whole_newsletter import utc
from tests.smtp_servers.recording import RecordingServer

pytestmark = [pytest.mark.full, pytest.mark.dialects]

SLOT = "2026-04-13T07:00"


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    with RecordingServer() as running:
        yield running


@pytest.fixture
def office(tmp_path: Path, server: RecordingServer, database_url: str) -> Iterator[PostOffice]:
    office = PostOffice(tmp_path, server, url=database_url)
    with writing(office.engine) as connection:
        fill_with_a_year(connection)
    yield office
    office.engine.dispose()


def _look(office: PostOffice) -> None:
    now = utc("2026-04-13T06:00")
    with reading(office.engine) as connection:
        assert not pending_work.has_news(connection)
        assert not pending_work.has_due_slots(connection, now=now)
        pending_work.has_due_canaries(connection, ["reader1@readers.example"], now=now)
        assert not pending_work.has_due_deliveries(connection, locks_dir=office.folder / "locks", now=now)
        assert not transactional_waits(connection, now=now)
        assert pending_work.next_due(connection, now=now) == utc(SLOT)


def _ingest_and_publish(office: PostOffice) -> None:
    office.ingest_samples([13])
    assert office.publish("2026-04-13T06:30") is not None


def _send(office: PostOffice) -> None:
    office.ingest_samples([13])
    schedule = EditionSchedule(canaries=("reader3@readers.example",))
    report = office.send(SLOT, edition_schedule=schedule, new_versions=True)
    assert report.sent > READERS // 3


def _send_after_an_outage(office: PostOffice) -> None:
    office.ingest_samples([13])
    options = office.options()
    prepare(office.engine, options, office.delivery_options, now=utc(SLOT))
    report = prepare(office.engine, options, office.delivery_options, now=utc(SLOT) + timedelta(days=1))
    assert report.composed > READERS // 3


def _send_what_comes_again(office: PostOffice) -> None:
    """A paper of an edition was dropped and taken back in, and two papers were merged."""
    office.ingest_samples([13])
    again = edition_papers.c.edition == DAYS
    with writing(office.engine) as connection:
        connection.execute(update(edition_papers).where(again).values(restored_at=utc("2026-04-12T09:00")))
        merging.merge(connection, DAYS * PAPERS, (DAYS - 40) * PAPERS, now=utc("2026-04-12T09:00"))
    assert office.send(SLOT).sent > READERS // 3


def _look_while_mail_waits(office: PostOffice) -> None:
    office.ingest_samples([13])
    prepare(office.engine, office.options(), office.delivery_options, now=utc(SLOT))
    with reading(office.engine) as connection:
        assert not pending_work.has_due_slots(connection, now=utc(SLOT))


def _come_back(office: PostOffice) -> None:
    office.ingest_samples([13])
    office.send(SLOT)
    mails = office.server.accepted
    office.take(bounce(mails[0]), "2026-04-13T08:00")
    office.take(bounce(mails[1], "4.2.2", "452 4.2.2 mailbox full"), "2026-04-13T08:01")
    office.take(complaint(mails[2]), "2026-04-13T08:02")


WORK = [
    _look,
    _ingest_and_publish,
    _send,
    _send_after_an_outage,
    _send_what_comes_again,
    _look_while_mail_waits,
    _come_back,
]


@pytest.mark.parametrize("work", WORK, ids=lambda work: work.__name__.strip("_"))
def test_no_statement_reads_a_growing_table_as_a_whole(
    office: PostOffice, work: Callable[[PostOffice], None]
) -> None:
    with explaining(office.engine) as found:
        work(office)
    assert len(found.statements) > 3
    assert not found.scans, _shown(found)


def _shown(found: Explained) -> str:
    return "\n\n".join(f"{sorted(scans)}\n{statement}" for statement, scans in found.scans.items())
