"""Packs digests that no delivery needs any more, and deletes pieces that no digest holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, exists, func, insert, select, update

from newsletter.core.debts.packed_bytes import row_checksum, total
from newsletter.core.debts.packed_content import PastContent, PastPaper, pack, unpack
from newsletter.core.errors import StorageError
from newsletter.core.states import REGULAR_KINDS
from newsletter.db.engine import reading, writing
from newsletter.db.schema import (
    deliveries,
    digest_maybes,
    digest_papers,
    digests,
    history_contents,
    history_months,
    pieces,
)
from newsletter.pipeline.history.seals import CONTENTS

DIGESTS_AT_ONCE = 200
PIECES_AT_ONCE = 500


def pack_page(connection: Connection, month: int, *, end: datetime) -> int:
    """Pack the next digests that were composed before `end`; returns how many, 0 when none is left."""
    needed = exists().where(deliveries.c.digest_id == digests.c.id)
    rows = connection.execute(
        select(digests)
        .where(digests.c.kind.in_(REGULAR_KINDS), digests.c.composed_at < end, ~needed)
        .order_by(digests.c.id)
        .limit(DIGESTS_AT_ONCE)
    ).all()
    if not rows:
        return 0
    ids = [row.id for row in rows]
    shown = _by_digest(connection, digest_papers, ids)
    doubtful = _by_digest(connection, digest_maybes, ids)
    bodies: dict[int, bytes] = {}
    for row in rows:
        content = _content(row, shown.get(row.id, ()), doubtful.get(row.id, ()))
        bodies[row.id] = pack(content)
        if unpack(bodies[row.id]) != content:
            raise StorageError(f"digest {row.id} cannot be packed", hint="Nothing of it was deleted.")
    connection.execute(
        insert(history_contents),
        [{"digest_id": key, "month": month, "body": body} for key, body in bodies.items()],
    )
    own = history_months.c.month == month
    seal = connection.execute(select(history_months.c.checksum, history_months.c.contents).where(own)).one()
    added = (row_checksum(CONTENTS, month, key, body) for key, body in bodies.items())
    connection.execute(
        update(history_months)
        .where(own)
        .values(checksum=total(seal.checksum, add=added), contents=seal.contents + len(bodies))
    )
    for table in (digest_papers, digest_maybes):
        connection.execute(delete(table).where(table.c.digest_id.in_(ids)))
    connection.execute(delete(digests).where(digests.c.id.in_(ids)))
    return len(ids)


def _content(row: Row[Any], shown: Sequence[Row[Any]], doubtful: Sequence[Row[Any]]) -> PastContent:
    return PastContent(
        kind=row.kind,
        subject=row.subject,
        composed_at=row.composed_at,
        edition=row.edition,
        has_left_out=row.has_left_out,
        papers=tuple(
            PastPaper(
                paper_id=paper.paper_id,
                topic=paper.topic,
                form=paper.form,
                role=paper.role,
                edition=paper.edition,
            )
            for paper in shown
        ),
        maybe=tuple((paper.paper_id, paper.topic) for paper in doubtful),
        new_versions=tuple((paper, date.fromisoformat(day)) for paper, day in row.new_versions or ()),
    )


def _by_digest(connection: Connection, table: Any, ids: Sequence[int]) -> dict[int, list[Row[Any]]]:
    rows = connection.execute(
        select(table).where(table.c.digest_id.in_(ids)).order_by(table.c.digest_id, table.c.position)
    )
    return {key: list(group) for key, group in groupby(rows, lambda row: row.digest_id)}


def delete_pieces(engine: Engine, *, stop: Callable[[], bool] = lambda: False) -> int:
    """Delete the pieces that no digest holds, some at a time; returns how many.

    A digest that is stored meanwhile may hold an old piece again: each transaction looks at digests that are
    newer than the first look. Composing waits for it; whoever stores another mail locks its pieces.
    """
    with reading(engine) as connection:
        newest = connection.execute(select(func.coalesce(func.max(digests.c.id), 0))).scalar_one()
        last_piece = connection.execute(select(func.coalesce(func.max(pieces.c.id), 0))).scalar_one()
        used = _held(connection, above=0)
        ids = connection.execute(
            select(pieces.c.id).where(pieces.c.id <= last_piece).order_by(pieces.c.id)
        ).scalars()
        unused = [piece for piece in ids if piece not in used]
    gone = 0
    for page in _pages(unused):
        if stop():
            break
        with writing(engine, exclusive=True) as connection:
            locked = connection.execute(
                select(pieces.c.id).where(pieces.c.id.in_(page)).with_for_update(skip_locked=True)
            ).scalars()
            found = set(locked) - _held(connection, above=newest)
            connection.execute(delete(pieces).where(pieces.c.id.in_(sorted(found))))
            gone += len(found)
    return gone


def _held(connection: Connection, *, above: int) -> set[int]:
    """The ids of the pieces that digests hold whose id is above a number."""
    chosen = select(digests.c.parts).where(digests.c.id > above).execution_options(yield_per=200)
    return {
        piece
        for parts in connection.execute(chosen).scalars()
        for of_part in parts.values()
        for piece in of_part
    }


def _pages(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), PIECES_AT_ONCE):
        yield ids[start : start + PIECES_AT_ONCE]
