"""Decides what follows from each outcome: the mail's next step, a suppression, a pause, a held edition.

It sends nothing and opens no transaction; `newsletter.pipeline.deliver.run` does.
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
    """Judges the outcomes of one run."""

    def __init__(self, options: DeliveryOptions, *, now: datetime) -> None:
        self._options = options
        self._now = now
        self._circuit_breaker = CircuitBreaker(several=len(options.relays) > 1)
        self._edition_guard = EditionGuard(options.guard_policy)
        self._paused: dict[str, datetime] = {}  # domains that are paused, and until when
        self._suspects: list[tuple[ClaimedMail, AttemptResult]] = []  # hard refusals on probation

    def begin(self, connection: Connection) -> None:
        """Read which domains earlier runs paused."""
        self._paused = rate_counters.paused(connection, now=self._now)

    @property
    def wrong_relays(self) -> Mapping[str, str]:
        """Relays that refuse too many addresses to be believed, with the reason."""
        return self._circuit_breaker.wrong

    @property
    def any_paused(self) -> bool:
        """Whether any domain is paused."""
        return bool(self._paused)

    def result_of(self, mail: ClaimedMail, outcome: Outcome) -> AttemptResult:
        """The result of a message: its outcome and its next step."""
        following = decide(
            outcome,
            attempts=mail.attempts,
            now=self._now,
            expires_at=mail.expires_at,
            jitter=self._options.jitter(),
            resend=resends(mail.kind, self._options.uncertain),
        )
        on_probation = self._circuit_breaker.on_probation(outcome.relay)
        self._circuit_breaker.note(outcome, following, domain=domain_of(mail.person.address))
        for domain in self._circuit_breaker.shut:
            self._paused[domain] = self._now + POLICY_RETRY
        result = AttemptResult(mail.id, outcome, following, mail.has_reader_debts)
        if on_probation and following.fate is Fate.REFUSED:
            # Deferred until the first messages are judged together: a misconfigured relay must not cost
            # readers their papers or their subscription.
            self._suspects.append((mail, result))
            return AttemptResult(mail.id, outcome, self._postponed(POLICY_RETRY, expires_at=None))
        return result

    @property
    def held(self) -> dict[int, str]:
        """Editions that were held because of their first messages, with the reason."""
        return self._edition_guard.held

    def settle(self, connection: Connection, results: Sequence[tuple[ClaimedMail, AttemptResult]]) -> int:
        """Act on results that were just recorded: for addresses, relays, domains and editions.

        Returns how many messages that were deferred are refused now.
        """
        self.suppress_refused(connection, results)
        refused = self.settle_suspects(connection)
        self.shut_domains(connection)
        self._edition_guard.judge(connection, results)
        return refused

    def end(self, connection: Connection) -> int:
        """Judge the rest of a run that was too short; returns as `settle`."""
        refused = self.settle_suspects(connection, last=True)
        self._edition_guard.end(connection)
        return refused

    def suppress_refused(
        self, connection: Connection, results: Iterable[tuple[ClaimedMail, AttemptResult]]
    ) -> None:
        """Suppress the addresses of refusals that concern the address, with the server's words.

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
                    key=self._options.suppression_key,
                    note=_note(mail, result.outcome),
                )

    def settle_suspects(self, connection: Connection, *, last: bool = False) -> int:
        """Let a relay's first refusals count, once its probation or the run is over and it can be believed.

        Returns how many messages that were deferred are refused now.
        """
        credible = self._circuit_breaker.is_credible_at_end if last else self._is_past_probation
        believed = [suspect for suspect in self._suspects if credible(suspect[1].outcome.relay)]
        if not believed:
            return 0
        late = record(connection, owner=None, results=[result for _, result in believed], now=self._now)
        refused = [(mail, result) for mail, result in believed if mail.id not in late]
        self.suppress_refused(connection, refused)
        self._suspects = [suspect for suspect in self._suspects if suspect not in believed]
        return len(refused)

    def _is_past_probation(self, relay: str) -> bool:
        return not self._circuit_breaker.on_probation(relay)

    def shut_domains(self, connection: Connection) -> None:
        """Pause domains that refused several messages because of us, for other runs too."""
        for domain, words in sorted(
            self._circuit_breaker.shut.items()
        ):  # in one order, or two senders may deadlock
            rate_counters.pause(connection, domain, until=self._paused[domain], reason=words)
        self._circuit_breaker.shut.clear()

    def resting(self, mail: ClaimedMail) -> AttemptResult | None:
        """The result of a message whose domain is paused; None if it is not."""
        until = self._paused.get(domain_of(mail.person.address))
        if until is None or until <= self._now:
            return None
        return self.put_off(mail, until - self._now, "not tried: its domain refused several mails before it")

    def put_off(
        self, mail: ClaimedMail, pause: timedelta, words: str, *, within: timedelta = POLICY_RETRY
    ) -> AttemptResult:
        """The result of a message that waits for `pause` before it is tried."""
        return untried(mail, words, self._postponed(pause, expires_at=mail.expires_at, within=within))

    def _postponed(
        self, pause: timedelta, *, expires_at: datetime | None, within: timedelta = POLICY_RETRY
    ) -> NextStep:
        until = self._now + pause
        return postpone(until, expires_at=expires_at, jitter=self._options.jitter(), within=within)


def _note(mail: ClaimedMail, outcome: Outcome) -> str:
    """The server's words, without the address: the note outlives an erasure."""
    words = " ".join(str(part) for part in (outcome.code, outcome.status, outcome.text) if part)
    return words[:200].replace(mail.person.address, "the address")


def untried(mail: ClaimedMail, words: str, following: NextStep) -> AttemptResult:
    """The result of a message that never reached a relay."""
    verdict = Verdict.REJECTED if following.fate is Fate.RETURNED else Verdict.DEFERRED
    outcome = Outcome(verdict=verdict, phase="assemble", text=words[:500], delivery_id=mail.id)
    return AttemptResult(mail.id, outcome, following)
