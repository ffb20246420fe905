"""What a run makes of the answers: what follows for each mail, whom to blame, which domain to spare.

It sends nothing; what it decides is written down in the transactions of `newsletter.pipeline.deliver.run`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from newsletter.core.mail.retry import POLICY_RETRY, Fate, NextStep, decide, postpone
from newsletter.core.mail.values import Outcome, Verdict
from newsletter.delivery.addresses import domain_of
from newsletter.delivery.outbox import rate_counters
from newsletter.delivery.outbox.claims import ClaimedMail
from newsletter.delivery.outbox.handover import AttemptResult, record
from newsletter.delivery.outbox.recovery import resends
from newsletter.pipeline.deliver.circuit_breaker import CircuitBreaker
from newsletter.pipeline.deliver.edition_guard import EditionGuard
from newsletter.pipeline.deliver.options import DeliveryOptions
from subscribers.lifecycle import suppression


class Outcomes:
    """The judgement of one run."""

    def __init__(self, post: DeliveryOptions, *, now: datetime) -> None:
        self._post = post
        self._now = now
        self._brakes = CircuitBreaker(several=len(post.relays) > 1)
        self._first_mails = EditionGuard(post.first_mails)
        self._paused: dict[str, datetime] = {}  # domains that rest, and until when
        self._suspects: list[tuple[ClaimedMail, AttemptResult]] = []  # hard refusals on probation

    def begin(self, connection: Connection) -> None:
        """Learn which domains rest since an earlier run."""
        self._paused = rate_counters.paused(connection, now=self._now)

    @property
    def wrong_relays(self) -> Mapping[str, str]:
        """Relays that refuse too many to be right, with words."""
        return self._brakes.wrong

    @property
    def any_paused(self) -> bool:
        """Whether any domain rests."""
        return bool(self._paused)

    def take(self, mail: ClaimedMail, outcome: Outcome) -> AttemptResult:
        """What follows for a mail from its outcome."""
        following = decide(
            outcome,
            attempts=mail.attempts,
            now=self._now,
            expires_at=mail.expires_at,
            jitter=self._post.jitter(),
            resend=resends(mail.kind, self._post.uncertain),
        )
        on_probation = self._brakes.on_probation(outcome.relay)
        self._brakes.note(outcome, following, domain=domain_of(mail.person.address))
        for domain in self._brakes.shut:
            self._paused[domain] = self._now + POLICY_RETRY
        result = AttemptResult(mail.id, outcome, following, mail.carries)
        if on_probation and following.fate is Fate.REFUSED:
            # Deferred until the first mails are judged together: a misconfigured relay must cost nobody
            # their papers, let alone their place on the list.
            self._suspects.append((mail, result))
            return AttemptResult(mail.id, outcome, self._postponed(POLICY_RETRY, expires_at=None))
        return result

    @property
    def held(self) -> dict[int, str]:
        """Editions that were held for what became of their first mails, and why."""
        return self._first_mails.held

    def settle(self, connection: Connection, results: Sequence[tuple[ClaimedMail, AttemptResult]]) -> int:
        """What results that were just recorded mean for addresses, relays, domains and editions.

        Returns how many mails that were deferred are refused now.
        """
        self.blame(connection, results)
        refused = self.judge(connection)
        self.shut_domains(connection)
        self._first_mails.judge(connection, results)
        return refused

    def end(self, connection: Connection) -> int:
        """Judge what a run that was too short left undecided; returns as `settle`."""
        refused = self.judge(connection, last=True)
        self._first_mails.end(connection)
        return refused

    def blame(self, connection: Connection, results: Iterable[tuple[ClaimedMail, AttemptResult]]) -> None:
        """Suppress the addresses of refusals that speak of the address, with the server's words.

        `newsletter subscribers unsuppress` takes it back.
        """
        for mail, result in results:
            if result.next.blames_address:
                suppression.suppress(
                    connection,
                    address=mail.person.address,
                    reason="bounce",
                    how="bounce",
                    now=self._now,
                    key=self._post.suppression_key,
                    note=_note(mail, result.outcome),
                )

    def judge(self, connection: Connection, *, last: bool = False) -> int:
        """Once a relay's probation (or the run) is over and it was not to blame, its first refusals count.

        Returns how many mails that were deferred are refused now.
        """
        credible = self._brakes.believed_at_last if last else self._is_past_probation
        believed = [suspect for suspect in self._suspects if credible(suspect[1].outcome.relay)]
        if not believed:
            return 0
        late = record(connection, owner=None, results=[result for _, result in believed], now=self._now)
        refused = [(mail, result) for mail, result in believed if mail.id not in late]
        self.blame(connection, refused)
        self._suspects = [suspect for suspect in self._suspects if suspect not in believed]
        return len(refused)

    def _is_past_probation(self, relay: str) -> bool:
        return not self._brakes.on_probation(relay)

    def shut_domains(self, connection: Connection) -> None:
        """Write down which domains refused several mails for our sake and rest, for other runs too."""
        for domain, words in sorted(self._brakes.shut.items()):  # in one order, or two senders may deadlock
            rate_counters.pause(connection, domain, until=self._paused[domain], reason=words)
        self._brakes.shut.clear()

    def resting(self, mail: ClaimedMail) -> AttemptResult | None:
        """The result of a mail whose domain rests."""
        until = self._paused.get(domain_of(mail.person.address))
        if until is None or until <= self._now:
            return None
        return self.put_off(mail, until - self._now, "not tried: its domain refused several mails before it")

    def put_off(
        self, mail: ClaimedMail, pause: timedelta, words: str, *, within: timedelta = POLICY_RETRY
    ) -> AttemptResult:
        """The result of a mail that must wait so long before it is tried at all."""
        return untried(mail, words, self._postponed(pause, expires_at=mail.expires_at, within=within))

    def _postponed(
        self, pause: timedelta, *, expires_at: datetime | None, within: timedelta = POLICY_RETRY
    ) -> NextStep:
        until = self._now + pause
        return postpone(until, expires_at=expires_at, jitter=self._post.jitter(), within=within)


def _note(mail: ClaimedMail, outcome: Outcome) -> str:
    """The server's words, without the address: the note outlives an erasure."""
    words = " ".join(str(part) for part in (outcome.code, outcome.status, outcome.text) if part)
    return words[:200].replace(mail.person.address, "the address")


def untried(mail: ClaimedMail, words: str, following: NextStep) -> AttemptResult:
    """The result of a mail that never reached a relay."""
    verdict = Verdict.REJECTED if following.fate is Fate.RETURNED else Verdict.DEFERRED
    outcome = Outcome(verdict=verdict, phase="assemble", text=words[:500], delivery_id=mail.id)
    return AttemptResult(mail.id, outcome, following)
