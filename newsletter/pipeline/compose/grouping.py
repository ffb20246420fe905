"""A signature says in one line what a person is owed by; people with equal ones get one digest.

Written by the database for a whole batch, read back once for each distinct one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    String,
    and_,
    case,
    cast,
    func,
    insert,
    literal,
    or_,
    select,
    union_all,
    update,
)

from newsletter.core.states import DeliveryState, Form, MailKind
from newsletter.db.schema import (
    canary_slots,
    deliveries,
    digest_maybes,
    digest_papers,
    digests,
    editions,
    paper_heirs,
    papers,
    reader_debts,
)
from newsletter.delivery.outbox.debts import was_sent
from newsletter.pipeline.compose.batch import batch, groups, marks
from subscribers import audience

SEPARATOR = "|"  # between the fields; occurs in none of them
DOUBTFUL = "?"  # behind the id of a paper that a digest showed as doubtful

OPEN_DEBT = and_(reader_debts.c.carried_by.is_(None), reader_debts.c.ended.is_(None))


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupKey:
    """What the line of one group says."""

    slot_at: datetime
    day: date  # the reader's own date
    forced: bool  # regardless of the hour
    minimum: int  # papers that make a digest worth sending
    maximum: int | None  # papers that one may hold
    maybe: bool  # doubtful papers, too
    early: bool  # a canary: editions that are not ready, too
    kept: bool  # in place of a mail that waited: editions that were held by themselves, too
    settled_number: int  # editions up to this number …
    settled_count: int  # … among the first so many by readiness were settled by the last digest
    left_by: int | None  # the last digest, when it left papers out
    topics: dict[str, int]  # slug to how many recent editions were ready before it was followed
    debts: tuple[int, ...]  # open rows of the reader's own
    had: frozenset[int]  # reappearing papers that were in a digest of theirs
    seen: frozenset[int]  # reappearing papers that were in one as doubtful


def parse(line: str) -> GroupKey:
    """Read a signature back."""
    at, day, forced, minimum, maximum, maybe, early, kept, mark, topics, debts, had = line.split(SEPARATOR)
    instant = datetime.fromisoformat(at)  # with an offset on PostgreSQL, without on SQLite
    number, count, left_by = mark.split("/") if mark else ("0", "0", "")
    return GroupKey(
        slot_at=instant if instant.tzinfo else instant.replace(tzinfo=UTC),
        day=date.fromisoformat(day),
        forced=forced == "1",
        minimum=int(minimum),
        maximum=int(maximum) if maximum else None,
        maybe=maybe == "1",
        early=early == "1",
        kept=kept == "1",
        settled_number=int(number),
        settled_count=int(count),
        left_by=int(left_by) if left_by else None,
        topics={slug: int(late) for slug, _, late in (t.partition("@") for t in topics.split(",") if t)},
        debts=tuple(sorted(int(debt) for debt in debts.split(",") if debt)),
        had=frozenset(int(paper) for paper in had.split(",") if paper and not paper.endswith(DOUBTFUL)),
        seen=frozenset(int(paper[:-1]) for paper in had.split(",") if paper.endswith(DOUBTFUL)),
    )


def sign(connection: Connection, *, window: datetime, reappearing: Sequence[int]) -> None:
    """Write each person's signature: equal signatures are owed the same, and get one digest.

    window: editions that were ready before it are too old. reappearing: ids of papers that may stand in
    a digest of this person's although their pair is unsettled (a corrected topic, a released edition).
    """
    _mark_last_digests(connection)
    following = audience.following().subquery()
    late = (
        select(func.count())
        .select_from(editions)
        .where(editions.c.ready_at >= window, editions.c.ready_at < following.c.since)
        .correlate(following)
        .scalar_subquery()
    )
    topics = (
        select(func.aggregate_strings(following.c.topic + "@" + cast(late, String), ","))
        .where(following.c.subscriber_id == batch.c.subscriber_id, following.c.until.is_(None))
        .correlate(batch)
        .scalar_subquery()
    )
    debts = (
        select(func.aggregate_strings(cast(reader_debts.c.id, String), ","))
        .where(reader_debts.c.subscriber_id == batch.c.subscriber_id, OPEN_DEBT)
        .correlate(batch)
        .scalar_subquery()
    )
    had = _papers_had(reappearing) if reappearing else literal("")
    if canaries := _recent_canaries(connection, window):  # what they have, they may have had ahead of time
        all_had = _papers_had(reappearing, since=window)
        had = case((batch.c.subscriber_id.in_(canaries), all_had), else_=had)
    parts: tuple[ColumnElement[str], ...] = (
        cast(batch.c.slot_at, String),
        cast(batch.c.day, String),
        cast(cast(batch.c.forced, Integer), String),
        cast(batch.c.minimum, String),
        func.coalesce(cast(batch.c.maximum, String), ""),
        cast(cast(batch.c.maybe, Integer), String),
        cast(cast(batch.c.early, Integer), String),
        cast(cast(batch.c.kept, Integer), String),
        func.coalesce(
            select(marks.c.mark).where(marks.c.digest_id == batch.c.last_digest).scalar_subquery(), ""
        ),
        func.coalesce(topics, ""),
        func.coalesce(debts, ""),
        func.coalesce(had, ""),
    )
    signature: ColumnElement[str] = parts[0]
    for part in parts[1:]:
        signature = signature + SEPARATOR + part
    connection.execute(update(batch).where(batch.c.closes.is_(None)).values(signature=signature))
    connection.execute(
        insert(groups).from_select(
            ["signature", "people"],
            select(batch.c.signature, func.count())
            .where(batch.c.signature.is_not(None))
            .group_by(batch.c.signature),
        )
    )


def _mark_last_digests(connection: Connection) -> None:
    """What a last digest settles: editions up to its number that were ready when it was composed."""
    ready_then = (
        select(func.count())
        .select_from(editions)
        .where(editions.c.ready_at <= digests.c.composed_at)
        .correlate(digests)
        .scalar_subquery()
    )
    left = case((digests.c.has_left_out, cast(digests.c.id, String)), else_="")
    mark = cast(digests.c.edition, String) + "/" + cast(ready_then, String) + "/" + left
    connection.execute(
        insert(marks).from_select(
            ["digest_id", "mark"],
            select(digests.c.id, mark).where(digests.c.id.in_(select(batch.c.last_digest).distinct())),
        )
    )


def _recent_canaries(connection: Connection, window: datetime) -> Sequence[int]:
    """Whom an edition of the window was due for ahead of its time."""
    return (
        connection.execute(
            select(canary_slots.c.subscriber_id)
            .where(
                canary_slots.c.at >= window, canary_slots.c.subscriber_id.in_(select(batch.c.subscriber_id))
            )
            .distinct()
        )
        .scalars()
        .all()
    )


def _papers_had(reappearing: Sequence[int], *, since: datetime | None = None) -> ColumnElement[str]:
    """Which of these papers a digest of the person's held, itself or as the paper that it was split from.

    since: all the papers, too, of digests composed from then on.
    """
    canonical = func.coalesce(papers.c.merged_into, papers.c.id)
    held = (
        select(digest_papers.c.digest_id, canonical.label("paper_id"), literal("").label("mark"))
        .join(papers, papers.c.id == digest_papers.c.paper_id)
        .where(digest_papers.c.form != Form.LEFT)
    ).subquery()
    inherited = (
        select(digest_papers.c.digest_id, canonical, literal(""))
        .join(paper_heirs, paper_heirs.c.source_id == digest_papers.c.paper_id)
        .join(papers, papers.c.id == paper_heirs.c.heir_id)
        .join(digests, digests.c.id == digest_papers.c.digest_id)
        .where(digest_papers.c.form != Form.LEFT, digests.c.composed_at < paper_heirs.c.until)
    )
    doubted = select(digest_maybes.c.digest_id, canonical, literal(DOUBTFUL)).join(
        papers, papers.c.id == digest_maybes.c.paper_id
    )
    either = union_all(select(held), inherited, doubted).subquery()
    which: ColumnElement[bool] = either.c.paper_id.in_(reappearing)
    if since is not None:
        which = or_(which, deliveries.c.composed_at >= since)
    return (
        select(func.aggregate_strings(cast(either.c.paper_id, String) + either.c.mark, ","))
        .select_from(deliveries)
        .join(either, either.c.digest_id == deliveries.c.digest_id)
        .where(
            deliveries.c.subscriber_id == batch.c.subscriber_id,
            deliveries.c.kind == MailKind.DIGEST,
            # what these gave back are rows of the reader's own
            or_(
                deliveries.c.state.not_in([DeliveryState.SKIPPED.value, DeliveryState.FAILED.value]),
                was_sent(),
            ),
            which,
        )
        .correlate(batch)
        .scalar_subquery()
    )
