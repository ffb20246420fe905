"""Checks and notifications: each alarm once, its end once, and a reminder each day while it is open."""

from __future__ import annotations

import email
import email.policy
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, update

from newsletter.core.alarms import AlarmPolicy
from newsletter.db.engine import open_engine, writing
from newsletter.db.schema import dumps, editions
from newsletter.delivery.message.builder import MessageBuilder, SenderIdentity
from newsletter.delivery.smtp.relay import Relay, Security
from newsletter.ops.alarms.notify import Notifier
from newsletter.ops.alarms.watch import WatchReport, watch
from newsletter.ops.stats.prometheus import exposition
from tests.smtp_servers.recording import RecordingServer

pytestmark = pytest.mark.dialects

NOON = datetime(2026, 4, 15, 12, tzinfo=UTC)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    opened = open_engine(database_url)
    with writing(opened) as connection:
        row = {"number": 3, "date": NOON.date(), "published_at": NOON, "ready_at": NOON, "held": True}
        connection.execute(insert(editions), row)
    yield opened
    opened.dispose()


@contextmanager
def hook(status: int = 200) -> Iterator[tuple[str, list[Any]]]:
    """A web server that records what is posted to it and which paths are requested."""
    got: list[Any] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.answer()

        def do_GET(self) -> None:
            got.append(self.path)
            self.answer()

        def answer(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing on stderr."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", got
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def check(engine: Engine, folder: Path, notifier: Notifier | None, *, hours: float = 0) -> WatchReport:
    return watch(
        engine,
        state_dir=folder,
        policy=AlarmPolicy(free_bytes=0),
        notifier=notifier,
        now=NOON + timedelta(hours=hours),
    )


def release(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(update(editions).values(held=False))


def test_an_alarm_and_its_end_are_reported_once_each(engine: Engine, tmp_path: Path) -> None:
    with hook() as (url, got):
        notifier = Notifier(name="Paper Digest", webhook=f"{url}/hook")
        first = check(engine, tmp_path, notifier)
        assert ([alarm.key for alarm in first.open], first.notified) == (["edition 3"], 1)
        assert check(engine, tmp_path, notifier, hours=1).notified == 0
        assert check(engine, tmp_path, notifier, hours=25).notified == 1
        release(engine)
        ended = check(engine, tmp_path, notifier, hours=26)
        assert (ended.open, ended.notified) == ([], 1)
        assert check(engine, tmp_path, notifier, hours=27).notified == 0
    assert [(len(posted["begun"]), len(posted["over"])) for posted in got] == [(1, 0), (1, 0), (0, 1)]
    assert (
        got[0]["text"] == "Paper Digest: Edition 3 is held, and nothing of it goes out until it is released."
    )
    assert (
        got[2]["text"]
        == "Paper Digest: Over: Edition 3 is held, and nothing of it goes out until it is released."
    )


def test_failed_notification_is_repeated_by_the_next_check(engine: Engine, tmp_path: Path) -> None:
    with hook(status=500) as (url, _):
        failed = check(engine, tmp_path, Notifier(name="P", webhook=url))
    assert (failed.notified, "500" in failed.error) == (0, True)
    with hook() as (url, got):
        assert check(engine, tmp_path, Notifier(name="P", webhook=url), hours=1).notified == 1
    assert len(got) == 1


def test_alarm_that_ended_before_its_report_is_not_reported(engine: Engine, tmp_path: Path) -> None:
    assert len(check(engine, tmp_path, None).open) == 1
    release(engine)
    with hook() as (url, got):
        assert check(engine, tmp_path, Notifier(name="P", webhook=url), hours=1).notified == 0
    assert got == []


def test_source_that_brings_the_same_batch_again_is_an_alarm(engine: Engine, tmp_path: Path) -> None:
    release(engine)
    for number, (new, day) in enumerate([(40, 13), (38, 14), (0, 15)]):
        row = {"sha256": f"{number:064}", "file": f"{number}.txt", "size": 1, "status": "ingested"}
        row |= {"format": "daily-papers", "entries": 40, "new": new, "nonblank_lines": 80, "unread_lines": 0}
        row |= {"received_at": NOON, "listed_on": date(2026, 4, day), "backfill": False}
        with writing(engine) as connection:
            connection.execute(insert(dumps), row)
    open_alarms = [alarm.words for alarm in check(engine, tmp_path, None).open]
    assert open_alarms == [
        "the source daily-papers: "
        "the listing of 2026-04-15 holds 40 papers and none is new: the same batch again"
    ]


def test_mail_holds_the_alarm_and_the_next_step(engine: Engine, tmp_path: Path) -> None:
    with RecordingServer() as server:
        notifier = Notifier(
            name="Paper Digest",
            relays=[Relay(host="127.0.0.1", port=server.port, security=Security.NONE, connections=1)],
            builder=MessageBuilder(
                SenderIdentity(
                    sender="Paper Digest <news@papers.example.org>",
                    base_url="http://localhost:8000",
                    list_name="Paper Digest",
                    secret_keys=["a key of the tests, 32 octets or so"],
                )
            ),
            address="admin@example.org",
        )
        assert check(engine, tmp_path, notifier).notified == 1
    (accepted,) = server.accepted
    message = email.message_from_bytes(accepted.data, policy=email.policy.default)
    assert (accepted.recipient, message["Subject"]) == (
        "admin@example.org",
        "Paper Digest: edition 3 is held, and nothing of it goes out until it is released",
    )
    assert (
        message.get_content().splitlines()[:2]
        == [
            "Edition 3 is held, and nothing of it goes out until it is released.",
            "  Since Wednesday 15 April 2026, 12:00 UTC. `newsletter editions show 3`, then `newsletter",
        ]
        or "newsletter editions release 3" in message.get_content()
    )
    assert message["List-Unsubscribe"] is None


def test_each_check_pings_and_a_failed_ping_is_reported(engine: Engine, tmp_path: Path) -> None:
    release(engine)
    with hook() as (url, got):
        check(engine, tmp_path, Notifier(name="P", ping_url=f"{url}/ping"))
    assert got == ["/ping"]
    assert "the ping failed" in check(engine, tmp_path, Notifier(name="P", ping_url=f"{url}/ping")).error


def test_metrics_count_and_name_nobody(engine: Engine, tmp_path: Path) -> None:
    check(engine, tmp_path, None)
    text = exposition(engine, state_dir=tmp_path, now=NOON).decode()
    assert "newsletter_alarms 1.0" in text
    assert 'newsletter_subscribers{state="confirmed"} 0.0' in text
    assert "newsletter_editions 1.0" in text
    assert "@" not in text
