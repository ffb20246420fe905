"""Finds the reader and the message that a report is about. It changes nothing.

A signed id is a proof wherever it stands in a fixed place; one that does not verify spoils all others. Ids of
two messages in one report cancel each other: somebody has put them together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select

from newsletter.core.mail.bounce_policy import OLDEST, FoundBy
from newsletter.core.mail.inbound import InboundClass, InboundReport
from newsletter.core.mail.signing_keys import key_of
from newsletter.core.states import DeliveryState
from newsletter.db.schema import deliveries
from newsletter.delivery.message.verp import (
    MESSAGE_ID_DIGITS,
    TAG_DIGITS,
    ReturnPathId,
    mail_hash,
    signed_ids,
    verify,
)
from subscribers import queries
from subscribers.addresses import parse as parse_address
from subscribers.errors import AddressError
from subscribers.lifecycle import former_links

_LEAVE_LINK = re.compile(r"/u/([0-9A-Za-z_-]{10,100})")
_OUR_MESSAGE_ID = re.compile(rf"([0-9a-f]{{{MESSAGE_ID_DIGITS}}})@")
MOST_MAILS = 5_000  # messages of a reader among which one is looked for: daily for a dozen years
MOST_SEARCHED = 200_000  # messages of everybody, where only a Message-ID names one
SEARCHED = timedelta(days=7)  # complaints come soon


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """The reader and the message that a report names."""

    found_by: FoundBy = FoundBy.NOTHING
    subscriber_id: int | None = None
    delivery: Row[Any] | None = None  # of `deliveries`
    unproven: str = ""  # why it must change nothing


class LinkFinder:
    """Finds what reports name, with the keys of one newsletter."""

    def __init__(self, connection: Connection, secret_keys: Sequence[str], *, now: datetime) -> None:
        self._connection = connection
        self._secret_keys = secret_keys
        self._keys = [key.encode() for key in secret_keys]
        self._now = now

    def find(self, report: InboundReport, *, recipient: str, authentic: bool) -> Link:
        """What a report names. authentic: address and Message-ID prove it, since its origin was checked."""
        named = report.names
        places = [(FoundBy.RETURN_PATH, recipient)] if signed_ids(recipient) else []
        places += [(FoundBy.ENVELOPE_ID, text) for text in named.envelope_ids]
        places += [(FoundBy.RETURN_PATH, text) for text in named.return_paths]
        if (signed := self._signed(places)) is not None:
            return signed
        by_leave_link = self._by_leave_link(
            value for name, value in named.headers if name == "list-unsubscribe"
        )
        ids = [found[1] for text in named.message_ids if (found := _OUR_MESSAGE_ID.match(text.lower()))]
        if by_leave_link is not None:
            return Link(
                found_by=FoundBy.HEADER,
                subscriber_id=by_leave_link,
                delivery=self._with_message_id(by_leave_link, ids),
            )
        addresses = [address for one in report.recipients for address in (one.original, one.address)]
        addresses += [*report.concerned, report.sender]
        for subscriber_id in self._readers(addresses):
            delivery = self._with_message_id(subscriber_id, ids)
            if authentic:
                return Link(found_by=FoundBy.PROVIDER, subscriber_id=subscriber_id, delivery=delivery)
            if delivery is not None:
                return Link(found_by=FoundBy.MESSAGE_ID, subscriber_id=subscriber_id, delivery=delivery)
        if report.kind is InboundClass.UNSUBSCRIBE and not ids:
            for subscriber_id in self._readers([report.sender]):
                return Link(found_by=FoundBy.ADDRESS, subscriber_id=subscriber_id)
        if report.kind is InboundClass.COMPLAINT and ids:
            for _ in self._readers(report.concerned):
                return Link(unproven="it names a reader, and a message that was not to them")
            return self._among_all(ids)  # many providers leave the address out
        return Link()

    def _signed(self, places: Iterable[tuple[FoundBy, str]]) -> Link | None:
        """What the signed ids in these places name; None when there is none."""
        found: dict[ReturnPathId, FoundBy] = {}
        for place, text in places:
            for signed in signed_ids(text):
                path_id = verify(signed, self._keys)
                if path_id is None:
                    return Link(unproven=f"the signature of the {place} is wrong")
                found.setdefault(path_id, place)
        if not found:
            return None
        (path_id, place), *others = found.items()
        if others:
            return Link(unproven="it names several messages")
        return Link(found_by=place, subscriber_id=path_id.subscriber_id, delivery=self._with_tag(path_id))

    def _with_tag(self, path_id: ReturnPathId) -> Row[Any] | None:
        return next(self._matching(path_id.subscriber_id, [path_id.tag], TAG_DIGITS), None)

    def _with_message_id(self, subscriber_id: int, ids: Sequence[str]) -> Row[Any] | None:
        return next(self._matching(subscriber_id, ids, MESSAGE_ID_DIGITS), None) if ids else None

    def _matching(self, subscriber_id: int, wanted: Sequence[str], digits: int) -> Iterator[Row[Any]]:
        rows = self._connection.execute(
            select(deliveries)
            .where(deliveries.c.subscriber_id == subscriber_id)
            .order_by(deliveries.c.id.desc())
            .limit(MOST_MAILS)
        )
        return (row for row in rows if self._hash_of(row)[:digits] in wanted)

    def _hash_of(self, row: Any) -> str:
        key = key_of(row.signed_with, self._secret_keys).encode()
        return mail_hash(row.subscriber_id, row.kind, row.key, key)

    def _by_leave_link(self, values: Iterable[str]) -> int | None:
        """The reader of an unsubscribe link, also of one at an earlier address."""
        for value in values:
            for leave_id in _LEAVE_LINK.findall(value):
                person = queries.by_leave_id(self._connection, leave_id)
                if person is not None:
                    return person.id
                former = former_links.by_leave_id(self._connection, leave_id)
                if former is not None:
                    return former.subscriber_id
        return None

    def _readers(self, addresses: Iterable[str]) -> Iterator[int]:
        keys: list[str] = []
        for address in addresses:
            try:
                keys.append(parse_address(address).key)
            except AddressError:
                continue
        found = queries.by_keys(self._connection, set(keys))
        return (found[key].id for key in dict.fromkeys(keys) if key in found)

    def _among_all(self, ids: Sequence[str]) -> Link:
        """The message with one of these ids among the latest of all readers: a provider told nothing else."""
        rows = self._connection.execute(
            select(
                deliveries.c.id,
                deliveries.c.subscriber_id,
                deliveries.c.kind,
                deliveries.c.key,
                deliveries.c.signed_with,
            )
            .where(
                deliveries.c.state.in_([DeliveryState.SENT.value, DeliveryState.UNCERTAIN.value]),
                deliveries.c.finished_at.between(self._now - SEARCHED, self._now),
            )
            .order_by(deliveries.c.id.desc())
            .limit(MOST_SEARCHED)
        )
        for row in rows:
            if self._hash_of(row)[:MESSAGE_ID_DIGITS] in ids:
                delivery = self._connection.execute(select(deliveries).where(deliveries.c.id == row.id)).one()
                return Link(found_by=FoundBy.MESSAGE_ID, subscriber_id=row.subscriber_id, delivery=delivery)
        return Link()


def is_old(delivery: Row[Any], *, now: datetime) -> bool:
    """Whether a message is too old for its bounce to count."""
    sent_at: datetime = delivery.finished_at or delivery.composed_at
    return sent_at < now - OLDEST
