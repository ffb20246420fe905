"""Chooses and joins the messages that the next commit hands over, within limits and pauses.

It sends nothing; `newsletter.pipeline.deliver.run` does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from newsletter.core.mail.values import Envelope
from newsletter.core.states import SkipReason
from newsletter.delivery.addresses import domain_of
from newsletter.delivery.outbox.claims import ClaimedMail
from newsletter.delivery.outbox.handover import WINDOW, AttemptResult
from newsletter.pipeline.deliver.envelopes import Envelopes
from newsletter.pipeline.deliver.leases import Leases
from newsletter.pipeline.deliver.outcomes import Outcomes
from newsletter.pipeline.deliver.rate_limiter import LONGEST_WAIT, RateLimiter


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Messages that one commit is to hand over."""

    mails: Sequence[ClaimedMail] = ()
    tried: Sequence[ClaimedMail] = ()  # those of them that may go to a relay
    envelopes: Sequence[Envelope] = ()
    untried: Sequence[AttemptResult] = ()  # of those that get their outcome without an attempt


class Batches:
    """Makes the batches of one run."""

    def __init__(
        self,
        leases: Leases,
        *,
        envelopes: Envelopes,
        limiter: RateLimiter,
        outcomes: Outcomes,
        wall: Callable[[], datetime],
    ) -> None:
        self.held_up = False  # a limit kept messages out of the last batch
        self._leases = leases
        self._envelopes = envelopes
        self._limiter = limiter
        self._outcomes = outcomes
        self._wall = wall

    def choose(self, *, unsettled: int) -> Batch:
        """The next batch. unsettled: messages on the wire, which count against WINDOW."""
        self._leases.wake()
        wanted = min(WINDOW - unsettled, self._leases.ready)
        allowed = self._limiter.room()
        room = wanted if allowed is None else min(wanted, allowed)
        self.held_up = room < wanted
        choosy = self._outcomes.any_paused or self._limiter.by_domain
        mails, untried = self._leases.take(room, self._obstacle_of if choosy else None)
        tried = [mail for mail in mails if mail.id not in untried] if untried else mails
        envelopes, failed = self._envelopes.assemble(tried)
        self._limiter.use(len(envelopes))
        return Batch(mails=mails, tried=tried, envelopes=envelopes, untried=[*untried.values(), *failed])

    def hand_over(self, connection: Connection, batch: Batch) -> frozenset[int]:
        """Hand a batch over, except messages of an edition that is held since; the ids that may be sent."""
        parked = self._leases.hold_back_again(connection, batch.mails)
        if parked:
            self._limiter.unused([mail for mail in batch.tried if mail.id in parked])
        return self._leases.hand_over(connection, [mail for mail in batch.mails if mail.id not in parked])

    def refill(self, connection: Connection) -> Mapping[SkipReason, int]:
        """Lease messages and take quotas for the next batches; the numbers of skipped messages by reason."""
        skipped = self._leases.claim_more(connection)
        self._limiter.refill(connection, self._leases.held)
        return skipped

    def _obstacle_of(self, mail: ClaimedMail) -> AttemptResult | datetime | None:
        """The reason why a message may not go now: its domain is paused or has reached its limit. Or None."""
        if (resting := self._outcomes.resting(mail)) is not None:
            return resting
        domain = domain_of(mail.person.address)
        opens_at = self._limiter.admit(domain)
        if opens_at is None:
            return None
        if opens_at - self._wall() <= LONGEST_WAIT and self._leases.may_wait:
            return opens_at
        pause, window = self._limiter.put_off(domain, opens_at)
        words = "not tried: the limit of its domain is reached"
        return self._outcomes.put_off(mail, pause, words, within=window)
