"""Makes the digest of one edition for somebody to look at, whatever anybody had. It settles nothing.

What a reader is owed is decided in `newsletter.pipeline.compose.edition_debts`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, Engine, Select, func, select

from newsletter.core.debts.digest_plan import EVERYTHING, DigestPlan, arrange
from newsletter.core.debts.fit_to_size import as_wished, fit
from newsletter.core.errors import NewsletterError
from newsletter.core.mail.values import Content
from newsletter.db.engine import reading
from newsletter.db.schema import edition_papers, editions, papers
from newsletter.papers.editions import PAIR_COUNTS
from newsletter.papers.visibility import Visibility
from newsletter.pipeline.compose.edition_debts import pairs_of
from newsletter.pipeline.compose.options import Renderer
from subscribers.preferences import Preferences


@dataclass(frozen=True, slots=True, kw_only=True)
class Onlooker:
    """For whom an edition is shown."""

    topics: Collection[str] | None = None  # slugs; None: all topics
    maximum: int | None = None  # papers that one digest may hold
    cards: int | None = None  # papers shown at length; None: all
    papers: Collection[int] | None = None  # ids of those that may be shown; None: all


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
        if (onlooker.topics is None or pair.topic in onlooker.topics)
        and (onlooker.papers is None or pair.paper_id in onlooker.papers)
    ]
    if not pairs:
        topics = "" if onlooker.topics is None else " of the topics that this reader follows"
        raise NewsletterError(
            f"edition {number} has no paper{topics}",
            hint=f"`newsletter editions show {number}` lists what it holds.",
        )
    note = connection.execute(select(editions.c.note).where(editions.c.number == number)).scalar() or ""
    news = arrange(pairs, topic_order=renderer.topic_order)
    maximum, cards = onlooker.maximum, onlooker.cards
    renderer.prepare(connection, as_wished(news, first=frozenset(), maximum=maximum, cards=cards))
    shown, left = fit(
        news,
        first=frozenset(),
        budget=renderer.budget((), note),
        maximum=maximum,
        cards=cards,
        size_of=renderer.size,
    )
    plan = DigestPlan(edition=number, date=day, news=shown, left_out=left, note=note)
    return renderer.content(plan, composed_at=now), plan.key(now)


def public_sample_number(connection: Connection, view: Visibility) -> int | None:
    """The number of the latest edition of which `view` shows a paper; None where it shows none."""
    shown = _shown(view).subquery()  # an edition that holds papers of private topics alone is passed over
    number: int | None = connection.execute(select(func.max(shown.c.edition))).scalar()
    return number


def _shown(view: Visibility) -> Select[tuple[int, int]]:
    """The editions and ids of papers that `view` shows."""
    return (
        select(edition_papers.c.edition, papers.c.id)
        .join(papers, papers.c.id == edition_papers.c.paper_id)
        .join(editions, editions.c.number == edition_papers.c.edition)
        .where(PAIR_COUNTS, view.edition_is_visible(), view.paper_is_visible(papers))
    )


def public_sample(engine: Engine, view: Visibility, renderer: Renderer) -> Content | None:
    """The part of the latest edition that `view` shows, as a digest; None where it shows none."""
    with reading(engine) as connection:
        number = public_sample_number(connection, view)
        if number is None:
            return None
        found = connection.execute(_shown(view).where(edition_papers.c.edition == number).distinct()).all()
        edition = connection.execute(select(editions).where(editions.c.number == number)).one()
        slugs = renderer.topic_order
        onlooker = Onlooker(
            topics={EVERYTHING, *view.visible_topics(slugs)},
            cards=Preferences().cards,
            papers={row.id for row in found},
        )
        content, _ = content_of(
            connection, number, renderer, onlooker, day=edition.date, now=edition.ready_at
        )
        return content
