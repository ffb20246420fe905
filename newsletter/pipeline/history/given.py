"""Tells which readers were given a paper in months that are rolled up. Changes nothing.

Composing asks for few papers: those that come up again. It reads only the months that name them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Select, func, or_, select

from newsletter.core.debts.packed_content import unpack as unpack_content
from newsletter.core.debts.packed_reader import ReaderMonth, unpack_shared
from newsletter.core.states import RESENT, DeliveryState, Form, MailKind, Role
from newsletter.db.schema import (
    digest_maybes,
    digest_papers,
    history_contents,
    history_papers,
    history_readers,
    paper_heirs,
    papers,
)
from newsletter.pipeline.history.past_mail import checked_shared_part

IDS_PER_STATEMENT = 400  # far below any database's limit of parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class PastShown:
    """A paper in a packed mail, under the id that the mail shows."""

    paper_id: int
    composed_at: datetime
    received: bool  # the mail neither failed nor was skipped, or its first copy had been sent
    sent: bool  # the mail, or its first copy, was sent
    recap: bool
    doubtful: bool


@dataclass(frozen=True, slots=True)
class _Place:
    paper_id: int
    recap: bool
    doubtful: bool


def months_of(connection: Connection, paper_ids: Collection[int]) -> list[int]:
    """The rolled-up months whose mail names any of these papers, the oldest first."""
    found: set[int] = set()
    for page in _pages(sorted(paper_ids)):
        chosen = select(history_papers.c.month).where(history_papers.c.paper_id.in_(page)).distinct()
        found.update(connection.execute(chosen).scalars())
    return sorted(found)


def shown_before(
    connection: Connection, paper_ids: Collection[int], readers: Select[tuple[int]]
) -> Iterator[tuple[int, PastShown]]:
    """Yields (reader, where): where packed mail of these readers shows these papers.

    paper_ids: as mails show them. readers: selects subscriber ids. Raises StorageError for a changed row.
    """
    wanted = set(paper_ids)
    of_months = months_of(connection, wanted)
    if not of_months:
        return
    places = _places(connection, wanted)
    for month in of_months:
        rows = connection.execute(
            select(history_readers.c.subscriber_id, history_readers.c.body)
            .where(history_readers.c.month == month, history_readers.c.subscriber_id.in_(readers))
            .order_by(history_readers.c.subscriber_id)
        )
        known: dict[bytes, list[PastShown]] = {}  # readers with equal mail are unpacked once
        for reader, body in rows:
            shared = checked_shared_part(reader, month, body)
            if shared not in known:
                known[shared] = _shown_in(unpack_shared(shared), places)
            for shown in known[shared]:
                yield reader, shown


def had_before(
    connection: Connection, paper_ids: Collection[int], readers: Select[tuple[int]]
) -> Iterator[tuple[int, int, PastShown, bool]]:
    """Yields (reader, paper, where, inherited) of these canonical papers, merged and split ones included.

    inherited: the mail shows a paper from which this one was split later. Raises as `shown_before` does.
    """
    if not paper_ids or connection.execute(select(history_papers.c.month).limit(1)).first() is None:
        return
    stands_for: dict[int, list[tuple[int, datetime | None]]] = {}  # shown id to (paper, only before)
    canonical = func.coalesce(papers.c.merged_into, papers.c.id)
    for page in _pages(sorted(paper_ids)):
        members = select(papers.c.id, canonical).where(
            or_(papers.c.id.in_(page), papers.c.merged_into.in_(page))
        )
        for member, paper in connection.execute(members):
            stands_for.setdefault(member, []).append((paper, None))
    heirs = select(paper_heirs.c.heir_id, paper_heirs.c.source_id, paper_heirs.c.until)
    for heir, source, until in connection.execute(heirs):
        for paper, before in list(stands_for.get(heir, ())):
            if before is None:
                stands_for.setdefault(source, []).append((paper, until))
    for reader, shown in shown_before(connection, stands_for, readers):
        for paper, before in stands_for[shown.paper_id]:
            if before is None or shown.composed_at < before:
                yield reader, paper, shown, before is not None


def _shown_in(month: ReaderMonth, places: Mapping[int, Sequence[_Place]]) -> list[PastShown]:
    resent = {debt.paper_id for debt in month.debts if debt.kind == RESENT}
    found: list[PastShown] = []
    for mail in month.mails:
        for place in places.get(mail.digest_id, ()) if mail.kind == MailKind.DIGEST else ():
            sent = mail.state == DeliveryState.SENT or place.paper_id in resent
            found.append(
                PastShown(
                    paper_id=place.paper_id,
                    composed_at=mail.composed_at,
                    received=sent or mail.state == DeliveryState.UNCERTAIN,
                    sent=sent,
                    recap=place.recap,
                    doubtful=place.doubtful,
                )
            )
    return found


def _places(connection: Connection, wanted: Collection[int]) -> dict[int, list[_Place]]:
    """Where digests show these papers, by digest: packed ones, and those that a later mail still needs."""
    found: dict[int, list[_Place]] = {}
    contents = select(history_contents.c.digest_id, history_contents.c.body)
    for row in connection.execute(contents.execution_options(yield_per=1_000)):
        content = unpack_content(row.body)
        for paper in content.papers:
            if paper.paper_id in wanted and paper.form != Form.LEFT:
                place = _Place(paper.paper_id, paper.role == Role.RECAP, False)
                found.setdefault(row.digest_id, []).append(place)
        for paper_id, _ in content.maybe:
            if paper_id in wanted:
                found.setdefault(row.digest_id, []).append(_Place(paper_id, False, True))
    for page in _pages(sorted(wanted)):
        shown = select(digest_papers.c.digest_id, digest_papers.c.paper_id, digest_papers.c.role).where(
            digest_papers.c.paper_id.in_(page), digest_papers.c.form != Form.LEFT
        )
        for digest_id, paper_id, role in connection.execute(shown):
            found.setdefault(digest_id, []).append(_Place(paper_id, role == Role.RECAP, False))
        doubted = select(digest_maybes.c.digest_id, digest_maybes.c.paper_id)
        for digest_id, paper_id in connection.execute(doubted.where(digest_maybes.c.paper_id.in_(page))):
            found.setdefault(digest_id, []).append(_Place(paper_id, False, True))
    return found


def _pages(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), IDS_PER_STATEMENT):
        yield ids[start : start + IDS_PER_STATEMENT]
