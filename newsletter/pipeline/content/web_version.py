"""Shows digests on the web, and lists the digests of a reader. It changes nothing.

A digest on the web is the message itself without its personal parts.
"""

from __future__ import annotations

import email
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

from sqlalchemy import Connection, Engine, select

from newsletter.core.errors import NotFoundError
from newsletter.core.mail.values import Builder, Content, Recipient
from newsletter.core.states import DeliveryState, MailKind
from newsletter.db.engine import reading
from newsletter.db.schema import deliveries, digests
from newsletter.delivery.outbox.content_store import load_content
from newsletter.delivery.outbox.digest_contents import DigestPapers, contents_of
from newsletter.pipeline.content.personalization import KEY_LENGTH, SAMPLE, Links

SENT_SHOWN = 30  # on the page of a reader


@dataclass(frozen=True, slots=True, kw_only=True)
class SentDigest:
    """A digest that was composed for a reader."""

    subject: str
    composed_at: datetime
    state: DeliveryState
    contents: DigestPapers  # papers shown in it
    key: str  # of the digest, as in web links


def page_of(engine: Engine, key: str, *, web_url: str, builder: Builder, links: Links) -> str:
    """The HTML of the digest whose key begins with `key`. Raises NotFoundError."""
    with reading(engine) as connection:
        content = load_content(connection, digest_of(connection, key))
    return _html(content, key=key, web_url=web_url, builder=builder, links=links)


def digest_of(connection: Connection, key: str) -> int:
    """The id of the digest whose key begins with `key`. Raises NotFoundError."""
    # A range of hexadecimal keys does the same as LIKE, and it can use the index.
    named = select(digests.c.id).where(
        digests.c.key >= key, digests.c.key < f"{key}g", digests.c.kind == MailKind.DIGEST
    )
    found = connection.execute(named.limit(1)).scalar_one_or_none()
    if found is None or len(key) != KEY_LENGTH:
        raise NotFoundError("there is no such digest", hint="It may have been cut from the link.")
    return int(found)


def sample(content: Content, *, builder: Builder, links: Links) -> str:
    """The HTML of a digest that stands for what readers get."""
    return _html(content, key=SAMPLE, web_url=links.web(SAMPLE), builder=builder, links=links)


def sent_to(engine: Engine, subscriber_id: int) -> list[SentDigest]:
    """The latest digests of a reader, the newest first."""
    chosen = (
        select(
            digests.c.subject,
            digests.c.key,
            deliveries.c.composed_at,
            deliveries.c.state,
            deliveries.c.digest_id,
        )
        .join(digests, digests.c.id == deliveries.c.digest_id)
        .where(deliveries.c.subscriber_id == subscriber_id, deliveries.c.kind == MailKind.DIGEST)
        .order_by(deliveries.c.id.desc())
        .limit(SENT_SHOWN)
    )
    with reading(engine) as connection:
        rows: list[Any] = list(connection.execute(chosen))
        contents = contents_of(connection, {row.digest_id for row in rows})
    return [
        SentDigest(
            subject=row.subject,
            composed_at=row.composed_at,
            state=DeliveryState(row.state),
            contents=contents.get(row.digest_id, DigestPapers()),
            key=row.key[:KEY_LENGTH],
        )
        for row in rows
    ]


def _html(content: Content, *, key: str, web_url: str, builder: Builder, links: Links) -> str:
    link_page = f"{links.base_url}/link"  # the page that mails readers their own link
    envelope = builder.prepare(content).assemble(
        Recipient(
            subscriber_id=0,
            address="reader@localhost",
            kind="web",
            key=key,
            my={
                "greeting": "Good day.",
                "because": "This is the web page of a mail; readers choose their own topics and hour.",
                "unsubscribe_url": link_page,
                "preferences_url": link_page,
                "pause_url": link_page,
                "web_url": web_url,
                "reader_token": "",  # a page that anybody may open names no reader
            },
        )
    )
    message: EmailMessage = email.message_from_bytes(envelope.data, policy=SMTP)
    body = message.get_body(("html",))
    assert body is not None  # the recipient above is not text_only
    return str(body.get_content())
