from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from newsletter.core.errors import NotFoundError
from newsletter.db.engine import reading, writing
from newsletter.db.schema import deliveries, digests, editions, pieces, runs
from newsletter.pipeline.compose.compose import compose
from newsletter.pipeline.publish import publish
from newsletter.pipeline.trial.preview import Preview, Previewer
from subscribers.lifecycle import suppression
from tests.pipeline.whole_newsletter import WholeNewsletter, read, titles_in, utc
from tests.smtp_servers.recording import RecordingServer

TABLES = (deliveries, digests, editions, pieces, runs)


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    with RecordingServer() as running:
        yield running


@pytest.fixture
def newsletter(tmp_path: Path, server: RecordingServer, database_url: str) -> Iterator[WholeNewsletter]:
    newsletter = WholeNewsletter(tmp_path, port=server.port, url=database_url)
    yield newsletter
    newsletter.engine.dispose()


def _preview(newsletter: WholeNewsletter, reader: int, at: str) -> Preview:
    return _previewer(newsletter).reader(reader, now=utc(at))


def _previewer(newsletter: WholeNewsletter) -> Previewer:
    return Previewer(
        engine=newsletter.engine,
        options=newsletter.options(),
        builder=newsletter.builder,
        links=newsletter.links,
        sample_digest=newsletter.sample_digest,
    )


def _rows(newsletter: WholeNewsletter) -> list[int]:
    with reading(newsletter.engine) as connection:
        return [connection.execute(select(func.count()).select_from(table)).scalar_one() for table in TABLES]


def _mails(server: RecordingServer) -> dict[str, bytes]:
    return {mail.recipient: mail.data for mail in server.accepted}


def test_preview_at_the_hour_is_the_mail_that_is_sent(
    newsletter: WholeNewsletter, server: RecordingServer
) -> None:
    readers = {
        f"{topic}@example.org": newsletter.reader(f"{topic}@example.org", topic, joined="2026-04-12T12:00")
        for topic in ("quantum", "circuits", "everything", "interpretability")
    }
    newsletter.ingest_samples([13])
    before = _rows(newsletter)
    shown = {address: _preview(newsletter, id_, "2026-04-13T07:00") for address, id_ in readers.items()}
    assert _rows(newsletter) == before == [0, 0, 0, 0, 0]
    newsletter.send("2026-04-13T07:00")
    assert {address: made.envelope.data for address, made in shown.items()} == _mails(server)
    assert [made.sample for made in shown.values()] == [False] * 4


def test_preview_before_the_hour_is_the_digest_as_it_stands(
    newsletter: WholeNewsletter, server: RecordingServer
) -> None:
    reader = newsletter.reader("ada@example.org", "circuits", joined="2026-04-12T12:00")
    newsletter.ingest_samples([13])
    made = _preview(newsletter, reader, "2026-04-13T06:00")
    assert not made.sample
    newsletter.send("2026-04-13T07:00")
    (sent,) = _mails(server).values()
    assert titles_in(made.envelope.data) == titles_in(sent)
    early = _preview(newsletter, reader, "2026-04-13T06:00")
    assert early.sample  # nothing is owed any more


def test_preview_of_what_send_now_would_mail(newsletter: WholeNewsletter, server: RecordingServer) -> None:
    reader = newsletter.reader("ada@example.org", "circuits", joined="2026-04-12T12:00")
    newsletter.ingest_samples([13])
    made = _preview(newsletter, reader, "2026-04-13T06:00")
    newsletter.send("2026-04-13T06:00", everyone=True)
    assert _mails(server) == {"ada@example.org": made.envelope.data}


def test_preview_shows_a_composed_mail_that_waits(
    newsletter: WholeNewsletter, server: RecordingServer
) -> None:
    reader = newsletter.reader("ada@example.org", "circuits", joined="2026-04-12T12:00")
    newsletter.ingest_samples([13])
    publish(newsletter.engine, now=utc("2026-04-13T07:00"))
    compose(newsletter.engine, newsletter.options(), now=utc("2026-04-13T07:00"))
    made = _preview(newsletter, reader, "2026-04-13T07:20")
    assert not made.sample
    newsletter.send("2026-04-13T07:30")
    assert _mails(server) == {"ada@example.org": made.envelope.data}


def test_preview_without_anything_owed_is_a_sample_of_the_readers_last(
    newsletter: WholeNewsletter, server: RecordingServer
) -> None:
    reader = newsletter.reader("ada@example.org", "circuits", joined="2026-04-12T12:00")
    newsletter.reader("bob@example.org", "quantum", joined="2026-04-12T12:00")
    newsletter.ingest_samples([13])
    newsletter.send("2026-04-13T07:00")
    made = _preview(newsletter, reader, "2026-04-13T09:00")
    sent = _mails(server)["ada@example.org"]
    assert made.sample
    assert titles_in(made.envelope.data) == titles_in(sent)
    ids = [re.search(rb"^Message-ID: (.*)\r\n", data, re.M)[1] for data in (made.envelope.data, sent)]  # type: ignore[index]
    assert ids[0] != ids[1]
    # Its links work like those in the mail.
    assert re.findall('/digests/[^"]+', made.part("html")) == re.findall(
        '/digests/[^"]+',
        read(sent).get_body(("html",)).get_content(),  # type: ignore[union-attr]
    )


def test_preview_of_a_newcomer_is_a_sample_of_the_latest_digest(
    newsletter: WholeNewsletter, server: RecordingServer
) -> None:
    newsletter.reader("ada@example.org", "circuits", joined="2026-04-12T12:00")
    newsletter.ingest_samples([13])
    newsletter.send("2026-04-13T07:00")
    newcomer = newsletter.reader("bob@example.org", "quantum", joined="2026-04-13T08:00")
    made = _preview(newsletter, newcomer, "2026-04-13T09:00")
    assert made.sample
    assert titles_in(made.envelope.data) == titles_in(_mails(server)["ada@example.org"])
    assert read(made.envelope.data)["To"] == "bob@example.org"


def test_preview_for_who_wants_text_is_text(newsletter: WholeNewsletter, server: RecordingServer) -> None:
    reader = newsletter.reader("ada@example.org", "circuits", joined="2026-04-12T12:00", text_only=True)
    newsletter.ingest_samples([13])
    made = _preview(newsletter, reader, "2026-04-13T07:00")
    assert (made.part("html"), read(made.envelope.data).get_content_type()) == ("", "text/plain")
    assert made.part("text").startswith("PAPER DIGEST")
    newsletter.send("2026-04-13T07:00")
    assert _mails(server) == {"ada@example.org": made.envelope.data}


def test_preview_before_anything_was_composed_shows_papers_that_ship(newsletter: WholeNewsletter) -> None:
    reader = newsletter.reader("ada@example.org", "circuits", joined="2026-04-12T12:00")
    made = _preview(newsletter, reader, "2026-04-13T07:00")
    assert made.sample
    assert "This is a sample." in made.part("text")
    assert len(titles_in(made.envelope.data)) >= 4
    assert f"{newsletter.links.base_url}/sample" in made.part("html")
    assert _rows(newsletter) == [0, 0, 0, 0, 0]


def test_preview_of_who_may_not_be_mailed_says_so(newsletter: WholeNewsletter) -> None:
    reader = newsletter.reader("ada@example.org", "circuits", joined="2026-04-12T12:00")
    newsletter.ingest_samples([13])
    newsletter.send("2026-04-13T07:00")
    with writing(newsletter.engine) as connection:
        suppression.suppress(
            connection,
            address="ada@example.org",
            reason="admin",
            how="admin",
            now=utc("2026-04-13T08:00"),
            key=b"suppression key of the tests",
        )
    with pytest.raises(NotFoundError, match="may not be mailed"):
        _preview(newsletter, reader, "2026-04-13T09:00")


def test_sample_for_goes_to_any_address_and_offers_no_one_click(newsletter: WholeNewsletter) -> None:
    newsletter.reader("ada@example.org", "circuits", joined="2026-04-12T12:00")
    newsletter.ingest_samples([13])
    newsletter.send("2026-04-13T07:00")
    names = ("greeting", "because", "unsubscribe_url", "preferences_url", "pause_url", "web_url")
    my = dict.fromkeys(names, "https://papers.example/")
    one, other = (
        _previewer(newsletter).anybody("any@example.net", now=utc(at), my=my).envelope
        for at in ("2026-04-13T10:00", "2026-04-13T10:01")
    )
    message = read(one.data)
    assert (one.recipient, message["To"], message["List-Unsubscribe"]) == (
        "any@example.net",
        "any@example.net",
        None,
    )
    assert message["Message-ID"] != read(other.data)["Message-ID"]
