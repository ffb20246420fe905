"""Renders transactional mail and queues it for one subscriber. Composes no digest and sends nothing.

`enqueue_transactional` stores the content and a queued delivery in the caller's transaction;
`pipeline.deliver` sends it.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import Connection, select

from newsletter.core.errors import NewsletterError
from newsletter.core.mail.values import Content
from newsletter.db.schema import deliveries
from newsletter.delivery.outbox.content_store import store_transactional
from newsletter.delivery.outbox.enqueue import enqueue_one
from newsletter.render.environment import MailEnvironment
from newsletter.render.mail_kinds import TRANSACTIONAL_KINDS
from newsletter.render.transactional import render_transactional
from newsletter.render.view_models import Brand, PaperLine, TopicView, nameless
from subscribers import link_purposes

# How long the link in a message works; after that the message is of no use. The templates name the time.
LINK_LIFETIMES = {
    kind: link_purposes.MAX_AGES[kind]
    for kind in (link_purposes.CONFIRM, link_purposes.ADDRESS, link_purposes.ACCOUNT)
}
CACHED_CONTENTS = 256  # about 20 KB each: a welcome for each set of topics, and one of each other kind


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperTeaser:
    """A paper that a transactional mail names. It settles no debt and does not count as given."""

    title: str
    link: str | None  # as stored; anything but a web link becomes a search for the title
    topic: str  # slug


class TransactionalRenderer:
    """Renders each content once for all subscribers who get the same. Threads may share one."""

    def __init__(
        self,
        environment: MailEnvironment,
        *,
        brand: Brand,
        topics: Mapping[str, TopicView],
        signed_with: str | None = None,
        cache_size: int = CACHED_CONTENTS,
    ) -> None:
        """topics: by slug, of `digest_renderer.topic_views`. signed_with: the id of the secret key that signs
        what is queued. cache_size: contents; the oldest go first."""
        self.signed_with = signed_with
        self.titles: Mapping[str, str] = {slug: topic.title for slug, topic in topics.items()}
        self._environment = environment
        self._brand = brand
        self._topics = topics
        self._cache_size = cache_size
        self._contents: dict[tuple[str, tuple[PaperTeaser, ...]], Content] = {}
        self._rendering = threading.Lock()  # one thread renders a content; a cached one needs no lock

    def content(self, kind: str, *, papers: Sequence[PaperTeaser] = (), at: datetime) -> Content:
        """The content of a kind. at: the Date header. Raises ConfigurationError for a broken template."""
        key = kind, tuple(papers)
        found = self._contents.get(key)
        if found is None:
            with self._rendering:
                found = self._contents.get(key)
                if found is None:
                    found = self._render(kind, key[1], at)
                    while len(self._contents) >= self._cache_size:
                        del self._contents[next(iter(self._contents))]
                    self._contents[key] = found
        return replace(found, date=at)

    def _render(self, kind: str, papers: Sequence[PaperTeaser], at: datetime) -> Content:
        topics = {paper.topic: self._topics.get(paper.topic) or nameless(paper.topic) for paper in papers}
        lines = tuple(
            PaperLine(title=paper.title, url=paper.link, topic=topics[paper.topic]) for paper in papers
        )
        return render_transactional(
            self._environment,
            brand=self._brand,
            kind=kind,
            date=at,
            topics=topics,
            context={"papers": lines},
        )


def enqueue_transactional(
    connection: Connection,
    *,
    renderer: TransactionalRenderer,
    kind: str,
    subscriber_id: int,
    key: str,
    now: datetime,
    values: Mapping[str, str] | None = None,
    papers: Sequence[PaperTeaser] = (),
    expires_at: datetime | None = None,
) -> int | None:
    """Queue one message to one subscriber, due now; returns its id, or None if it was queued before.

    kind: of `newsletter.render.mail_kinds.TRANSACTIONAL_KINDS`. key: identifies the message, with subscriber
    and kind. values: texts that only this message prints, apart from its links. papers: for a kind that shows
    papers. expires_at: when not to send it any more; the default is the end of its link.
    Raises NewsletterError when `values` lack what the kind prints, ConfigurationError for a broken template.
    """
    values = values or {}
    needed = TRANSACTIONAL_KINDS[kind].extra_values | TRANSACTIONAL_KINDS[kind].link_values
    missing = sorted(needed.difference(values))
    if missing:
        raise NewsletterError(
            f"a transactional mail of kind {kind} needs {', '.join(missing)}", hint="Pass these values."
        )
    mine = (
        deliveries.c.subscriber_id == subscriber_id,
        deliveries.c.kind == kind,
        deliveries.c.key == key,
    )
    if connection.execute(select(deliveries.c.id).where(*mine)).first() is not None:
        return None
    at = now.astimezone(UTC).replace(
        microsecond=0
    )  # a Date header has whole seconds: messages of one second share a row
    if expires_at is None and kind in LINK_LIFETIMES:
        expires_at = at + LINK_LIFETIMES[kind]
    return enqueue_one(
        connection,
        subscriber_id=subscriber_id,
        kind=kind,
        key=key,
        digest_id=store_transactional(connection, kind, renderer.content(kind, papers=papers, at=at)),
        values=values,
        composed_at=at,
        next_attempt_at=now,
        expires_at=expires_at,
        signed_with=renderer.signed_with,
    )
