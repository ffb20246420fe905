"""Stores a digest: its pieces, what it holds, and the key that makes it one. Frozen once stored."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from newsletter.core.debts.digest_plan import DigestPlan
from newsletter.core.mail.values import Content
from newsletter.core.states import MailKind
from newsletter.db.schema import digest_maybes, digest_papers, digests
from newsletter.delivery.outbox.content_store import store_pieces


def store_digest(connection: Connection, plan: DigestPlan, content: Content, *, key: str) -> int:
    """Store a digest unless one of that key exists; returns its id."""
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
            "parts": {
                "html": store_pieces(connection, content.html),
                "text": store_pieces(connection, content.text),
            },
            "values": dict(content.values),
            "has_left_out": bool(plan.left_out),
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
