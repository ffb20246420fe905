"""Keeps the deliveries that one run holds: leased, waiting for a domain's limit, or handed over.

It neither decides which of them go nor sends them, and opens no transaction.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from newsletter.core.mail.values import Envelope
from newsletter.core.reader_range import Shard
from newsletter.core.states import MailKind, SkipReason
from newsletter.delivery.outbox.claims import AudienceSelects, ClaimedMail, claim
from newsletter.delivery.outbox.handover import WINDOW, AttemptResult, hand_over, release
from newsletter.delivery.outbox.held_mail import held_editions, hold_back, with_held_edition
from subscribers import audience

CLAIM = 4 * WINDOW  # messages leased in one commit: of so many a change of choices may be missed


class Leases:
    """The deliveries that one owner has leased, until each has its outcome or goes back."""

    def __init__(
        self,
        owner: str,
        *,
        now: datetime,
        wall: Callable[[], datetime],
        only: int | None,
        transactional_only: bool,
        shard: Shard | None = None,
    ) -> None:
        self._owner = owner
        self._now = now
        self._wall = wall
        self._only = only
        self._transactional_only = transactional_only
        self._shard = shard
        self._audience = AudienceSelects(
            mailable=audience.mailable(),
            reachable=audience.reachable(),
            departed=audience.departed(),
            states=audience.states(),
        )
        self._leased: deque[ClaimedMail] = deque()
        self._waiting: deque[tuple[datetime, ClaimedMail]] = deque()  # until their domains take more
        self._handed_over: dict[int, ClaimedMail] = {}  # by id; not recorded yet
        self._all_claimed = False  # nothing more is due

    @property
    def ready(self) -> int:
        """Messages that may be handed over now."""
        return len(self._leased)

    @property
    def held(self) -> list[ClaimedMail]:
        """All messages that are leased and not handed over."""
        return [*self._leased, *(mail for _, mail in self._waiting)]

    @property
    def any_left(self) -> bool:
        """Whether a message is left for this run to hand over."""
        return bool(self._leased or self._waiting or not self._all_claimed)

    @property
    def any_ready(self) -> bool:
        """Whether a message is left that waits for no domain."""
        return bool(self._leased or not self._all_claimed)

    @property
    def next_ready_at(self) -> datetime | None:
        """When the first waiting mail may go."""
        return min((at for at, _ in self._waiting), default=None)

    def handed_over(self, delivery_id: int) -> ClaimedMail:
        """The mail of that id, which was handed over and is not recorded yet."""
        return self._handed_over[delivery_id]

    def claim_more(self, connection: Connection) -> Mapping[SkipReason, int]:
        """Lease more, unless enough is leased; how many messages were skipped for which reason."""
        if self._all_claimed or len(self._leased) > WINDOW:
            return {}
        found = claim(
            connection,
            owner=self._owner,
            now=self._now,
            wall=self._wall(),
            limit=CLAIM,
            audience=self._audience,
            only=self._only,
            transactional_only=self._transactional_only,
            shard=self._shard,
        )
        self._leased.extend(found.claimed)
        self._all_claimed = len(found.claimed) < CLAIM
        return found.skipped

    def wake(self) -> None:
        """Put waiting messages whose domains take more now in front."""
        wall = self._wall()
        ready = [mail for at, mail in self._waiting if at <= wall]
        if ready:
            self._waiting = deque((at, mail) for at, mail in self._waiting if at > wall)
            self._leased.extendleft(reversed(ready))

    def take(
        self, room: int, obstacle_of: Callable[[ClaimedMail], AttemptResult | datetime | None] | None
    ) -> tuple[list[ClaimedMail], dict[int, AttemptResult]]:
        """(at most `room` messages to hand over now, the results of those among them that are not tried).

        obstacle_of: a result without an attempt; or until when (real time) the mail waits here; or nothing.
        """
        taken: list[ClaimedMail] = []
        untried: dict[int, AttemptResult] = {}
        while self._leased and len(taken) < room:
            mail = self._leased.popleft()
            obstacle = obstacle_of(mail) if obstacle_of is not None else None
            if isinstance(obstacle, datetime):
                self._waiting.append((obstacle, mail))
                continue
            if obstacle is not None:
                untried[mail.id] = obstacle
            taken.append(mail)
        return taken, untried

    @property
    def may_wait(self) -> bool:
        """Whether one message more may wait here for its domain."""
        return len(self._waiting) < CLAIM

    def hold_back_again(self, connection: Connection, taken: Iterable[ClaimedMail]) -> Collection[int]:
        """Give back each leased mail that carries an edition which is held by now; their ids.

        taken: messages that `take` returned, and that are not handed over yet.
        """
        if not held_editions(connection):  # nearly always
            return frozenset()
        leased = [*taken, *self.held]
        held = with_held_edition(
            connection, {mail.digest_id for mail in leased if mail.kind == MailKind.DIGEST}
        )
        if not held:
            return frozenset()
        parked = frozenset(mail.id for mail in leased if mail.digest_id in held)
        self._leased = deque(mail for mail in self._leased if mail.id not in parked)
        self._waiting = deque(pair for pair in self._waiting if pair[1].id not in parked)
        release(connection, parked, owner=self._owner)
        hold_back(connection, parked)
        return parked

    def hand_over(self, connection: Connection, mails: Sequence[ClaimedMail]) -> frozenset[int]:
        """Hand messages over; the ids of those that were still leased, and may be sent after the commit."""
        ids = hand_over(connection, [mail.id for mail in mails], owner=self._owner, wall=self._wall())
        self._handed_over.update((mail.id, mail) for mail in mails if mail.id in ids)
        return ids

    def recorded(self, delivery_ids: Iterable[int]) -> None:
        """These have their outcome in the database."""
        for delivery_id in delivery_ids:
            self._handed_over.pop(delivery_id, None)

    def unbegun(self, envelopes: Iterable[Envelope]) -> list[ClaimedMail]:
        """The messages of envelopes that were handed over and of which no byte has left."""
        ids = [envelope.delivery_id for envelope in envelopes]
        return [self._handed_over.pop(delivery_id) for delivery_id in ids if delivery_id is not None]

    def release_some(self, connection: Connection, mails: Iterable[ClaimedMail]) -> None:
        """Give these back, to be claimed again by this run or another."""
        release(connection, [mail.id for mail in mails], owner=self._owner)
        self._all_claimed = False

    def release_all(self, connection: Connection, more: Iterable[int] = ()) -> None:
        """Give back all that is not handed over, and the deliveries with the ids in `more`."""
        ids = [*(mail.id for mail in self.held), *more]
        if ids:
            release(connection, ids, owner=self._owner)
        self._leased.clear()
        self._waiting.clear()
