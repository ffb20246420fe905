"""Composes one delivery for each reader who is due; equal plans share one digest. Sends nothing.

The database gathers and groups the readers; a digest is planned and rendered once for each group.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, Engine, bindparam, func, insert, literal, select, update

from newsletter.core.cadence import MAX_DEBT_AGE, MINIMUM_YIELDS_AFTER
from newsletter.core.debts.digest_plan import MAX_RECAPS, DigestPlan, arrange
from newsletter.core.reader_range import EVERY_READER, ReaderRange
from newsletter.core.states import MailKind
from newsletter.db.engine import KeptConnection, lock_exclusively
from newsletter.db.schema import runs
from newsletter.delivery.outbox.content_store import store_digest
from newsletter.delivery.outbox.enqueue import enqueue
from newsletter.delivery.outbox.held_mail import hold_back_all
from newsletter.pipeline.compose import due
from newsletter.pipeline.compose.batch import NOW, SlotClosing, batch, create_tables, groups, own_debts
from newsletter.pipeline.compose.canaries import ids_of, record_slots
from newsletter.pipeline.compose.draft import Draft, plan_of
from newsletter.pipeline.compose.edition_debts import Candidates, Owed, load_candidates, owed_to
from newsletter.pipeline.compose.grouping import GroupKey, parse_group_key, write_group_keys
from newsletter.pipeline.compose.memory import TurnMemory
from newsletter.pipeline.compose.new_versions import gather_new_versions
from newsletter.pipeline.compose.nothing_new_note import enqueue_notes
from newsletter.pipeline.compose.options import Renderer, SendOptions
from newsletter.pipeline.compose.papers_had import gather_papers_had
from newsletter.pipeline.compose.reader_debts import OwedPairOfDebt, carry_debts, gather_debts
from newsletter.pipeline.compose.turns import READERS_IN_A_TURN, choose, line_up, turns
from subscribers.lifecycle import strikes

# Runs in the database: an audit trusts that a run that is done was for everybody.
COMPOSED, COMPOSING = "compose", "composing"
# Seconds between two turns on SQLite, where whoever waits for the writer polls every 0.1 seconds. After a
# long turn many wait: the pause is half as long as the turn.
SHORTEST_PAUSE = 0.12
GROUPS_AT_ONCE = 500  # planned, rendered and stored together


@dataclass(slots=True)
class ComposeReport:
    """The outcome of one run."""

    due: int = 0  # readers who get a digest
    composed: int = 0  # deliveries queued
    closed: dict[str, int] = field(default_factory=dict)  # slots that passed without a digest, by reason


def compose(
    engine: Engine,
    options: SendOptions,
    *,
    now: datetime,
    within: ReaderRange = EVERY_READER,
    at_once: int = READERS_IN_A_TURN,
    alongside: Callable[[Connection], None] = lambda _connection: None,
) -> ComposeReport:
    """Queue a digest for everybody of a range of readers who is due at `now` (aware), in turns.

    Each turn is one transaction for `at_once` readers; the writer is free in between. A crash between two
    turns loses and doubles nothing: whoever had no turn is still due. alongside: called at the end of each
    transaction that queued something.
    """
    report = ComposeReport()
    memory = TurnMemory()
    with closing(KeptConnection(engine)) as kept:
        with kept.reading() as connection:
            readers = _line_up(connection, options, now=now, within=within)
        for first, last in turns(readers, at_once):
            before = report.composed
            with kept.writing() as connection:
                begun = time.monotonic()
                lock_exclusively(connection)
                _take_turn(connection, report, options, first, last, memory=memory, now=now)
                if options.note_renderer is not None:
                    enqueue_notes(connection, renderer=options.note_renderer, now=now)
                if report.composed > before:
                    alongside(connection)
                if last >= readers:
                    _record(connection, report, options, COMPOSED, now=now)
                elif first == 1:
                    _record(connection, report, options, COMPOSING, now=now)
            if last < readers and engine.dialect.name == "sqlite":
                time.sleep(max(SHORTEST_PAUSE, (time.monotonic() - begun) / 2))
    return report


def compose_in(connection: Connection, options: SendOptions, *, now: datetime) -> ComposeReport:
    """The same for all readers inside the caller's transaction (a preview rolls it back)."""
    lock_exclusively(connection)
    report = ComposeReport()
    readers = _line_up(connection, options, now=now, within=EVERY_READER)
    _take_turn(connection, report, options, 1, readers, memory=TurnMemory(), now=now)
    _record(connection, report, options, COMPOSED, now=now)
    return report


def _line_up(connection: Connection, options: SendOptions, *, now: datetime, within: ReaderRange) -> int:
    return line_up(
        connection,
        now=now,
        everyone=options.everyone,
        only=options.only,
        canaries=ids_of(connection, options.edition_schedule.canaries),
        within=within,
    )


def _take_turn(
    connection: Connection,
    report: ComposeReport,
    options: SendOptions,
    first: int,
    last: int,
    *,
    memory: TurnMemory,
    now: datetime,
) -> None:
    """Compose for the readers at these places of the line, and add them to the report."""
    create_tables(connection)
    choose(connection, first, last)
    canaries = ids_of(connection, options.edition_schedule.canaries)
    due.gather(connection, now=now, everyone=options.everyone, canaries=canaries)
    own_pairs = gather_debts(connection, now=now)
    kinds = _kinds_of_readers(connection)
    candidates = memory.current(
        {
            (early, kept): load_candidates(connection, now, early=early, kept=kept)
            for early, kept in sorted({(False, False), *kinds})
        }
    )
    if options.new_versions:
        gather_new_versions(connection, now=now)
    reappearing = {paper for each in candidates.values() for paper in each.reappearing}
    window = now - MAX_DEBT_AGE
    gather_papers_had(connection, window=window, reappearing=sorted(reappearing))
    write_group_keys(connection, window=window)
    for page in _pages(connection):
        _compose_page(
            connection,
            page,
            candidates,
            own_pairs=own_pairs,
            memory=memory,
            renderer=options.renderer,
            now=now,
        )
    composed = _queue(connection, now, options.signed_with)
    if any(early for early, _ in kinds):
        record_slots(connection, now=now)
    if any(kept for _, kept in kinds):
        hold_back_all(connection)
    due.close_slots(connection, now=now)
    report.due += composed
    report.composed += composed
    for statement in (_CLOSED_READERS, _CLOSED_GROUPS):
        for row in connection.execute(statement):
            report.closed[row.closes] = report.closed.get(row.closes, 0) + row.people


def _record(
    connection: Connection, report: ComposeReport, options: SendOptions, verb: str, *, now: datetime
) -> None:
    run = {"verb": verb, "at": now, "done": report.composed}
    connection.execute(insert(runs), {**run, "everyone": options.everyone, "only": options.only})


def _kinds_of_readers(connection: Connection) -> list[tuple[bool, bool]]:
    """The kinds of readers in the batch: (canary, replaces a delivery that waited)."""
    return [(row.early, row.kept) for row in connection.execute(_KINDS_OF_READERS)]


def _pages(connection: Connection) -> Iterator[list[str]]:
    above = ""
    while True:
        page = connection.execute(_NEXT_GROUPS, {"above": above}).scalars().all()
        if not page:
            return
        above = page[-1]
        yield list(page)


def _compose_page(
    connection: Connection,
    page: Sequence[str],
    candidates: Mapping[tuple[bool, bool], Candidates],
    *,
    own_pairs: Mapping[int, OwedPairOfDebt],
    memory: TurnMemory,
    renderer: Renderer,
    now: datetime,
) -> None:
    drafts: list[Draft] = []
    outcomes: list[dict[str, object]] = []
    for text in page:
        known = memory.recall(text)
        if known is not None:
            outcomes.append(known)
            continue
        group_key = parse_group_key(text)
        offered = candidates[group_key.early, group_key.kept]
        owed = owed_to(connection, offered, group_key, own_pairs=own_pairs)
        closes = _closes(owed, group_key, now)
        if closes is not None:
            outcomes.append({"text": text, "digest": None, "why": closes.value})
            if not group_key.debts:
                memory.keep(text, outcomes[-1])
            continue
        news = arrange(owed.pairs, topic_order=renderer.topic_order)
        drafts.append(
            Draft(
                text=text,
                group_key=group_key,
                candidates=offered,
                owed=owed,
                news=news,
                recaps=owed.recaps[:MAX_RECAPS],
            )
        )
    renderer.prepare(
        connection,
        (card for draft in drafts for card in (*draft.as_wished(), *draft.recaps)),
        maybe=(card for draft in drafts for card in draft.owed.maybes),
        new_versions=(line for draft in drafts for line in draft.group_key.new_versions),
    )
    digests: dict[DigestPlan, int] = {}
    for draft in drafts:
        plan = plan_of(draft, renderer)
        if plan not in digests:
            content = renderer.content(plan, composed_at=now)
            digests[plan] = store_digest(connection, plan, content, key=plan.key(now))
        outcomes.append({"text": draft.text, "digest": digests[plan], "why": None})
        if not draft.group_key.debts:
            memory.keep(draft.text, outcomes[-1])
    if outcomes:
        connection.execute(_SETTLE_GROUP, outcomes)


def _closes(owed: Owed, group_key: GroupKey, now: datetime) -> SlotClosing | None:
    """Why this group's slot passes without a digest; None when it gets one."""
    instants = [pair.ready_at for pair in owed.pairs]
    if owed.recaps_since is not None:
        instants.append(owed.recaps_since)
    if not instants or (min(instants) > group_key.slot_at and not group_key.forced):
        return SlotClosing.NOTHING_NEW
    papers = {pair.paper_id for pair in owed.pairs}
    if not owed.recaps and len(papers) < group_key.minimum and min(instants) > now - MINIMUM_YIELDS_AFTER:
        return SlotClosing.TOO_FEW
    return None


def _queue(connection: Connection, now: datetime, signed_with: str | None) -> int:
    """Queue one delivery for each reader, then let the deliveries carry the rows of reader_debts."""
    # Counted, as PostgreSQL's driver does not tell how many rows such a statement made.
    composed: int = connection.execute(_COUNT_DELIVERIES).scalar_one()
    enqueue(connection, _DELIVERIES, {"now": now}, signed_with=signed_with)
    carry_debts(connection)
    return composed


_KINDS_OF_READERS = select(batch.c.early, batch.c.kept).distinct()
_NEXT_GROUPS = (
    select(groups.c.group_key)
    .where(groups.c.group_key > bindparam("above"))
    .order_by(groups.c.group_key)
    .limit(GROUPS_AT_ONCE)
)
_SETTLE_GROUP = (
    update(groups)
    .where(groups.c.group_key == bindparam("text"))
    .values(digest_id=bindparam("digest"), closes=bindparam("why"))
)
_WAITING_SINCE = (
    select(own_debts.c.subscriber_id, func.min(own_debts.c.made_at).label("since"))
    .group_by(own_debts.c.subscriber_id)
    .subquery()
)
_DELIVERIES = (
    select(
        batch.c.subscriber_id,
        literal(MailKind.DIGEST.value).label("kind"),
        batch.c.delivery_key.label("key"),
        groups.c.digest_id,
        batch.c.version.label("stamp"),
        batch.c.slot_at,
        NOW.label("composed_at"),
        NOW.label("next_attempt_at"),
        batch.c.expires_at,
    )
    .join(groups, groups.c.group_key == batch.c.group_key)
    .where(groups.c.digest_id.is_not(None))
    .outerjoin(_WAITING_SINCE, _WAITING_SINCE.c.subscriber_id == batch.c.subscriber_id)
    # They are claimed in this order. Where a limit lets only some of them go, those who waited longest go
    # first; and a server that is asked for dead addresses first may refuse the rest.
    .order_by(
        batch.c.early.desc(),
        batch.c.subscriber_id.in_(strikes.struck_ids()),
        _WAITING_SINCE.c.since.is_(None),
        _WAITING_SINCE.c.since,
        batch.c.subscriber_id,
    )
)
_COUNT_DELIVERIES = select(func.coalesce(func.sum(groups.c.people), 0)).where(groups.c.digest_id.is_not(None))
_CLOSED_READERS = (
    select(batch.c.closes, func.count().label("people"))
    .where(batch.c.closes.is_not(None))
    .group_by(batch.c.closes)
)
_CLOSED_GROUPS = (
    select(groups.c.closes, func.sum(groups.c.people).label("people"))
    .where(groups.c.closes.is_not(None))
    .group_by(groups.c.closes)
)
