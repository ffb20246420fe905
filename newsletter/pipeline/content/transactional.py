"""Letters: what people wait for, rendered once and posted for one of them. Digests are composed elsewhere.

Posting stores the content and a waiting delivery in the caller's transaction; `deliver` sends it.
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

# How long what a letter is for can be done; later it is of no use to anybody. The templates say it in words.
LIVES = {
    kind: link_purposes.AGES[kind]
    for kind in (link_purposes.CONFIRM, link_purposes.ADDRESS, link_purposes.ACCOUNT)
}
KEPT = 256  # contents kept rendered, some 20 KB each: a welcome for each set of topics, and the few others


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperTeaser:
    """A paper that a letter names; it is no debt, and counts as given to nobody."""

    title: str
    link: str | None  # as stored; what is no link of the web becomes a search for the title
    topic: str  # slug


class TransactionalRenderer:
    """Renders each letter once for all who get the same. Threads may share one."""

    def __init__(
        self, environment: MailEnvironment, *, brand: Brand, topics: Mapping[str, TopicView], kept: int = KEPT
    ) -> None:
        """topics: by slug, as `press.topic_views` makes them. kept: contents, the oldest make room."""
        self.titles: Mapping[str, str] = {slug: topic.title for slug, topic in topics.items()}
        self._environment = environment
        self._brand = brand
        self._topics = topics
        self._kept = kept
        self._contents: dict[tuple[str, tuple[PaperTeaser, ...]], Content] = {}
        self._rendering = (
            threading.Lock()
        )  # one renders, all who want the same get it; a hit waits for nobody

    def content(self, kind: str, *, papers: Sequence[PaperTeaser] = (), at: datetime) -> Content:
        """The content of a letter. at: the Date header. Raises ConfigurationError for a broken template."""
        key = kind, tuple(papers)
        found = self._contents.get(key)
        if found is None:
            with self._rendering:
                found = self._contents.get(key)
                if found is None:
                    found = self._render(kind, key[1], at)
                    while len(self._contents) >= self._kept:
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


def post_letter(
    connection: Connection,
    *,
    press: TransactionalRenderer,
    kind: str,
    subscriber_id: int,
    key: str,
    now: datetime,
    values: Mapping[str, str] | None = None,
    papers: Sequence[PaperTeaser] = (),
    expires_at: datetime | None = None,
) -> int | None:
    """Have a letter waiting for one person, to be sent at once; returns its id, None if it was posted before.

    kind: of `newsletter.render.mail_kinds.TRANSACTIONAL_KINDS`. key: with the person and the kind, what makes
    it one. values: what only this mail prints besides its links. papers: for a kind that shows some.
    expires_at: when not to send it any more; of itself a letter expires with its link.
    Raises NewsletterError when `values` lack what the kind prints, ConfigurationError for a broken template.
    """
    values = values or {}
    missing = sorted(TRANSACTIONAL_KINDS[kind].extra_values.difference(values))
    if missing:
        raise NewsletterError(
            f"a letter of kind {kind} needs {', '.join(missing)}", hint="Tell it when posting the letter."
        )
    mine = (
        deliveries.c.subscriber_id == subscriber_id,
        deliveries.c.kind == kind,
        deliveries.c.key == key,
    )
    if connection.execute(select(deliveries.c.id).where(*mine)).first() is not None:
        return None
    at = now.astimezone(UTC).replace(microsecond=0)  # what a Date header can say: a second shares a row
    if expires_at is None and kind in LIVES:
        expires_at = at + LIVES[kind]
    return enqueue_one(
        connection,
        subscriber_id=subscriber_id,
        kind=kind,
        key=key,
        digest_id=store_transactional(connection, kind, press.content(kind, papers=papers, at=at)),
        values=values,
        composed_at=at,
        next_attempt_at=now,
        expires_at=expires_at,
    )
