"""What the limits let a run send: on all mail, to each relay, to each recipient domain.

It counts; what has no room waits. The counts themselves are `newsletter.delivery.outbox.rate_counters`.
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
PORTION = (
    2 * WINDOW
)  # mails taken at least from a long limit at once: a crash may lose them, and exceeds none
LARGEST = 20 * PORTION  # taken at once of a generous one
SHORT = 60  # seconds: of so short a window no more is taken than goes at once


class Quota:
    """What was taken from one scope's limit and not used yet. Which mail uses it is the caller's decision.

    What was taken counts from that moment. So it may be used only for a little while; then it goes back to
    where it was counted, and is taken again.
    """

    def __init__(
        self, scope: str, rates: Sequence[Rate], *, words: str, wall: Callable[[], datetime]
    ) -> None:
        self.scope = scope
        self.rates = rates
        self.words = f"{words} ({', '.join(map(str, rates))})"
        self.opens_at: datetime | None = None  # when more may go, if less was given than was wanted
        self.at_once = min((rate.mails for rate in rates if rate.seconds <= SHORT), default=None)
        self._wall = wall
        self._portion = max(PORTION, min(LARGEST, min(rate.mails for rate in rates) // 100))
        self._lots: deque[tuple[datetime, int]] = deque()  # when taken, how many are left

    @property
    def left(self) -> int:
        """Mails that may go now."""
        now = self._wall()
        return sum(mails for at, mails in self._lots if self._is_fresh(at, now))

    def use(self, mails: int) -> None:
        """So many go (below zero: so many came back untouched)."""
        if mails < 0:
            at = self._lots[-1][0] if self._lots else self._wall()
            self._lots.append((at, -mails))
        while mails > 0 and self._lots:
            at, there = self._lots.pop()  # the newest: older ones may not be fresh
            if there > mails:
                self._lots.append((at, there - mails))
            mails -= there

    def renew(self, connection: Connection, wanted: int) -> None:
        """Have `wanted` mails ready, if the limit gives them; what was taken too long ago goes back."""
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
    """What one run may still send."""

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
        self._lent: dict[str, int] = {}  # by relay: what the transport was last told it may take
        self._domains: dict[str, Quota] = {}
        self._turned_away: Counter[str] = Counter()  # by domain

    @property
    def by_domain(self) -> bool:
        """Whether any domain is limited."""
        return bool(self._rules.domains or self._rules.each_domain)

    def begin(self, connection: Connection) -> None:
        """Clear old counts away; relays that have a limit take nothing before they are given a portion."""
        rate_counters.forget(connection, wall=self._wall())
        self._lend()

    def room(self) -> int | None:
        """Mails that may be handed over now; None: as many as there are."""
        self._lend()
        rooms = [self._transport.room]
        if self._all is not None:
            rooms.append(self._all.left)
            if self._all.at_once is not None:
                # Behind a slow server no more may wait than may go at once when it wakes up.
                rooms.append(self._all.at_once - self._transport.unsettled)
        return min((max(0, room) for room in rooms if room is not None), default=None)

    @property
    def is_full(self) -> bool:
        """Whether as many are under way as may go at once."""
        at_once = None if self._all is None else self._all.at_once
        return at_once is not None and self._transport.unsettled >= at_once

    def refill(self, connection: Connection, waiting: Sequence[ClaimedMail]) -> None:
        """Have ready what the next commit may hand over. waiting: mails that are leased."""
        self._lend()
        wanted = min(WINDOW, len(waiting))
        for _, allowance in self._relays.values():
            allowance.renew(connection, wanted)
        if self._all is not None:
            self._all.renew(connection, wanted)
        if self.by_domain:
            for domain, mails in sorted(Counter(map(_domain, waiting)).items()):
                of_domain = self._of_domain(domain)
                if of_domain is not None:
                    of_domain.renew(connection, min(WINDOW, mails))

    def use(self, mails: int) -> None:
        """So many are handed over (below zero: so many came back)."""
        if self._all is not None:
            self._all.use(mails)

    def admit(self, domain: str) -> datetime | None:
        """Use one mail of the domain's allowance: None. Or when (real time) the next may go."""
        allowance = self._of_domain(domain)
        if allowance is None:
            return None
        if allowance.left > 0:
            allowance.use(1)
            return None
        return allowance.opens_at or self._wall()

    def put_off(self, domain: str, opens_at: datetime) -> tuple[timedelta, timedelta]:
        """(how long a mail that is turned away should wait, the window's length).

        Those that are turned away are told one window after the other, so that each is put off once.
        """
        rates = self._rules.of_domain(domain)
        slowest = max(rates, key=lambda rate: rate.seconds / rate.mails)
        windows = self._turned_away[domain] // slowest.mails
        self._turned_away[domain] += 1
        window = timedelta(seconds=slowest.seconds)
        return max(opens_at - self._wall(), timedelta(0)) + window * windows, window

    def unused(self, mails: Sequence[ClaimedMail]) -> None:
        """These were handed over, and come back untouched."""
        self.use(-len(mails))
        if self.by_domain:
            for domain, number in Counter(map(_domain, mails)).items():
                of_domain = self._of_domain(domain)
                if of_domain is not None:
                    of_domain.use(-number)

    def end(self, connection: Connection) -> None:
        """Give back what was not used."""
        self._lend()
        scopes = [allowance for _, allowance in self._relays.values()] + [*self._domains.values()]
        for scope in [*scopes, self._all] if self._all is not None else scopes:
            scope.end(connection)

    def closed(self) -> tuple[datetime, str] | None:
        """When a mail may go, and which limit is in the way; None: none is."""
        binding: list[tuple[datetime, str]] = []
        if self._all is not None and self._all.opens_at is not None and not self._all.left:
            binding.append((self._all.opens_at, self._all.words))
        if self._transport.room == 0:
            opening = [
                (allowance.opens_at, allowance.words)
                for _, allowance in self._relays.values()
                if allowance.opens_at is not None
            ]
            if opening:
                binding.append(min(opening))
        return max(binding, default=None)

    def gives_way(self) -> bool:
        """Whether a limit that kept mail back lets some go now: it need not wait for a slow server."""
        if self.is_full:
            return False
        closed = self.closed()
        return closed is None or self._wall() >= closed[0] or self.room() != 0

    def _of_domain(self, domain: str) -> Quota | None:
        if domain not in self._domains:
            rates = self._rules.of_domain(domain)
            if not rates:
                return None
            self._domains[domain] = Quota(f"domain {domain}", rates, words=domain, wall=self._wall)
        return self._domains[domain]

    def _lend(self) -> None:
        """Book what the relays took since they were last told, and tell them what they may take now."""
        now = self._wall()
        for name, (relay, allowance) in self._relays.items():
            lent = self._lent.get(name)
            if lent is not None:
                allowance.use(lent - self._transport.allowance(relay))
            self._lent[name] = allowance.left
            late = allowance.opens_at is not None and allowance.opens_at - now > LONGEST_WAIT
            self._transport.allow(relay, self._lent[name], late=late)


def reached(closed: tuple[datetime, str]) -> NewsletterError:
    """What to say when a limit opens too late to be waited for."""
    opens_at, words = closed
    return NewsletterError(
        f"the limit on {words} is reached; the next mail may go at {opens_at:%Y-%m-%d %H:%M} UTC",
        hint="What is due waits in the outbox; a `newsletter send` after that goes on. "
        "Limits are set under [delivery] and [smtp].",
    )


def _domain(mail: ClaimedMail) -> str:
    return domain_of(mail.person.address)
