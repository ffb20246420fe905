"""A whole newsletter in a folder: real ingest, real rendering, a real SMTP server that records."""

from __future__ import annotations

import email
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import strict
from functools import cache
from pathlib import Path
from typing import Any, cast

from sqlalchemy import select

from newsletter import samples
from newsletter.db.engine import open_engine, reading, writing
from newsletter.db.schema import edition_papers, paper_revisions
from newsletter.delivery.message.builder import MessageBuilder, SenderIdentity
from newsletter.delivery.outbox.recovery import Uncertain
from newsletter.delivery.smtp.relay import Relay, Security
from newsletter.papers.editions import PAIR_COUNTS
from newsletter.pipeline import publish
from newsletter.pipeline.compose.options import SendOptions
from newsletter.pipeline.content.digest_renderer import DigestRenderer
from newsletter.pipeline.content.personalization import Links
from newsletter.pipeline.content.sample_digest import SampleDigest
from newsletter.pipeline.deliver.options import DeliveryOptions
from newsletter.pipeline.explain.audit import AuditReport, audit
from newsletter.pipeline.intake.dump_report import DumpReport
from newsletter.pipeline.intake.ingest import IngestOptions, ingest_bytes
from newsletter.pipeline.send import SendReport, send
from newsletter.render.environment import MailEnvironment
from newsletter.render.view_models import Brand
from newsletter.topics.definitions import Topic, load_topics
from newsletter.topics.matcher import Matcher
from subscribers.lifecycle import signup
from subscribers.preferences import Preferences
from tests.databases import migrated_url

STRICT = strict.clone(raise_on_defect=True)
DAY = timedelta(days=1)
SUPPRESSION_KEY = b"suppression key of the tests"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@cache
def shipped_rules() -> tuple[dict[str, Topic], Matcher]:
    """The topics that ship and their matcher, read once: no test changes them."""
    topics = load_topics()
    return topics, Matcher(topics)


class WholeNewsletter:
    """One newsletter, as the command line would run it."""

    def __init__(
        self,
        folder: Path,
        *,
        port: int,
        brand: Brand | None = None,
        uncertain: Uncertain = Uncertain.MEND,
        url: str | None = None,
        own_topics: Mapping[str, Mapping[str, Any]] | None = None,
        inbound_address: str = "",
    ) -> None:
        """own_topics: `[topics.<slug>]` tables, as in the settings. inbound_address: where mail returns."""
        self.folder = folder
        self.engine = open_engine(url or migrated_url(folder))
        self.topics, self.matcher = shipped_rules()
        if own_topics:
            self.topics = load_topics(own_topics)
            self.matcher = Matcher(self.topics)
        self.sample_digest = SampleDigest(
            MailEnvironment(),
            brand=brand or Brand(name="Paper Digest"),
            topics=[topic for topic in self.topics.values() if topic.public],
            matcher=self.matcher,
        )
        self.renderer = DigestRenderer(
            MailEnvironment(), brand=brand or Brand(name="Paper Digest"), topics=list(self.topics.values())
        )
        self.builder = MessageBuilder(
            SenderIdentity(
                sender="Paper Digest <news@papers.example.org>",
                base_url="http://localhost:8000",
                list_name="Paper Digest",
                secret_keys=["a key of the tests, 32 octets or so"],
                inbound_address=inbound_address,
            )
        )
        self.links = Links(
            base_url="http://localhost:8000", newsletter="Paper Digest", secret_keys=["a key of the tests"]
        )
        self.delivery_options = DeliveryOptions(
            relays=[Relay(host="127.0.0.1", port=port, security=Security.NONE, connections=2)],
            builder=self.builder,
            links=self.links,
            locks_dir=folder / "locks",
            wall=lambda: datetime.now(UTC),
            uncertain=uncertain,
            suppression_key=SUPPRESSION_KEY,
        )

    def reader(self, address: str, *topics: str, joined: str, **preferences: object) -> int:
        with writing(self.engine) as connection:
            return signup.add(
                connection,
                address=address,
                topics_wanted=topics,
                known_topics=list(self.topics),
                given=preferences,
                confirmed=True,
                how="admin",
                now=utc(joined),
                suppression_key=SUPPRESSION_KEY,
                defaults=Preferences(),
                default_topics=(),
            ).person.id

    def ingest(self, data: bytes, name: str, *, at: str, backfill: bool = False) -> DumpReport:
        return ingest_bytes(
            self.engine,
            data,
            name=name,
            archive=self.folder / "dumps",
            matcher=self.matcher,
            now=utc(at),
            options=IngestOptions(backfill=backfill),
        )

    def ingest_samples(self, days: Iterable[int], *, hour: str = "05:00") -> None:
        """The shipped dumps of these days of April 2026, each on its own morning."""
        for day in days:
            dump = samples.dumps()[day - 13]
            assert dump.name == f"2026-04-{day}.txt"
            self.ingest(dump.read_bytes(), dump.name, at=f"2026-04-{day}T{hour}")

    def publish(self, at: str) -> int | None:
        return publish.publish(self.engine, now=utc(at))

    def options(self, **changes: Any) -> SendOptions:
        """How digests are made here. changes: other fields of SendOptions."""
        return SendOptions(renderer=self.renderer, **changes)

    def send(self, at: str, **changes: Any) -> SendReport:
        return send(self.engine, self.options(**changes), self.delivery_options, now=utc(at))

    def audit(self, at: str) -> AuditReport:
        return audit(self.engine, now=utc(at))

    def published_titles(self, topic: str) -> list[str]:
        """Titles of all pairs of a topic that editions froze, as they were at first, in a fixed order."""
        with reading(self.engine) as connection:
            return sorted(
                connection.execute(
                    select(paper_revisions.c.title)
                    .join(edition_papers, edition_papers.c.paper_id == paper_revisions.c.paper_id)
                    .where(edition_papers.c.topic == topic, PAIR_COUNTS, paper_revisions.c.number == 1)
                ).scalars()
            )


def read(data: bytes) -> EmailMessage:
    """The mail as Python's strictest parser reads it; any defect raises."""
    message = cast(EmailMessage, email.message_from_bytes(data, policy=STRICT))
    for part in message.walk():
        if not part.is_multipart():
            part.get_content()
    return message


def titles_in(data: bytes) -> list[str]:
    """The titles that a digest's HTML shows as headings, in order."""
    from lxml import html

    body = read(data).get_body(("html",))
    assert body is not None
    tree = html.fromstring(body.get_content())
    return [" ".join(heading.text_content().split()) for heading in tree.iter("h3")]
