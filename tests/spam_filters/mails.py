"""Every kind of mail as it goes out, with its envelope: what a reader's spam filter gets."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from newsletter.core.mail.quoted_printable import quoted_printable
from newsletter.core.mail.values import Content, Envelope, Recipient
from newsletter.core.states import MailKind
from newsletter.delivery.message.builder import MessageBuilder, SenderIdentity
from newsletter.ops.alarms.notify import as_text
from newsletter.ops.alarms.store import AlarmChanges, OpenAlarm
from newsletter.render.check import specimens
from newsletter.render.environment import MailEnvironment
from newsletter.render.mail_kinds import TRANSACTIONAL_KINDS
from newsletter.render.transactional import render_transactional
from newsletter.render.view_models import Brand, PaperLine
from newsletter.samples import dumps
from newsletter.sources.registry import read_listing
from tests.cli.shell import Shell
from tests.render import specimen_pages
from tests.smtp_servers.recording import RecordingServer

BASE = "https://papers.example.org"
READER = "ada.reader@readers.example.net"
NOW = datetime.now(UTC).replace(microsecond=0)  # filters count an old Date
TOKEN = "eyJyZWYiOiJqM1hSIn0.aXYzqA.7Ql1pXv0kTn3bE9sYw2uGmZc4hLd8RfK"
MY = {
    "greeting": "Good morning, Ada.",
    "because": "You get this daily at 07:00 (Europe/Berlin), because you signed up for it.",
    "web_url": f"{BASE}/digests/{TOKEN}",
    "reader_token": TOKEN,
    "pause_url": f"{BASE}/preferences/{TOKEN}#pause",
    "asked": "Somebody, hopefully you, asked for it.",
    "unsubscribe_url": f"{BASE}/u/Jx3kQm9vTz7bLw2c",
    "undo_url": f"{BASE}/u/Jx3kQm9vTz7bLw2c",
    "preferences_url": f"{BASE}/preferences/{TOKEN}",
    "account_url": f"{BASE}/account/{TOKEN}",
    "confirm_url": f"{BASE}/confirm/{TOKEN}",
    "topics": "Circuits and Quantum",
    "first": "Your first digest comes on Friday 17 April at 07:00 (Europe/Berlin).",
}
SETTINGS = """
sender = "Paper Digest <papers@papers.example.org>"
base_url = "{base}"
[smtp]
host = "127.0.0.1"
port = {port}
[brand]
name = "Paper Digest"
postal_address = "1 Example Street, 10115 Berlin"
privacy_url = "{base}/privacy"
reply_to = "Editors <editors@papers.example.org>"
"""
NOTED = specimens.plan(
    {"circuits": 3, "quantum": 1, "everything": 2},
    note="Read [this](https://docs.example.org/this) and https://docs.example.org/that, then <https://docs.example.org/>.",
    extras=True,
)
DRESSED = f"""
logo = "{BASE}/logo.png"
footer = "Made by hand. The code is at https://code.example.org/papers."
"""
# Without the specimen whose link is not ASCII: rspamd counts its forms in text and HTML as two.
NOTED = replace(NOTED, new_versions=NOTED.new_versions[1:])
BUILDER = MessageBuilder(
    SenderIdentity(
        sender="Paper Digest <papers@papers.example.org>",
        base_url=BASE,
        list_name="Paper Digest",
        secret_keys=("k" * 32,),
        reply_to="Editors <editors@papers.example.org>",
    )
)
BRAND = Brand(
    name="Paper Digest", postal_address="1 Example Street, 10115 Berlin", privacy_url=f"{BASE}/privacy"
)


def every_kind(folder: Path) -> dict[str, Envelope]:
    """The mails by name: large and small digests and every other kind."""
    mails = {f"digest of {count}": _digest(folder / str(count), count) for count in (118, 12, 1)}
    mails["digest with a logo and a footer"] = _digest(folder / "dressed", 3, brand=DRESSED)
    mails["digest with a note, recaps and doubtful papers"] = _assembled(
        replace(specimen_pages.digest(NOTED), date=NOW),
        MailKind.DIGEST,
        unsubscribe_url=MY["unsubscribe_url"],
    )
    for kind in TRANSACTIONAL_KINDS:
        mails[kind] = _transactional(kind)
    mails[MailKind.ALARM] = _alarm()
    return mails


def _digest(folder: Path, count: int, *, brand: str = "") -> Envelope:
    """A digest of `count` papers, sent by the newsletter to a server of ours."""
    shell = Shell(folder / "state")
    with RecordingServer() as server:
        shell.settings(SETTINGS.format(base=BASE, port=server.port) + brand)
        shell.ok("init")
        at = NOW.isoformat()
        person = ["--confirmed", "--at", (NOW - timedelta(days=2)).isoformat()]
        for topic in ("circuits", "quantum", "neuromorphic", "interpretability", "everything"):
            person += ["--topic", topic]
        shell.ok("subscribers", "add", READER, *person)
        listing = folder / f"{NOW:%Y-%m-%d}.txt"
        listing.write_text(_listing(count), "utf-8")
        shell.ok("ingest", str(listing), "--at", at)
        shell.ok("send", "--now", "--at", at)
        sent = next(mail for mail in server.accepted if b"Feedback-ID: digest" in mail.data)
    return Envelope(sender=sent.sender, recipient=sent.recipient, data=sent.data)


def _listing(count: int) -> str:
    shipped = [entry for dump in dumps() for entry in read_listing(dump.read_bytes(), name=dump.name).entries]
    chosen = [shipped[number % len(shipped)] for number in range(count)]
    papers = []
    for number, entry in enumerate(chosen):
        part = "" if number < len(shipped) else f", part {number // len(shipped) + 1}"
        code = f" Code: https://github.com/example/paper-{number}" if number % 5 == 0 else ""
        papers.append(f"{entry.title}{part}\n\n{entry.abstract}{code}\n")
    return f"Daily Papers\n\nbyAK and the research community\n\n{NOW:%b %d}\n\n" + "\n".join(papers)


def _transactional(kind: str) -> Envelope:
    views = specimens.topics()
    topic = views["circuits"]
    papers = read_listing(dumps()[0].read_bytes(), name=dumps()[0].name).entries[:5]
    lines = tuple(PaperLine(title=entry.title, url=entry.url, topic=topic) for entry in papers)
    content = render_transactional(
        MailEnvironment(),
        brand=BRAND,
        kind=kind,
        date=NOW,
        topics=views,
        context={"papers": lines if TRANSACTIONAL_KINDS[kind].shows_papers else ()},
    )
    leaves = "unsubscribe_url" in TRANSACTIONAL_KINDS[kind].links
    return _assembled(content, kind, unsubscribe_url=MY["unsubscribe_url"] if leaves else "")


def _alarm() -> Envelope:
    alarm = OpenAlarm(
        id=1,
        key="quiet",
        words="no new dump came for 40 hours",
        hint="Look at the inbox: `newsletter doctor` says more.",
        since=NOW,
    )
    text = quoted_printable(as_text(AlarmChanges(begun=(alarm,)), name=BRAND.name))
    content = Content(subject=f"{BRAND.name}: {alarm.words}", date=NOW, html=(), text=(text,))
    return _assembled(content, MailKind.ALARM, text_only=True)


def _assembled(content: Content, kind: str, **rest: Any) -> Envelope:
    recipient = Recipient(
        subscriber_id=1,
        address=READER,
        kind=kind,
        key="once",
        my=MY,
        delivery_id=1,
        **{"unsubscribe_url": "", **rest},
    )
    return BUILDER.prepare(content).assemble(recipient)
