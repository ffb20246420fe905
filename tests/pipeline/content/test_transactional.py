"""Transactional mail from the queue to the reader's server: real database, real server."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from newsletter.core.errors import NewsletterError
from newsletter.core.mail.quoted_printable import decoded
from newsletter.db.engine import reading, writing
from newsletter.db.schema import deliveries, digests, pieces, runs
from newsletter.delivery.outbox.claims import transactional_waits
from newsletter.pipeline.content.digest_renderer import topic_views
from newsletter.pipeline.content.transactional import (
    PaperTeaser,
    TransactionalRenderer,
    enqueue_transactional,
)
from newsletter.pipeline.deliver.options import DeliveryReport
from newsletter.pipeline.deliver.run import deliver
from newsletter.render.environment import MailEnvironment
from newsletter.render.mail_kinds import TRANSACTIONAL_KINDS
from newsletter.render.view_models import Brand
from subscribers import queries, tokens
from subscribers.lifecycle import signup, suppression, unsubscribe
from subscribers.link_purposes import ACCOUNT, ADDRESS, CONFIRM, MAX_AGES, PREFERENCES
from subscribers.preferences import Preferences
from tests.pipeline.whole_newsletter import SUPPRESSION_KEY, WholeNewsletter, read, utc
from tests.smtp_servers.recording import AcceptedMail, RecordingServer

# Real sockets with limits of a second: a machine that other tests load may miss one.
NOW = utc("2026-04-14T09:30:07.250000")
BASE = "http://localhost:8000"
VALUES = {
    "topics": "Circuits and Quantum",
    "first": "Your first digest comes on Wednesday.",
    "of": "their-ref",
    "choice": "what-they-asked-for",
}
TASTES = (
    PaperTeaser(title="Spikes & <b>Ohms</b>", link="https://papers.example/1", topic="circuits"),
    PaperTeaser(title="Qubits\u202e\x07 at Work", link="javascript:alert(1)", topic="quantum"),
    PaperTeaser(title="Of a topic that is gone", link=None, topic="old-topic"),
)


class MailRoom(WholeNewsletter):
    """A newsletter with a transactional renderer, and people in every state."""

    def __init__(self, folder: Path, *, port: int, url: str | None = None) -> None:
        super().__init__(folder, port=port, url=url)
        self.renderer = TransactionalRenderer(
            MailEnvironment(),
            brand=Brand(name="Paper Digest"),
            topics=topic_views(list(self.topics.values())),
        )

    def newcomer(self, address: str, *, name: str = "", confirmed: bool = False) -> int:
        with writing(self.engine) as connection:
            return signup.add(
                connection,
                address=address,
                topics_wanted=["circuits"],
                known_topics=list(self.topics),
                given={},
                confirmed=confirmed,
                how="admin",
                now=NOW,
                suppression_key=SUPPRESSION_KEY,
                defaults=Preferences(),
                default_topics=(),
                name=name,
            ).person.id

    def leaves(self, reader: int) -> None:
        with writing(self.engine) as connection:
            unsubscribe.unsubscribe(connection, subscriber_id=reader, how="web", now=NOW)

    def suppress(self, address: str) -> None:
        with writing(self.engine) as connection:
            suppression.suppress(
                connection, address=address, reason="complaint", how="complaint", now=NOW, key=SUPPRESSION_KEY
            )

    def enqueue(self, kind: str, reader: int, *, key: str = "once", **rest: Any) -> int | None:
        needed = TRANSACTIONAL_KINDS[kind].extra_values | TRANSACTIONAL_KINDS[kind].link_values
        values = {name: VALUES[name] for name in needed}
        asked: dict[str, Any] = {"now": NOW, "values": values, **rest}
        with writing(self.engine) as connection:
            return enqueue_transactional(
                connection,
                renderer=self.renderer,
                kind=kind,
                subscriber_id=reader,
                key=key,
                **asked,
            )

    def deliver(self, *, at: datetime = NOW, transactional_only: bool = False) -> DeliveryReport:
        return deliver(self.engine, self.delivery_options, now=at, transactional_only=transactional_only)

    def person(self, reader: int) -> queries.SubscriberView:
        with reading(self.engine) as connection:
            return queries.by_id(connection, reader)

    def rows(self, column: str = "state") -> list[Any]:
        with reading(self.engine) as connection:
            return list(connection.execute(select(deliveries.c[column]).order_by(deliveries.c.id)).scalars())


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    with RecordingServer() as running:
        yield running


@pytest.fixture
def outbox(tmp_path: Path, server: RecordingServer) -> Iterator[MailRoom]:
    made = MailRoom(tmp_path, port=server.port)
    yield made
    made.engine.dispose()


def only_mail(server: RecordingServer) -> AcceptedMail:
    (mail,) = server.accepted
    return mail


def token_in(mail: AcceptedMail, page: str, purpose: str) -> dict[str, Any]:
    """The payload of the link to a page, which both parts of a mail must hold, and no other signed link."""
    found = []
    for part in ("plain", "html"):
        body = read(mail.data).get_body((part,))
        assert body is not None
        shown = body.get_content()
        _, _, rest = shown.partition(f"{BASE}/{page}/")
        found.append(rest.split('"')[0].split()[0])
    assert found[0] == found[1]
    return tokens.read(purpose, found[0], keys=["a key of the tests"], now=NOW)


def test_a_pending_person_gets_the_confirmation_and_nothing_they_typed(
    outbox: MailRoom, server: RecordingServer
) -> None:
    reader = outbox.newcomer("ada@example.org", name="Buy pills")
    outbox.enqueue("confirm", reader)
    assert outbox.deliver() == DeliveryReport(sent=1)
    mail = only_mail(server)
    message = read(mail.data)
    assert (message["To"], message["Subject"], message["Date"], message["List-Unsubscribe"]) == (
        "ada@example.org",
        "Please confirm: Paper Digest",
        "Tue, 14 Apr 2026 09:30:07 +0000",
        None,
    )
    assert b"pills" not in mail.data
    assert token_in(mail, "confirm", CONFIRM) == {
        "ref": outbox.person(reader).ref,
        "for": VALUES["choice"],
    }


def test_date_is_when_it_was_posted_however_late_it_leaves(outbox: MailRoom, server: RecordingServer) -> None:
    outbox.enqueue("confirm", outbox.newcomer("ada@example.org"))
    outbox.deliver(at=NOW + timedelta(hours=5))
    assert read(only_mail(server).data)["Date"] == "Tue, 14 Apr 2026 09:30:07 +0000"


@pytest.mark.parametrize(
    ("kind", "page", "purpose"),
    [
        ("link", "preferences", PREFERENCES),
        ("account", "account", ACCOUNT),
        ("welcome", "preferences", PREFERENCES),
    ],
)
def test_messages_to_readers_carry_the_link_that_they_are_for(
    outbox: MailRoom, server: RecordingServer, kind: str, page: str, purpose: str
) -> None:
    reader = outbox.newcomer("ada@example.org", name="Ada", confirmed=True)
    outbox.enqueue(kind, reader)
    assert outbox.deliver() == DeliveryReport(sent=1)
    mail = only_mail(server)
    person = outbox.person(reader)
    assert token_in(mail, page, purpose) == {"ref": person.ref}
    leave = f"<{BASE}/u/{person.leave_id}>" if kind != "account" else None
    message = read(mail.data)
    assert (message["List-Unsubscribe"], message["To"]) == (
        leave,
        "Ada <ada@example.org>" if kind == "welcome" else "ada@example.org",
    )


def test_a_change_of_address_asks_the_new_one_and_names_no_other(
    outbox: MailRoom, server: RecordingServer
) -> None:
    reader = outbox.newcomer("ada@example.org", name="Ada", confirmed=True)
    new = outbox.newcomer("ada@new.example", name="Ada")
    outbox.enqueue("address", new, values={"of": outbox.person(reader).ref})
    assert outbox.deliver() == DeliveryReport(sent=1)
    mail = only_mail(server)
    assert read(mail.data)["To"] == "ada@new.example"
    assert b"example.org" not in mail.data.replace(b"papers.example.org", b"")
    assert token_in(mail, "confirm-address", ADDRESS) == {
        "ref": outbox.person(reader).ref,
        "to": outbox.person(new).ref,
    }


def test_goodbye_reaches_who_has_left_and_nobody_else(outbox: MailRoom, server: RecordingServer) -> None:
    left, back, suppressed, both = (
        outbox.reader(f"{name}@example.org", "circuits", joined="2026-04-13")
        for name in ("left", "back", "suppressed", "both")
    )
    for reader in (left, suppressed):
        outbox.leaves(reader)
    for reader in (left, back, suppressed, both):
        outbox.enqueue("goodbye", reader)
    outbox.suppress("suppressed@example.org")
    outbox.suppress("both@example.org")
    outbox.leaves(both)
    assert outbox.deliver() == DeliveryReport(sent=1, skipped={"came back": 1, "suppressed": 2})
    mail = only_mail(server)
    assert (mail.recipient, read(mail.data)["List-Unsubscribe"]) == ("left@example.org", None)
    assert f"{BASE}/u/{outbox.person(left).leave_id}".encode() in mail.data.replace(b"=\r\n", b"")


def test_messages_say_how_long_their_links_are_good(outbox: MailRoom) -> None:
    said = {CONFIRM: (3, "for 3 days"), ADDRESS: (3, "for 3 days"), ACCOUNT: (1 / 24, "good for one hour")}
    for kind, (days, words) in said.items():
        assert MAX_AGES[kind] == timedelta(days=days)
        content = outbox.renderer.content(kind, at=NOW)
        assert all(words in decoded(b"".join(part)).decode() for part in (content.html, content.text))


@pytest.mark.parametrize("kind", sorted(set(TRANSACTIONAL_KINDS) - {"goodbye"}))
def test_nothing_reaches_a_suppressed_person_nor_one_who_left(
    outbox: MailRoom, server: RecordingServer, kind: str
) -> None:
    suppressed, left = outbox.newcomer("s@example.org"), outbox.newcomer("l@example.org")
    for reader in (suppressed, left):
        outbox.enqueue(kind, reader)
    outbox.suppress("s@example.org")
    outbox.leaves(left)
    assert outbox.deliver() == DeliveryReport(skipped={"suppressed": 1, "unsubscribed": 1})
    assert server.accepted == []


def test_posting_again_is_no_second_mail(outbox: MailRoom, server: RecordingServer) -> None:
    reader = outbox.newcomer("ada@example.org")
    first = outbox.enqueue("confirm", reader)
    assert first is not None
    assert outbox.enqueue("confirm", reader, now=NOW + timedelta(minutes=1)) is None
    assert outbox.enqueue("confirm", reader, key="twice") == first + 1
    assert outbox.deliver() == DeliveryReport(sent=2)
    assert outbox.deliver() == DeliveryReport()


def test_messages_of_one_second_share_a_row_and_all_share_their_pieces(outbox: MailRoom) -> None:
    for number in range(3):
        outbox.enqueue("confirm", outbox.newcomer(f"r{number}@example.org"))
    outbox.enqueue("confirm", outbox.newcomer("later@example.org"), now=NOW + timedelta(seconds=1))
    ids = outbox.rows("digest_id")
    assert ids == [ids[0], ids[0], ids[0], ids[3]]
    assert ids[0] != ids[3]
    with reading(outbox.engine) as connection:
        rows = connection.execute(select(digests.c.kind, digests.c.edition, digests.c.composed_at)).all()
        assert len(connection.execute(select(pieces.c.id)).all()) == 2
    second = NOW.replace(microsecond=0)
    assert [tuple(row) for row in rows] == [
        ("confirm", None, second),
        ("confirm", None, second + timedelta(seconds=1)),
    ]


def test_transactional_only_leaves_digests_waiting(outbox: MailRoom, server: RecordingServer) -> None:
    reader = outbox.reader("ada@example.org", "circuits", joined="2026-04-13")
    content = outbox.renderer.content("confirm", at=NOW)
    outbox.enqueue("link", reader)
    outbox.enqueue("welcome", reader)
    with writing(outbox.engine) as connection:
        assert transactional_waits(connection, now=NOW)
        connection.execute(
            deliveries.update().where(deliveries.c.kind == "welcome").values(kind="digest", stamp=1)
        )
    assert content.date == NOW
    assert outbox.deliver(transactional_only=True) == DeliveryReport(sent=1)
    assert (outbox.rows("kind"), outbox.rows()) == (["link", "digest"], ["sent", "queued"])
    with reading(outbox.engine) as connection:
        assert not transactional_waits(connection, now=NOW)
        assert connection.execute(select(runs.c.id)).all() == []
    assert outbox.deliver(transactional_only=True, at=NOW + timedelta(days=9)) == DeliveryReport()
    assert outbox.rows() == ["sent", "queued"]


def test_a_message_is_not_sent_once_its_link_has_expired(outbox: MailRoom, server: RecordingServer) -> None:
    reader = outbox.reader("ada@example.org", "circuits", joined="2026-04-13")
    outbox.enqueue("account", reader)
    outbox.enqueue("link", reader)
    assert outbox.deliver(at=NOW + timedelta(hours=1)) == DeliveryReport(sent=1, skipped={"expired": 1})
    assert read(only_mail(server).data)["Subject"] == "Your link: Paper Digest"


def test_a_message_that_lacks_a_value_is_not_queued(outbox: MailRoom) -> None:
    reader = outbox.reader("ada@example.org", "circuits", joined="2026-04-13")
    with pytest.raises(NewsletterError, match="a transactional mail of kind welcome needs first, topics"):
        outbox.enqueue("welcome", reader, values={})
    assert outbox.rows() == []


def test_welcome_shows_a_taste_whatever_its_titles_say(outbox: MailRoom, server: RecordingServer) -> None:
    reader = outbox.reader("ada@example.org", "circuits", joined="2026-04-13")
    outbox.enqueue("welcome", reader, papers=TASTES)
    outbox.deliver()
    message = read(only_mail(server).data)
    text, html = (message.get_body((part,)) for part in ("plain", "html"))
    assert text is not None
    assert html is not None
    lines = text.get_content().replace("\r\n", "\n")
    assert lines.partition("Lately in your topics:\n\n")[2].partition("\n\n---")[0] == (
        "Spikes & <b>Ohms</b>\n  Circuits\n  https://papers.example/1\n\n"
        "Qubits at Work\n  Quantum\n  https://huggingface.co/papers?q=Qubits%E2%80%AE%07+at+Work\n\n"
        "Of a topic that is gone\n  Old topic\n  https://huggingface.co/papers?q=Of+a+topic+that+is+gone"
    )
    shown = html.get_content()
    assert "Spikes &amp; &lt;b&gt;Ohms&lt;/b&gt;" in shown
    assert "javascript:" not in shown


def test_renderer_renders_once_and_caches_few(outbox: MailRoom) -> None:
    renderer = TransactionalRenderer(MailEnvironment(), brand=Brand(), topics={}, cache_size=2)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: renderer.content("confirm", at=NOW).html[0], range(40)))
    assert len({id(html) for html in made}) == 1
    first = renderer.content("goodbye", at=NOW).html[0]
    assert renderer.content("goodbye", at=NOW + timedelta(days=1)).html[0] is first
    for taste in TASTES[:2]:
        renderer.content("welcome", papers=[taste], at=NOW)
    assert renderer.content("goodbye", at=NOW).html[0] is not first


@pytest.mark.dialects
def test_posting_works_on_either_database(tmp_path: Path, database_url: str, server: RecordingServer) -> None:
    outbox = MailRoom(tmp_path, port=server.port, url=database_url)
    pending, reader, left = (
        outbox.newcomer("p@example.org"),
        outbox.reader("r@example.org", "circuits", joined="2026-04-13"),
        outbox.reader("l@example.org", "circuits", joined="2026-04-13"),
    )
    outbox.leaves(left)
    posted = [
        outbox.enqueue("confirm", pending),
        outbox.enqueue("welcome", reader, papers=TASTES),
        outbox.enqueue("goodbye", left),
    ]
    assert None not in posted
    assert outbox.enqueue("confirm", pending) is None
    assert outbox.deliver(transactional_only=True) == DeliveryReport(sent=3)
    assert sorted(server.recipients()) == ["l@example.org", "p@example.org", "r@example.org"]
    outbox.engine.dispose()
