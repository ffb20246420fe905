"""Finds papers that a reader may have had although a pair of theirs is unsettled. They are few.

Which readers had them is for `newsletter.pipeline.compose.papers_had`.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    CompoundSelect,
    Connection,
    Insert,
    bindparam,
    func,
    insert,
    or_,
    select,
    union_all,
)

from newsletter.db.schema import digests, edition_papers, editions, paper_heirs, papers, runs
from newsletter.papers.editions import PAIR_COUNTS
from newsletter.pipeline.compose.batch import NOW, know_size, recent_papers

CANONICAL = func.coalesce(papers.c.merged_into, papers.c.id)
_USABLE: BindParameter[Any] = bindparam("usable", expanding=True)  # editions that may be mailed


def reappearing(connection: Connection, usable: list[int], *, now: datetime) -> tuple[int, ...]:
    """Papers that a reader may have had although a pair of theirs is unsettled.

    These are papers in several editions (a corrected topic, a merge), papers that were dropped and restored,
    papers of an edition that was held after some readers got it, papers that count as given with the one that
    they were split from, and papers that a clock which ran ahead may have mailed.
    """
    connection.execute(recent_papers.delete())
    connection.execute(_add_recent_papers(), {"usable": usable})
    know_size(connection, recent_papers)
    parameters = {"usable": usable, "mailed_ahead": _mailed_ahead(connection, now)}
    return tuple(sorted(set(connection.execute(_reappearing_papers(), parameters).scalars())))


@cache  # building these costs more than running them
def _add_recent_papers() -> Insert:
    counted = (
        select(CANONICAL)
        .select_from(edition_papers)
        .join(papers, papers.c.id == edition_papers.c.paper_id)
        .where(edition_papers.c.edition.in_(_USABLE), PAIR_COUNTS)
        .distinct()
    )
    return insert(recent_papers).from_select(["paper_id"], counted)


@cache
def _reappearing_papers() -> CompoundSelect[Any]:
    recent = recent_papers.c.paper_id
    known = recent + 0  # as a sum it is no key, so that SQLite begins with these few papers
    itself = select(papers.c.id, recent.label("paper_id")).join_from(
        recent_papers, papers, papers.c.id == known
    )
    merged = select(papers.c.id, recent).join_from(recent_papers, papers, papers.c.merged_into == known)
    member = union_all(itself, merged).subquery()
    heirs = select(member.c.paper_id).where(member.c.id.in_(select(paper_heirs.c.heir_id)))
    several = (
        select(member.c.paper_id)
        .join(edition_papers, edition_papers.c.paper_id == member.c.id)
        .group_by(member.c.paper_id)
        .having(
            or_(
                func.count(edition_papers.c.edition.distinct()) > 1,
                func.count(edition_papers.c.paper_id.distinct()) > 1,
            )
        )
    )
    later = editions.alias("later")
    rewound = select(later.c.number).where(
        later.c.number > editions.c.number, later.c.published_at < editions.c.published_at
    )
    doubtful = edition_papers.c.edition.in_(
        select(editions.c.number).where(
            editions.c.number.in_(_USABLE),
            or_(editions.c.released, editions.c.number <= bindparam("mailed_ahead"), rewound.exists()),
        )
    )
    by_edition = (
        select(CANONICAL)
        .select_from(edition_papers)
        .join(papers, papers.c.id == edition_papers.c.paper_id)
        .where(
            edition_papers.c.edition.in_(_USABLE),
            PAIR_COUNTS,
            or_(doubtful, edition_papers.c.restored_at.is_not(None)),
        )
    )
    return union_all(heirs, several, by_edition)


def _mailed_ahead(connection: Connection, now: datetime) -> int:
    """The newest edition that a digest of the future can show; 0 when the clock never ran ahead."""
    if connection.execute(_RAN_AHEAD, {"now": now}).first() is None:
        return 0
    return connection.execute(_NEWEST_AHEAD, {"now": now}).scalar_one() or 0


_RAN_AHEAD = select(runs.c.id).where(runs.c.verb.in_(("compose", "composing")), runs.c.at > NOW).limit(1)
_NEWEST_AHEAD = select(func.max(digests.c.edition)).where(digests.c.composed_at > NOW)
