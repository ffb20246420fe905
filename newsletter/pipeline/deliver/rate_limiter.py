"""Keeps a run within the limits: on all mail, on each relay, on each recipient domain.

It decides only how many messages may go. The counts are in `newsletter.delivery.outbox.rate_counters`.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from newsletter.core.errors import NewsletterError
from newsletter.core.mail.rates import Rate
from newsletter.delivery.addresses import domain_of
from newsletter.delivery.outbox import rate_counters
from newsletter.delivery.outbox.claims import ClaimedMail
from newsletter.delivery.outbox.handover import WINDOW
from newsletter.delivery.outbox.rate_counters import ALL, Limits
from newsletter.delivery.smtp.relay import Relay
from newsletter.delivery.smtp.transport import Transport

LONGEST_WAIT = timedelta(minutes=2)  # for a limit to open, before a run leaves the rest to the next
# Messages taken together from a limit: a crash may lose the quota of so many, but no limit is ever exceeded.
PORTION = 2 * WINDOW
MAX_PORTION = 20 * PORTION  # from a high limit
SHORT_WINDOW = 60  # seconds; a limit with so short a window gives no more than goes immediately


class Quota:
    """Messages that were taken from one limit and not used yet. The caller decides which message uses one.

    A message counts from the moment when it is taken. So it may be used only for a short time; then it goes
    back to the slice where it was counted, and is taken again.
    """

    def __init__(
        self, scope: str, rates: Sequence[Rate], *, words: str, wall: Callable[[], datetime]
    ) -> None:
        self.scope = scope
        self.rates = rates
        self.words = f"{words} ({', '.join(map(str, rates))})"
        self.opens_at: datetime | None = None  # when more may go, if fewer were allowed than wanted
        self.at_once = min((rate.mails for rate in rates if rate.seconds <= SHORT_WINDOW), default=None)
        self._wall = wall
        self._portion = max(PORTION, min(MAX_PORTION, min(rate.mails for rate in rates) // 100))
        self._lots: deque[tuple[datetime, int]] = deque()  # when taken, how many are left

    @property
    def left(self) -> int:
        """Messages that may go now."""
        now = self._wall()
        return sum(mails for at, mails in self._lots if self._is_fresh(at, now))

    def use(self, mails: int) -> None:
        """Use up quota for `mails` (below zero: they came back untouched)."""
        if mails < 0:
            at = self._lots[-1][0] if self._lots else self._wall()
            self._lots.append((at, -mails))
        while mails > 0 and self._lots:
            at, there = self._lots.pop()  # the newest: older ones may not be fresh
            if there > mails:
                self._lots.append((at, there - mails))
            mails -= there

    def renew(self, connection: Connection, wanted: int) -> None:
        """Have a quota of `wanted` messages, if the limit allows; a quota taken too long ago goes back."""
        now = self._wall()
        while self._lots and not self._is_fresh(self._lots[0][0], now):
            self._give_back(connection)
        self.opens_at = None
        missing = wanted - self.left
        if missing <= 0:
            return
        if self.at_once is None:
            missing = self._portion - self.left
        taken = rate_counters.take(connection, self.scope, self.rates, wanted=missing, wall=now)
        if taken.mails:
            self._lots.append((now, taken.mails))
        if self.left < wanted:
            self.opens_at = taken.opens_at

    def end(self, connection: Connection) -> None:
        """Give back all that was not used."""
        while self._lots:
            self._give_back(connection)

    def _give_back(self, connection: Connection) -> None:
        at, mails = self._lots.popleft()
        rate_counters.give_back(connection, self.scope, self.rates, mails=mails, taken_at=at)

    def _is_fresh(self, at: datetime, now: datetime) -> bool:
        return all(rate.is_fresh(at, now) for rate in self.rates)


class RateLimiter:
    """The messages that one run may still send."""

    def __init__(
        self, rules: Limits, transport: Transport, relays: Iterable[Relay], *, wall: Callable[[], datetime]
    ) -> None:
        self._rules = rules
        self._transport = transport
        self._wall = wall
        self._all = Quota(ALL, rules.everything, words="all mail", wall=wall) if rules.everything else None
        self._relays = {
            relay.name: (relay, Quota(f"relay {relay.name}", rates, words=relay.name, wall=wall))
            for relay in relays
            if (rates := rules.relays.get(relay.name))
        }
        self._granted: dict[str, int] = {}  # by relay: the messages that the transport may take
        self._domains: dict[str, Quota] = {}
        self._turned_away: Counter[str] = Counter()  # by domain

    @property
    def by_domain(self) -> bool:
        """Whether any domain is limited."""
        return bool(self._rules.domains or self._rules.each_domain)

    def begin(self, connection: Connection) -> None:
        """Delete old counts. A relay with a limit takes nothing before it is granted a portion."""
        rate_counters.forget(connection, wall=self._wall())
        self._grant()

    def room(self) -> int | None:
        """Messages that may be handed over now; None: no limit."""
        self._grant()
        rooms = [self._transport.room]
        if self._all is not None:
            rooms.append(self._all.left)
            if self._all.at_once is not None:
                # No more may wait for a slow server than may go together when it answers.
                rooms.append(self._all.at_once - self._transport.unsettled)
        return min((max(0, room) for room in rooms if room is not None), default=None)

    @property
    def is_full(self) -> bool:
        """Whether no more may be under way."""
        at_once = None if self._all is None else self._all.at_once
        return at_once is not None and self._transport.unsettled >= at_once

    def refill(self, connection: Connection, waiting: Sequence[ClaimedMail]) -> None:
        """Take quotas for the next commit. waiting: the messages that are leased."""
        self._grant()
        wanted = min(WINDOW, len(waiting))
        for _, quota in self._relays.values():
            quota.renew(connection, wanted)
        if self._all is not None:
            self._all.renew(connection, wanted)
        if self.by_domain:
            for domain, mails in sorted(Counter(map(_domain, waiting)).items()):
                of_domain = self._of_domain(domain)
                if of_domain is not None:
                    of_domain.renew(connection, min(WINDOW, mails))

    def use(self, mails: int) -> None:
        """Use up quota: `mails` are handed over (below zero: they came back)."""
        if self._all is not None:
            self._all.use(mails)

    def admit(self, domain: str) -> datetime | None:
        """Use one message of the domain's quota: None. Or when (real time) the next may go."""
        quota = self._of_domain(domain)
        if quota is None:
            return None
        if quota.left > 0:
            quota.use(1)
            return None
        return quota.opens_at or self._wall()

    def put_off(self, domain: str, opens_at: datetime) -> tuple[timedelta, timedelta]:
        """(how long a message that is turned away should wait, the window's length).

        Messages that are turned away get one window after the other, so that each is put off only once.
        """
        rates = self._rules.of_domain(domain)
        slowest = max(rates, key=lambda rate: rate.seconds / rate.mails)
        windows = self._turned_away[domain] // slowest.mails
        self._turned_away[domain] += 1
        window = timedelta(seconds=slowest.seconds)
        return max(opens_at - self._wall(), timedelta(0)) + window * windows, window

    def unused(self, mails: Sequence[ClaimedMail]) -> None:
        """Return the quota of messages that were handed over and came back untouched."""
        self.use(-len(mails))
        if self.by_domain:
            for domain, number in Counter(map(_domain, mails)).items():
                of_domain = self._of_domain(domain)
                if of_domain is not None:
                    of_domain.use(-number)

    def end(self, connection: Connection) -> None:
        """Give back all quotas that were not used."""
        self._grant()
        scopes = [quota for _, quota in self._relays.values()] + [*self._domains.values()]
        for scope in [*scopes, self._all] if self._all is not None else scopes:
            scope.end(connection)

    def blocked(self) -> tuple[datetime, str] | None:
        """(when a message may go, the limit that prevents it until then); None: no limit does."""
        binding: list[tuple[datetime, str]] = []
        if self._all is not None and self._all.opens_at is not None and not self._all.left:
            binding.append((self._all.opens_at, self._all.words))
        if self._transport.room == 0:
            opening = [
                (quota.opens_at, quota.words)
                for _, quota in self._relays.values()
                if quota.opens_at is not None
            ]
            if opening:
                binding.append(min(opening))
        return max(binding, default=None)

    def gives_way(self) -> bool:
        """Whether a limit that kept mail back lets some go now: it need not wait for a slow server."""
        if self.is_full:
            return False
        blocked = self.blocked()
        return blocked is None or self._wall() >= blocked[0] or self.room() != 0

    def _of_domain(self, domain: str) -> Quota | None:
        if domain not in self._domains:
            rates = self._rules.of_domain(domain)
            if not rates:
                return None
            self._domains[domain] = Quota(f"domain {domain}", rates, words=domain, wall=self._wall)
        return self._domains[domain]

    def _grant(self) -> None:
        """Use up the quotas that relays took since the last grant, and grant new ones."""
        now = self._wall()
        for name, (relay, quota) in self._relays.items():
            granted = self._granted.get(name)
            if granted is not None:
                quota.use(granted - self._transport.allowance(relay))
            self._granted[name] = quota.left
            late = quota.opens_at is not None and quota.opens_at - now > LONGEST_WAIT
            self._transport.allow(relay, self._granted[name], late=late)


def limit_reached(blocked: tuple[datetime, str]) -> NewsletterError:
    """The error for a limit that opens too late to wait for."""
    opens_at, words = blocked
    return NewsletterError(
        f"the limit on {words} is reached; the next mail may go at {opens_at:%Y-%m-%d %H:%M} UTC",
        hint="What is due waits in the outbox; a `newsletter send` after that goes on. "
        "Limits are set under [delivery] and [smtp].",
    )


def _domain(mail: ClaimedMail) -> str:
    return domain_of(mail.person.address)
