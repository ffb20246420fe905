"""Sentences for the outbox: readers, papers, digests and their deliveries, on a real database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select, update

import subscribers.tables
from newsletter.core.mail.retry import decide
from newsletter.core.mail.values import Outcome, Verdict
from newsletter.core.reader_range import Shard
from newsletter.db.engine import open_engine, reading, writing
from newsletter.db.schema import (
    deliveries,
    digest_papers,
    digests,
    dumps,
    papers,
    reader_debts,
    table_of,
)
from newsletter.delivery.message.builder import MessageBuilder, SenderIdentity
from newsletter.delivery.outbox.claims import AudienceSelects, ClaimResult, claim
from newsletter.delivery.outbox.content_store import store_pieces
from newsletter.delivery.outbox.handover import AttemptResult, hand_over, record
from subscribers import audience
from tests.databases import migrated_url

NOW = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
LATER = timedelta(hours=1)
ME = "me"  # an owner id
TOMORROW = NOW + timedelta(days=1)
IDENTITY = SenderIdentity(
    sender="Papers <papers@news.example>",
    base_url="https://news.example",
    list_name="Papers",
    secret_keys=["k" * 32],
)
BUILDER = MessageBuilder(IDENTITY)
PEOPLE = table_of(subscribers.tables.Subscriber)


def public() -> AudienceSelects:
    return AudienceSelects(
        mailable=audience.mailable(),
        reachable=audience.reachable(),
        departed=audience.departed(),
        states=audience.states(),
    )


class Outbox:
    """A database with readers and messages in it."""

    def __init__(self, folder: Path, *, url: str | None = None) -> None:
        self.folder = folder
        self.url = url or migrated_url(folder)
        self.engine = open_engine(self.url)
        self.locks = folder / "locks"

    def readers(self, count: int, *, domain: str = "mail.example", **columns: Any) -> list[int]:
        """Confirmed readers r1@…, r2@…"""
        with writing(self.engine) as connection:
            first = (
                connection.execute(select(PEOPLE.c.id).order_by(PEOPLE.c.id.desc()).limit(1)).scalar() or 0
            )
            rows = [
                {
                    "id": n,
                    "ref": f"ref{n}",
                    "leave_id": f"leave{n}",
                    "address": f"r{n}@{domain}",
                    "address_key": f"r{n}@{domain}",
                    "name": "",
                    "state": "confirmed",
                    "created_at": NOW,
                    "confirmed_at": NOW,
                    "version": 1,
                    "cadence": "daily",
                    "hour": 7,
                    "timezone": "UTC",
                    "text_only": False,
                    "minimum": 1,
                    **columns,
                }
                for n in range(first + 1, first + count + 1)
            ]
            connection.execute(insert(PEOPLE), rows)
            return [row["id"] for row in rows]

    def change(self, subscriber_id: int, **columns: Any) -> None:
        with writing(self.engine) as connection:
            connection.execute(update(PEOPLE).where(PEOPLE.c.id == subscriber_id).values(**columns))

    def papers(self, count: int) -> list[int]:
        with writing(self.engine) as connection:
            dump = connection.execute(select(dumps.c.id)).scalar()
            if dump is None:
                dump = connection.execute(
                    insert(dumps).returning(dumps.c.id),
                    {"sha256": "0", "file": "x", "size": 1, "status": "ingested", "received_at": NOW}
                    | {"backfill": False, "entries": 0, "new": 0, "known": 0, "revised": 0}
                    | {"nonblank_lines": 0, "unread_lines": 0},
                ).scalar_one()
            return [
                connection.execute(
                    insert(papers).returning(papers.c.id),
                    {
                        "title": f"Paper {n}",
                        "abstract": "",
                        "first_listed_on": NOW.date(),
                        "first_dump_id": dump,
                        "first_position": n,
                        "backfill": False,
                        "ingested_at": NOW,
                        "revision": 1,
                    },
                ).scalar_one()
                for n in range(1, count + 1)
            ]

    def digest(
        self,
        news: Iterable[int] = (),
        *,
        recaps: Iterable[int] = (),
        left: Iterable[int] = (),
        kind: str = "digest",
        body: bytes = b"Hello \x00my.greeting\x00,\r\nnews.\r\n",
    ) -> int:
        """A digest with these papers; its text and HTML are `body`."""
        shown = [(p, "full", "news") for p in news] + [(p, "title", "recap") for p in recaps]
        shown += [(p, "left", "news") for p in left]
        with writing(self.engine) as connection:
            piece = store_pieces(connection, [body])
            number = len(connection.execute(select(digests.c.id)).all()) + 1
            digest_id = connection.execute(
                insert(digests).returning(digests.c.id),
                {
                    "key": f"digest {number}",
                    "kind": kind,
                    "edition": None,
                    "date": date(2026, 3, 2),
                    "composed_at": NOW,
                    "subject": f"Digest {number}",
                    "parts": {"html": piece, "text": piece},
                    "values": {},
                    "has_left_out": bool(left),
                },
            ).scalar_one()
            rows = [
                {"digest_id": digest_id, "position": n, "paper_id": p, "topic": "everything", "also_in": []}
                | {"form": form, "role": role, "edition": None}
                for n, (p, form, role) in enumerate(shown, 1)
            ]
            if rows:
                connection.execute(insert(digest_papers), rows)
            return int(digest_id)

    def queue(self, readers: Sequence[int], digest_id: int, **columns: Any) -> list[int]:
        """One delivery of the digest to each reader, due NOW, expiring tomorrow."""
        with writing(self.engine) as connection:
            last = (
                connection.execute(select(deliveries.c.id).order_by(deliveries.c.id.desc()).limit(1)).scalar()
                or 0
            )
            rows = [
                {
                    "id": last + n,
                    "subscriber_id": reader,
                    "kind": "digest",
                    "key": f"key {digest_id}",
                    "digest_id": digest_id,
                    "state": "queued",
                    "stamp": 1,
                    "composed_at": NOW,
                    "next_attempt_at": NOW,
                    "expires_at": TOMORROW,
                    "attempts": 0,
                    **columns,
                }
                for n, reader in enumerate(readers, 1)
            ]
            connection.execute(insert(deliveries), rows)
            return [last + n for n in range(1, len(readers) + 1)]

    def owe(self, reader: int, paper: int, kind: str, **columns: Any) -> int:
        """A debt of the reader's own."""
        with writing(self.engine) as connection:
            return int(
                connection.execute(
                    insert(reader_debts).returning(reader_debts.c.id),
                    {"subscriber_id": reader, "paper_id": paper, "topic": "everything", "kind": kind}
                    | {"made_at": NOW, **columns},
                ).scalar_one()
            )

    def debts(self) -> list[tuple[int, str, int | None, int | None, str | None]]:
        """(paper, kind, from which delivery, carried by, how it ended), oldest first."""
        with reading(self.engine) as connection:
            d = reader_debts.c
            rows = connection.execute(
                select(d.paper_id, d.kind, d.from_delivery_id, d.carried_by, d.ended).order_by(d.id)
            )
            return [tuple(row) for row in rows]

    def rows(self) -> dict[int, Mapping[str, Any]]:
        with reading(self.engine) as connection:
            return {row["id"]: dict(row) for row in connection.execute(select(deliveries)).mappings()}

    def suppressed(self) -> list[int]:
        """Ids of the readers whose address is suppressed."""
        with reading(self.engine) as connection:
            found = select(PEOPLE.c.id).where(PEOPLE.c.state == "suppressed").order_by(PEOPLE.c.id)
            return list(connection.execute(found).scalars())

    def states(self) -> dict[int, str]:
        return {id_: row["state"] for id_, row in self.rows().items()}


def take(
    box: Outbox, *, owner: str = ME, limit: int = 100, only: int | None = None, shard: Shard | None = None
) -> ClaimResult:
    with writing(box.engine) as connection:
        return claim(
            connection,
            owner=owner,
            now=NOW,
            wall=NOW,
            limit=limit,
            audience=public(),
            only=only,
            shard=shard,
        )


def ids(claims: ClaimResult) -> list[int]:
    return [mail.id for mail in claims.claimed]


def hand_these_over(box: Outbox, deliveries: list[int], *, owner: str = ME) -> frozenset[int]:
    with writing(box.engine) as connection:
        return hand_over(connection, deliveries, owner=owner, wall=NOW)


def settle(
    box: Outbox, delivery: int, outcome: Outcome, *, owner: str = ME, resend: bool = False
) -> frozenset[int]:
    """Record one outcome; the ids of those that came too late."""
    expires_at = box.rows()[delivery]["expires_at"]
    following = decide(outcome, attempts=0, now=NOW, expires_at=expires_at, jitter=0.0, resend=resend)
    result = AttemptResult(delivery_id=delivery, outcome=outcome, next=following)
    with writing(box.engine) as connection:
        return record(connection, owner=owner, results=[result], now=NOW)


def send(box: Outbox, delivery: int, outcome: Outcome, *, owner: str = ME) -> None:
    """Claim, hand over and settle one delivery."""
    assert delivery in ids(take(box, owner=owner))
    hand_these_over(box, [delivery], owner=owner)
    assert settle(box, delivery, outcome, owner=owner) == frozenset()


def reply(code: int, status: str | None = None) -> Outcome:
    verdict = Verdict.ACCEPTED if code < 400 else Verdict.DEFERRED if code < 500 else Verdict.REJECTED
    return Outcome(verdict=verdict, phase="dot", code=code, status=status, text="words")


OK, HARD, SOFT = reply(250, "2.0.0"), reply(550, "5.1.1"), reply(552, "5.2.2")
LOST = Outcome(verdict=Verdict.UNCERTAIN, phase="dot", text="gone")
