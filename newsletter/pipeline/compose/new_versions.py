"""Finds new versions of papers that the batch's readers had, for a line at the end of their digests.

A version is no news: it makes no digest and owes nothing. What the digest has no room for is not told again,
nor is what stands in a digest that never arrives.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Date,
    Insert,
    and_,
    bindparam,
    func,
    insert,
    literal_column,
    or_,
    select,
)
from sqlalchemy import union_all as all_of
from sqlmodel.sql.sqltypes import UTCDateTime

from newsletter.core.cadence import MAX_DEBT_AGE
from newsletter.core.debts.digest_plan import MAX_NEW_VERSIONS
from newsletter.core.papers.listing import Announcement
from newsletter.core.states import DumpStatus, Form
from newsletter.db.schema import (
    deliveries,
    digest_papers,
    digests,
    dumps,
    edition_papers,
    listed_entries,
    paper_revisions,
    papers,
)
from newsletter.delivery.outbox.debts import was_sent
from newsletter.papers.editions import PAIR_COUNTS
from newsletter.pipeline.compose.batch import NOW, batch, past_versions, recent_versions, version_lines
from newsletter.pipeline.history.given import had_before

# The mails of several categories tell of one version, at most some days apart.
REPEATED_WITHIN = timedelta(days=3)


def gather_new_versions(connection: Connection, *, now: datetime) -> None:
    """Fill `version_lines` for readers whose slot is open. now: aware.

    A version counts when the first dump that told of it was ingested after the reader's last digest was
    composed, at most 30 days ago.
    """
    oldest = connection.execute(_OLDEST_LAST_DIGEST).scalar_one()
    if oldest is None:
        return
    since = max(oldest, now - MAX_DEBT_AGE)
    window = {"now": now, "since": since, "seen_since": since - REPEATED_WITHIN}
    connection.execute(_add_recent_versions(), window)
    if connection.execute(_ANY_RECENT).first() is not None:
        _find_past_versions(connection)
        connection.execute(_add_lines(), {"now": now})


def _find_past_versions(connection: Connection) -> None:
    """Fill `past_versions` from mail whose rows are packed."""
    versions: dict[int, list[tuple[date, datetime]]] = {}
    for row in connection.execute(select(recent_versions)):
        versions.setdefault(row.paper_id, []).append((row.listed_on, row.at))
    readers = select(batch.c.subscriber_id).where(batch.c.closes.is_(None))
    found = {
        (reader, paper, listed_on, at)
        for reader, paper, shown, inherited in had_before(connection, versions, readers)
        if shown.sent and not (shown.doubtful or inherited)
        for listed_on, at in versions[paper]
        if shown.composed_at < at
    }
    if found:
        names = ("subscriber_id", "paper_id", "listed_on", "at")
        rows = [dict(zip(names, row, strict=True)) for row in sorted(found)]
        connection.execute(insert(past_versions), rows)


@cache  # building it costs more than running it
def _add_recent_versions() -> Insert:
    """Adds the versions that listings announce or that changed a paper's text, of papers in an edition."""
    kept = func.coalesce(papers.c.merged_into, papers.c.id).label("paper_id")
    recent = and_(
        dumps.c.ingested_at > bindparam("seen_since", type_=UTCDateTime()),
        dumps.c.ingested_at <= NOW,
        dumps.c.status == literal_column(f"'{DumpStatus.INGESTED}'"),
        ~dumps.c.backfill,  # an archive tells of old versions
    )
    announced = (
        select(kept, dumps.c.listed_on, dumps.c.ingested_at)
        .join_from(dumps, listed_entries, listed_entries.c.dump_id == dumps.c.id)
        .join(papers, papers.c.id == listed_entries.c.paper_id)
        .where(recent, listed_entries.c.announcement.in_([a.value for a in Announcement if a.is_revision]))
    )
    reworded = (
        select(kept, dumps.c.listed_on, dumps.c.ingested_at)
        .join_from(dumps, paper_revisions, paper_revisions.c.dump_id == dumps.c.id)
        .join(papers, papers.c.id == paper_revisions.c.paper_id)
        # other numbers are texts of older listings
        .where(recent, paper_revisions.c.number > 1, paper_revisions.c.number == papers.c.revision)
    )
    found = all_of(announced, reworded).subquery()
    member = papers.alias("member")
    counts = (
        select(edition_papers.c.edition)
        .join(member, member.c.id == edition_papers.c.paper_id)
        .where(
            or_(member.c.id == found.c.paper_id, member.c.merged_into == found.c.paper_id),
            PAIR_COUNTS,
        )
        .correlate(found)
    )
    at = func.min(found.c.ingested_at)
    return insert(recent_versions).from_select(
        ["paper_id", "listed_on", "at"],
        select(found.c.paper_id, found.c.listed_on, at)
        .where(counts.exists())
        .group_by(found.c.paper_id, found.c.listed_on)
        .having(at > bindparam("since", type_=UTCDateTime())),
    )


def _known(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """The column, such that SQLite joins its table first: from the few new versions to the many mails."""
    return column + 0


@cache
def _add_lines() -> Insert:
    """Adds a line for each open reader and version of a paper that a sent digest gave them."""
    version = recent_versions.c
    itself = select(papers.c.id, version.paper_id, version.listed_on, version.at).join_from(
        recent_versions, papers, papers.c.id == version.paper_id
    )
    merged = select(papers.c.id, version.paper_id, version.listed_on, version.at).join_from(
        recent_versions, papers, papers.c.merged_into == _known(version.paper_id)
    )
    member = all_of(itself, merged).subquery()
    last = digests.alias("last")
    mailed = (
        select(batch.c.subscriber_id, member.c.paper_id, member.c.listed_on)
        .join_from(member, digest_papers, digest_papers.c.paper_id == _known(member.c.id))
        .join(deliveries, deliveries.c.digest_id == _known(digest_papers.c.digest_id))
        .join(batch, batch.c.subscriber_id == _known(deliveries.c.subscriber_id))
        .join(last, last.c.id == batch.c.last_digest)
        .where(
            batch.c.closes.is_(None),
            digest_papers.c.form != Form.LEFT,
            deliveries.c.composed_at < member.c.at,
            was_sent(),
            member.c.at > last.c.composed_at,
        )
    )
    packed = (
        select(past_versions.c.subscriber_id, past_versions.c.paper_id, past_versions.c.listed_on)
        .join(batch, batch.c.subscriber_id == past_versions.c.subscriber_id)
        .join(last, last.c.id == batch.c.last_digest)
        .where(past_versions.c.at > last.c.composed_at)
    )
    every = all_of(mailed, packed).subquery()
    had = (
        select(
            every.c.subscriber_id,
            every.c.paper_id,
            func.max(every.c.listed_on, type_=Date()).label("listed_on"),
        )
        .group_by(every.c.subscriber_id, every.c.paper_id)
        .subquery()
    )
    place = func.row_number().over(
        partition_by=had.c.subscriber_id, order_by=(had.c.listed_on.desc(), had.c.paper_id.desc())
    )
    placed = select(had.c.subscriber_id, place.label("place"), had.c.paper_id, had.c.listed_on).subquery()
    return insert(version_lines).from_select(
        ["subscriber_id", "place", "paper_id", "listed_on"],
        select(placed).where(placed.c.place <= MAX_NEW_VERSIONS),
    )


_OLDEST_LAST_DIGEST: Any = (
    select(func.min(digests.c.composed_at, type_=UTCDateTime()))
    .join(batch, batch.c.last_digest == digests.c.id)
    .where(batch.c.closes.is_(None))
)
_ANY_RECENT = select(recent_versions.c.paper_id).limit(1)
