"""Says which papers, editions and topics a person may see, as values and as SQL conditions.

Everything that shows stored papers joins these conditions: pages, feeds, exports, search, related papers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, true
from sqlalchemy.sql.expression import FromClause

from newsletter.core.debts.digest_plan import EVERYTHING
from newsletter.core.states import DumpStatus
from newsletter.core.topics.topic_match import STRONG
from newsletter.db.schema import dumps, edition_papers, editions, paper_topics
from newsletter.db.schema import papers as stored_papers

_MEMBER = stored_papers.alias("member")  # of a merged paper; made once, since an alias costs a millisecond


@dataclass(frozen=True, slots=True, kw_only=True)
class Visibility:
    """What one view of the archive shows."""

    now: datetime | None  # editions that are ready by then are shown; None: all papers and editions
    shown: frozenset[str] | None  # slugs of topics whose names are shown; None: all
    hidden: frozenset[str] = (
        frozenset()
    )  # slugs of private topics: their papers are not shown, nor their names

    @classmethod
    def public(cls, topics: Mapping[str, bool], *, now: datetime) -> Visibility:
        """What everybody may see.

        topics: for each slug whether it is public; with those of former settings (`known_topics.remember`).
        """
        shown = frozenset(slug for slug, is_public in topics.items() if is_public)
        return cls(now=now, shown=shown, hidden=frozenset(topics) - shown)

    @classmethod
    def of_reader(cls, topics: Mapping[str, bool], followed: Collection[str], *, now: datetime) -> Visibility:
        """What a reader who follows these topics may see: the public part, and their own topics.

        A reader of `everything` gets every paper by mail, and so sees every paper here. Names of private
        topics that they do not follow are not shown to them either.
        """
        own = cls.public({slug: public or slug in followed for slug, public in topics.items()}, now=now)
        return replace(own, hidden=frozenset()) if EVERYTHING in followed else own

    @classmethod
    def everything(cls) -> Visibility:
        """What the admin sees: every paper that is not merged into another, and every edition."""
        return cls(now=None, shown=None)

    def visible_topics(self, slugs: Iterable[str]) -> list[str]:
        """Those of the topics whose names may be shown, in their order."""
        return [slug for slug in slugs if self.shows_topic(slug)]

    def shows_topic(self, slug: str) -> bool:
        """Whether the name of a topic may be shown."""
        return self.shown is None or slug in self.shown

    def paper_is_visible(self, papers: FromClause) -> ColumnElement[bool]:
        """The condition on rows of `papers`, or of an alias of it.

        A paper is shown when it is not merged into another, an ingested dump lists it, an edition that is
        ready holds it or an archive brought it, no admin dropped it, and its topics are not all private.
        """
        kept = papers.c.merged_into.is_(None)
        if self.now is None:
            return kept
        # These sets are small however many papers there are: each is read once for a statement.
        not_ingested = select(dumps.c.id).where(dumps.c.status != DumpStatus.INGESTED)
        dropped = (
            select(func.coalesce(_MEMBER.c.merged_into, _MEMBER.c.id))
            .join(edition_papers, edition_papers.c.paper_id == _MEMBER.c.id)
            .where(edition_papers.c.dropped_at.is_not(None))
        )
        waiting = select(editions.c.number).where(or_(editions.c.held, editions.c.ready_at > self.now))
        published = and_(papers.c.edition.is_not(None), papers.c.edition.not_in(waiting))
        return and_(
            kept,
            or_(papers.c.backfill, published),
            papers.c.first_dump_id.not_in(not_ingested),
            papers.c.id.not_in(dropped),
            self.topics_allow(papers),
        )

    def edition_is_visible(self, of: FromClause = editions) -> ColumnElement[bool]:
        """The condition on rows of `editions`: ready, and not held. Its papers need their own condition."""
        return true() if self.now is None else and_(~of.c.held, of.c.ready_at <= self.now)

    def topic_is_visible(self, topic: ColumnElement[str]) -> ColumnElement[bool]:
        """The condition on a column that holds slugs of topics."""
        return true() if self.shown is None else topic.in_(sorted(self.shown))

    def topics_allow(self, papers: FromClause) -> ColumnElement[bool]:
        """The part of `paper_is_visible` that is about topics: not all of a paper's are private.

        What an edition held as of a private topic counts, too, though no rule finds it today.
        """
        if not self.hidden:
            return true()
        matches: Any = select(paper_topics.c.paper_id).where(paper_topics.c.paper_id == papers.c.id)
        shown = matches.where(
            paper_topics.c.topic.in_(sorted(self.shown or ())), paper_topics.c.strength == STRONG
        )
        if EVERYTHING in self.hidden:  # the only topic of a paper without others
            return _exists(shown, papers)
        hidden = matches.where(paper_topics.c.topic.in_(sorted(self.hidden)))
        held: Any = select(edition_papers.c.paper_id).where(
            edition_papers.c.paper_id == papers.c.id,
            edition_papers.c.topic.in_(sorted(self.hidden)),
            edition_papers.c.withdrawn_at.is_(None),  # no editor said that it is not of the topic
        )
        return or_(and_(~_exists(hidden, papers), ~_exists(held, papers)), _exists(shown, papers))


def _exists(chosen: Any, outer: FromClause) -> ColumnElement[bool]:
    """Whether a selection that names the outer table has a row."""
    condition: ColumnElement[bool] = chosen.correlate(outer).exists()
    return condition
