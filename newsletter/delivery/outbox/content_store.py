"""Stores and loads contents by their pieces. A piece is stored once, however many contents hold it.

It neither encodes pieces (`newsletter.render`) nor joins them (`newsletter.delivery.message.builder`).
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, insert, select

from newsletter.core.debts.digest_plan import DigestPlan
from newsletter.core.errors import NotFoundError
from newsletter.core.mail.values import Content
from newsletter.core.states import MailKind
from newsletter.db.engine import dialect_insert
from newsletter.db.schema import digest_maybes, digest_papers, digests, pieces

T = TypeVar("T")

ROWS_PER_STATEMENT = 400  # rows named in one statement; far below any database's limit of parameters
CACHE_SIZE = 16 * 1024 * 1024  # bytes of pieces kept: some hundred papers in every form


def store_pieces(connection: Connection, bodies: Iterable[bytes], *, lock: bool = False) -> list[int]:
    """Store encoded pieces by their hash; their ids in the order given.

    lock: for a transaction that is not exclusive, so that nobody deletes an old piece meanwhile.
    """
    keys = [(hashlib.sha256(body).hexdigest(), body) for body in bodies]
    by_key = dict(keys)
    ids: dict[str, int] = {}
    upsert = dialect_insert(connection)
    for page in _pages(list(by_key)):
        ids |= _ids(connection, page, lock=lock)
        missing = [key for key in page if key not in ids]
        if missing:
            connection.execute(
                upsert(pieces).on_conflict_do_nothing(index_elements=["sha256"]),
                [{"sha256": key, "body": by_key[key]} for key in missing],
            )
            ids |= _ids(connection, missing, lock=lock)
    return [ids[key] for key, _ in keys]


def store_digest(connection: Connection, plan: DigestPlan, content: Content, *, key: str) -> int:
    """Store a digest unless one of that key exists; returns its id. Frozen once stored."""
    known = connection.execute(select(digests.c.id).where(digests.c.key == key)).scalar_one_or_none()
    if known is not None:
        return int(known)
    digest_id: int = connection.execute(
        insert(digests).returning(digests.c.id),
        {
            "key": key,
            "kind": MailKind.DIGEST.value,
            "edition": plan.edition,
            "date": plan.date,
            "composed_at": content.date,
            "subject": content.subject,
            "parts": _store_parts(connection, content),
            "values": dict(content.values),
            "has_left_out": bool(plan.left_out),
            "new_versions": [[line.paper_id, line.listed_on.isoformat()] for line in plan.new_versions]
            or None,
        },
    ).scalar_one()
    papers = (*plan.news, *plan.recaps, *plan.left_out)
    if papers:
        connection.execute(
            insert(digest_papers),
            [
                {
                    "digest_id": digest_id,
                    "position": position,
                    "paper_id": paper.paper_id,
                    "topic": paper.topic,
                    "also_in": list(paper.also_in),
                    "form": paper.form.value,
                    "role": paper.role.value,
                    "edition": paper.edition,
                }
                for position, paper in enumerate(papers, 1)
            ],
        )
    if plan.maybe:  # in a table of their own: they are no part of the ledger
        connection.execute(
            insert(digest_maybes),
            [
                {"digest_id": digest_id, "position": position, "paper_id": card.paper_id, "topic": card.topic}
                for position, card in enumerate(plan.maybe, 1)
            ],
        )
    return digest_id


def store_transactional(connection: Connection, kind: str, content: Content) -> int:
    """Store a transactional mail's content; returns its id. Equal messages of one second share it."""
    parts = [content.subject.encode(), *content.html, b"", *content.text]
    identity = [kind.encode(), content.date.isoformat().encode(), *parts]
    key = hashlib.sha256(b"\x00".join(hashlib.sha256(part).digest() for part in identity)).hexdigest()
    same = select(digests.c.id).where(digests.c.key == key)
    known = connection.execute(same).scalar_one_or_none()
    if known is None:
        upsert = dialect_insert(connection)
        known = connection.execute(
            upsert(digests)
            .values(
                key=key,
                kind=kind,
                edition=None,
                date=content.date.date(),
                composed_at=content.date,
                subject=content.subject,
                parts=_store_parts(connection, content, lock=True),
                values={},
                has_left_out=False,
            )
            .on_conflict_do_nothing(index_elements=["key"])
            .returning(digests.c.id)
        ).scalar_one_or_none()
    return int(known if known is not None else connection.execute(same).scalar_one())


def load_content(connection: Connection, digest_id: int) -> Content:
    """The content of one digest. Raises NotFoundError."""
    return ContentCache().contents(connection, [digest_id])[digest_id]


class ContentCache:
    """Loads contents by digest id. Pieces are cached up to a size: many digests share them."""

    def __init__(self, *, size: int = CACHE_SIZE) -> None:
        self._limit = size
        self._size = 0
        self._pieces: OrderedDict[int, bytes] = OrderedDict()  # least recently used first

    def contents(self, connection: Connection, digest_ids: Iterable[int]) -> dict[int, Content]:
        """The contents of these digests. Raises NotFoundError for an unknown one."""
        wanted = list(dict.fromkeys(digest_ids))
        rows = [row for page in _pages(wanted) for row in _digests(connection, page)]
        if len(rows) < len(wanted):
            missing = sorted(set(wanted).difference(row.id for row in rows))
            raise NotFoundError(
                f"no such digest: {missing[0]}", hint="`newsletter audit` names what is damaged."
            )
        bodies = self._load(
            connection, {piece for row in rows for part in row.parts.values() for piece in part}
        )
        return {
            row.id: Content(
                subject=row.subject,
                date=row.composed_at,
                html=tuple([bodies[piece] for piece in row.parts.get("html", ())]),
                text=tuple([bodies[piece] for piece in row.parts.get("text", ())]),
                values=row.own,
            )
            for row in rows
        }

    def _load(self, connection: Connection, ids: set[int]) -> dict[int, bytes]:
        found: dict[int, bytes] = {}
        missing: list[int] = []
        for piece in ids:
            body = self._pieces.get(piece)
            if body is None:
                missing.append(piece)
            else:
                self._pieces.move_to_end(piece)
                found[piece] = body
        for page in _pages(sorted(missing)):
            for row in connection.execute(select(pieces.c.id, pieces.c.body).where(pieces.c.id.in_(page))):
                found[row.id] = self._pieces[row.id] = row.body
                self._size += len(row.body)
        while self._size > self._limit:
            _, body = self._pieces.popitem(last=False)
            self._size -= len(body)
        return found


def _store_parts(connection: Connection, content: Content, *, lock: bool = False) -> dict[str, list[int]]:
    return {
        "html": store_pieces(connection, content.html, lock=lock),
        "text": store_pieces(connection, content.text, lock=lock),
    }


def _digests(connection: Connection, ids: Sequence[int]) -> list[Row[Any]]:
    chosen = select(
        digests.c.id,
        digests.c.subject,
        digests.c.composed_at,
        digests.c.parts,
        digests.c["values"].label("own"),
    ).where(digests.c.id.in_(ids))
    return list(connection.execute(chosen))


def _ids(connection: Connection, keys: Sequence[str], *, lock: bool) -> dict[str, int]:
    chosen = select(pieces.c.sha256, pieces.c.id).where(pieces.c.sha256.in_(keys))
    rows = connection.execute(chosen.with_for_update(read=True, key_share=True) if lock else chosen)
    return {row.sha256: row.id for row in rows}


def _pages(items: Sequence[T]) -> list[Sequence[T]]:
    return [items[start : start + ROWS_PER_STATEMENT] for start in range(0, len(items), ROWS_PER_STATEMENT)]
