"""A run's part of what the limits allow: taken in portions, used mail by mail, the rest given back.

It counts; what has no room waits in the outbox. The counts themselves are `newsletter.delivery.limits`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from newsletter.core.errors import NewsletterError
from newsletter.core.rates import Rate
from newsletter.delivery import limits
from newsletter.delivery.brakes import domain_of
from newsletter.delivery.claims import Claimed
from newsletter.delivery.limits import ALL, Limits
from newsletter.delivery.outbox import WINDOW
from newsletter.delivery.relay import Relay
from newsletter.delivery.smtp import Transport

PORTION = 2 * WINDOW  # mails taken at least from a limit at once: a crash may lose them, and exceeds none
LARGEST = 20 * PORTION  # taken at once of a generous limit


class Allowances:
    """What one run may still send."""

    def __init__(self, rules: Limits, transport: Transport, *, wall: Callable[[], datetime]) -> None:
        self.opens_at: datetime | None = None  # when more may go, if something was refused
        self._rules = rules
        self._transport = transport
        self._wall = wall
        self._spare = 0  # of the limit on all mail: taken and not used
        self._left: Counter[str] = Counter()  # by domain: taken and not used
        self._domain_opens: dict[str, datetime] = {}
        self._turned_away: Counter[str] = Counter()  # by domain
        self._full: str = ""  # what refused last, in words

    @property
    def by_domain(self) -> bool:
        """Whether any domain is limited."""
        return bool(self._rules.domains or self._rules.each_domain)

    def begin(self, connection: Connection, relays: Iterable[Relay]) -> None:
        """Clear old counts away; relays that have a limit take nothing before they are given a portion."""
        limits.forget(connection, wall=self._wall())
        for relay in relays:
            if self._rules.relays.get(relay.name):
                self._transport.allow(relay, 0)

    @property
    def room(self) -> int | None:
        """Mails that may be handed over now; None: as many as there are."""
        rooms = [] if not self._rules.everything else [self._spare]
        relays = self._transport.room
        return min([*rooms, relays], default=None) if relays is not None else min(rooms, default=None)

    def refill(self, connection: Connection) -> None:
        """Take the next portions where little is left; sets `opens_at`."""
        self.opens_at = None
        for relay, left in self._transport.allowances():
            if left < WINDOW:
                rates = self._rules.relays[relay.name]
                granted = self._take(connection, relay_scope(relay), rates, portion(rates) - left, relay.name)
                self._transport.allow(relay, granted)
        if self._rules.everything and self._spare < WINDOW:
            wanted = portion(self._rules.everything) - self._spare
            self._spare += self._take(connection, ALL, self._rules.everything, wanted, "all mail")

    def claimed(self, connection: Connection, mails: Iterable[Claimed]) -> None:
        """Take what these mails may use of their domains' allowances."""
        if not self.by_domain:
            return
        for domain, number in Counter(domain_of(mail.person.address) for mail in mails).items():
            rates = self._rules.of_domain(domain)
            if not rates:
                continue
            taken = limits.take(connection, domain_scope(domain), rates, wanted=number, wall=self._wall())
            self._left[domain] += taken.mails
            if taken.mails < number:
                self._domain_opens[domain] = taken.opens_at

    def use(self, mails: int) -> None:
        """So many are handed over (below zero: so many came back)."""
        if self._rules.everything:
            self._spare -= mails

    def admit(self, domain: str) -> timedelta | None:
        """Use one mail of the domain's allowance: None. Or how long this mail should wait.

        Those that are turned away are told one window after the other, so that each is put off once.
        """
        rates = self._rules.of_domain(domain)
        if not rates:
            return None
        if self._left[domain] > 0:
            self._left[domain] -= 1
            return None
        slowest = max(rates, key=lambda rate: rate.seconds / rate.mails)
        windows = self._turned_away[domain] // slowest.mails
        self._turned_away[domain] += 1
        opens_at = self._domain_opens.get(domain, self._wall())
        return max(opens_at - self._wall(), timedelta(0)) + timedelta(seconds=slowest.seconds) * windows

    def unused(self, mails: Sequence[Claimed]) -> None:
        """These were handed over, and come back untouched."""
        self.use(-len(mails))
        if self.by_domain:
            self._left.update(domain_of(mail.person.address) for mail in mails)

    def end(self, connection: Connection) -> None:
        """Give back what was not used."""
        wall = self._wall()
        if self._rules.everything:
            limits.give_back(connection, ALL, self._rules.everything, mails=self._spare, wall=wall)
        for domain, mails in self._left.items():
            rates = self._rules.of_domain(domain)
            limits.give_back(connection, domain_scope(domain), rates, mails=mails, wall=wall)
        for relay, mails in self._transport.allowances(shut=True):
            rates = self._rules.relays.get(relay.name, ())
            limits.give_back(connection, relay_scope(relay), rates, mails=mails, wall=wall)

    def reached(self, until: datetime) -> NewsletterError:
        """What to say when a limit is reached and opens no sooner than `until`."""
        return NewsletterError(
            f"the limit on {self._full} is reached; the next mail may go at {until:%Y-%m-%d %H:%M} UTC",
            hint="What is due waits in the outbox; a `newsletter send` after that goes on. "
            "Limits are set under [delivery] and [smtp].",
        )

    def _take(
        self, connection: Connection, scope: str, rates: Iterable[Rate], wanted: int, words: str
    ) -> int:
        rates = tuple(rates)
        taken = limits.take(connection, scope, rates, wanted=wanted, wall=self._wall())
        if taken.mails < wanted:
            self.opens_at = min(filter(None, (self.opens_at, taken.opens_at)))
            self._full = f"{words} ({', '.join(map(str, rates))})"
        return taken.mails


def portion(rates: Iterable[Rate]) -> int:
    """How many mails to take at once: a hundredth of the limit, within bounds."""
    return max(PORTION, min(LARGEST, min(rate.mails for rate in rates) // 100))


def relay_scope(relay: Relay) -> str:
    """A relay's scope among the counts."""
    return f"relay {relay.name}"


def domain_scope(domain: str) -> str:
    """A recipient domain's scope among the counts."""
    return f"domain {domain}"
