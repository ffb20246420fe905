"""Decides what an audit has to read: all of it, or what came after the last seal and what reaches across it.

The rules: docs/explanation/history.md, “The seal”. Reads rows and judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select

from newsletter.core import months
from newsletter.core.debts.packed_content import unpack
from newsletter.core.papers.merge_history import MergeHistory
from newsletter.core.states import Form
from newsletter.db.schema import (
    digest_papers,
    digests,
    edition_papers,
    editions,
    history_contents,
    history_papers,
    papers,
)
from newsletter.pipeline.history import seals

IDS_PER_STATEMENT = 400  # far below any database's limit of parameters
CANONICAL = func.coalesce(papers.c.merged_into, papers.c.id)


@dataclass(slots=True, kw_only=True)
class AuditScope:
    """What an audit reads, and what it counts."""

    since: datetime | None = None  # the beginning of the last sealed month; None: everything counts
    until: datetime | None = None  # later outcomes do not count: they are for a later proof
    months: Sequence[int] = ()  # packed months that are read
    first_ready: dict[int, datetime] = field(default_factory=dict)  # of papers that an edition holds
    crossing: set[int] = field(default_factory=set)  # older papers that a mail since then shows
    sealed: Sequence[Row[Any]] = ()  # months whose numbers come from their seals

    def keeps(self, paper: int) -> bool:
        """Whether a canonical paper is balanced."""
        return self.since is None or paper in self.first_ready or paper in self.crossing

    def counts(self, at: datetime | None) -> bool:
        """Whether an outcome of that instant counts here; None: one whose instant nobody knows."""
        if at is None:
            return self.since is None
        return (self.since is None or at >= self.since) and (self.until is None or at < self.until)


def whole_scope(connection: Connection, *, until: datetime | None = None) -> AuditScope:
    """Everything since the first day."""
    return AuditScope(
        until=until,
        months=[row.month for row in seals.listed(connection)],
        first_ready={} if until is None else _first_ready(connection, since=None),
    )


def scope_since_seal(
    connection: Connection, merges: MergeHistory, *, until: datetime | None = None
) -> AuditScope:
    """What came after the last seal, and what reaches across it; all when nothing is sealed."""
    rows = seals.listed(connection)
    sealed = [row for row in rows if row.sealed_at is not None]
    if not sealed:
        return whole_scope(connection, until=until)
    since = months.start_of(sealed[-1].month)
    first_ready = _first_ready(connection, since=since)
    new = {paper for paper, ready in first_ready.items() if ready >= since}
    crossing = (set(first_ready) - new) | (_shown_since(connection, since, merges) - new)
    recent = {row.month for row in rows if row.sealed_at is None} | {sealed[-1].month}
    reached = _months_of(connection, crossing, merges)
    return AuditScope(
        since=since,
        until=until,
        months=sorted(recent | reached),
        first_ready=first_ready,
        crossing=crossing,
        sealed=sealed,
    )


def _first_ready(connection: Connection, *, since: datetime | None) -> dict[int, datetime]:
    """When each canonical paper was first ready, of those that an edition ready since then holds."""
    first = func.min(editions.c.ready_at, type_=editions.c.ready_at.type)
    chosen = (
        select(CANONICAL.label("paper"), first.label("first"))
        .select_from(edition_papers)
        .join(papers, papers.c.id == edition_papers.c.paper_id)
        .join(editions, editions.c.number == edition_papers.c.edition)
        .group_by(CANONICAL)
    )
    if since is not None:
        chosen = chosen.having(func.max(editions.c.ready_at) >= since)
    return {row.paper: row.first for row in connection.execute(chosen)}


def _shown_since(connection: Connection, since: datetime, merges: MergeHistory) -> set[int]:
    """The canonical papers that digests composed since then show, and those that were split from them."""
    shown = set(
        connection.execute(
            select(digest_papers.c.paper_id)
            .join(digests, digests.c.id == digest_papers.c.digest_id)
            .where(digests.c.composed_at >= since, digest_papers.c.form != Form.LEFT)
            .distinct()
        ).scalars()
    )
    recent = select(history_contents.c.body).where(history_contents.c.month >= months.month_of(since))
    for body in connection.execute(recent.execution_options(yield_per=1_000)).scalars():
        content = unpack(body)
        if content.composed_at >= since:
            shown.update(paper.paper_id for paper in content.papers if paper.form != Form.LEFT)
    shown.update(heir.paper for heir in merges.heirs if heir.source in shown)
    found: set[int] = set()
    for page in _pages(sorted(shown)):
        found.update(connection.execute(select(CANONICAL).where(papers.c.id.in_(page))).scalars())
    return found


def _months_of(connection: Connection, crossing: set[int], merges: MergeHistory) -> set[int]:
    """The packed months that name these papers, by any id that they had."""
    ids = set(crossing)
    for page in _pages(sorted(crossing)):
        members = select(papers.c.id).where(or_(papers.c.id.in_(page), papers.c.merged_into.in_(page)))
        ids.update(connection.execute(members).scalars())
    ids.update(heir.source for heir in merges.heirs if heir.paper in ids)
    found: set[int] = set()
    for page in _pages(sorted(ids)):
        chosen = select(history_papers.c.month).where(history_papers.c.paper_id.in_(page)).distinct()
        found.update(connection.execute(chosen).scalars())
    return found


def _pages(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), IDS_PER_STATEMENT):
        yield ids[start : start + IDS_PER_STATEMENT]
