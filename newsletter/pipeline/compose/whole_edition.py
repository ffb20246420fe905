"""Makes the digest of one edition for somebody to look at, whatever anybody had. It settles nothing.

What a reader is owed is decided in `newsletter.pipeline.compose.edition_debts`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, select

from newsletter.core.debts.digest_plan import DigestPlan, arrange
from newsletter.core.debts.fit_to_size import fit
from newsletter.core.errors import NewsletterError
from newsletter.core.mail.values import Content
from newsletter.db.schema import editions
from newsletter.pipeline.compose.edition_debts import pairs_of
from newsletter.pipeline.compose.options import Renderer


@dataclass(frozen=True, slots=True, kw_only=True)
class Onlooker:
    """For whom an edition is shown."""

    topics: Collection[str] | None = None  # slugs; None: all topics
    maximum: int | None = None  # papers that one digest may hold
    cards: int | None = None  # papers shown at length; None: all


def content_of(
    connection: Connection,
    number: int,
    renderer: Renderer,
    onlooker: Onlooker,
    *,
    day: date,
    now: datetime,
) -> tuple[Content, str]:
    """(content, key) of the digest of edition `number`. day: printed on it. now: its Date header.

    Raises NewsletterError when the edition has no paper of the topics.
    """
    pairs = [
        pair
        for pair in pairs_of(connection, [number])
        if onlooker.topics is None or pair.topic in onlooker.topics
    ]
    if not pairs:
        topics = "" if onlooker.topics is None else " of the topics that this reader follows"
        raise NewsletterError(
            f"edition {number} has no paper{topics}",
            hint=f"`newsletter editions show {number}` lists what it holds.",
        )
    note = connection.execute(select(editions.c.note).where(editions.c.number == number)).scalar() or ""
    news = arrange(pairs, topic_order=renderer.topic_order)
    renderer.prepare(connection, news)
    shown, left = fit(
        news,
        first=frozenset(),
        budget=renderer.budget((), note),
        maximum=onlooker.maximum,
        cards=onlooker.cards,
        size_of=renderer.size,
    )
    plan = DigestPlan(edition=number, date=day, news=shown, left_out=left, note=note)
    return renderer.content(plan, composed_at=now), plan.key(now)
