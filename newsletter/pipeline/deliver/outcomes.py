"""Decides what follows from each outcome: the mail's next step, a suppression, a pause, a held edition.

It sends nothing and opens no transaction; `newsletter.pipeline.deliver.run` does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from newsletter.core.mail.reply_verdict import Reason
from newsletter.core.mail.retry import (
    POLICY_RETRY,
    Fate,
    Meaning,
    NextStep,
    ShutScope,
    decide,
    meaning_of,
    postpone,
    rests_relay,
    verdict_of,
)
from newsletter.core.mail.values import Outcome, Verdict
from newsletter.delivery.addresses import domain_of, without_addresses
from newsletter.delivery.outbox import rate_counters, relay_rests
from newsletter.delivery.outbox.claims import ClaimedMail
from newsletter.delivery.outbox.handover import AttemptResult, record
from newsletter.delivery.outbox.recovery import resends
from newsletter.delivery.outbox.relay_rests import Rest
from newsletter.delivery.smtp.relay import RelayError
from newsletter.pipeline.deliver.circuit_breaker import CircuitBreaker
from newsletter.pipeline.deliver.edition_guard import EditionGuard
from newsletter.pipeline.deliver.options import DeliveryOptions
from newsletter.pipeline.deliver.recipient_refusals import RecipientRefusals, reply_words

SHORTLY = timedelta(seconds=1)  # before its expiry a message is due, so that its papers go to the next


class Outcomes:
    """Judges the outcomes of one run."""

    def __init__(self, options: DeliveryOptions, *, now: datetime) -> None:
        self._options = options
        self._now = now
        self._circuit_breaker = CircuitBreaker()
        self._edition_guard = EditionGuard(options.guard_policy)
        self._paused: dict[str, datetime] = {}  # domains that are paused, and until when
        self._suspects: list[tuple[ClaimedMail, AttemptResult]] = []  # refusals on probation
        self._alone: list[
            tuple[ClaimedMail, AttemptResult]
        ] = []  # policy refusals that may be one recipient's
        self._refuses_us: dict[str, Outcome] = {}  # relays that begin to rest with the next commit
        self._before_mail: dict[str, tuple[Reason, str]] = {}  # likewise, before any mail was named
        self._own_refusals: Counter[str] = Counter()  # by relay, in a row
        self._tired: set[str] = set()  # relays that rested before and have accepted nothing since
        self._rested: set[str] = set()  # relays whose rest this run has begun
        self._recipients = RecipientRefusals(now=now, suppression_key=options.suppression_key)

    def begin(self, connection: Connection) -> list[Rest]:
        """Read what earlier runs left: resting domains, strikes; returns the relays that rest now."""
        self._paused = rate_counters.paused(connection, now=self._now)
        self._recipients.begin(connection)
        rests = relay_rests.all_rests(connection)
        self._tired = {rest.relay for rest in rests}
        return [rest for rest in rests if rest.until > self._now]

    @property
    def wrong_relays(self) -> Mapping[str, str]:
        """Relays that must not be used any more in this run, with the reason."""
        everybody = {
            relay: f"it refuses everybody: {reply_words(outcome)}"
            for relay, outcome in self._circuit_breaker.refuses_all.items()
        }
        return {**everybody, **self._circuit_breaker.wrong}

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
        if following.is_strike and self._is_proven(mail, outcome):
            return AttemptResult(mail.id, outcome, following, mail.has_reader_debts)
        self._circuit_breaker.note(outcome, following, domain=domain_of(mail.person.address))
        for domain in self._circuit_breaker.shut:
            self._paused[domain] = self._now + POLICY_RETRY
        result = AttemptResult(mail.id, outcome, following, mail.has_reader_debts)
        if outcome.code is None or outcome.verdict is Verdict.ACCEPTED:
            if outcome.verdict is Verdict.ACCEPTED:
                self._own_refusals.pop(outcome.relay, None)
            return result
        if following.is_strike and self._circuit_breaker.on_probation(outcome.relay):
            # Deferred until the refusals are judged together: a misconfigured relay must not cost readers
            # their papers or their subscription.
            self._suspects.append((mail, result))
            return AttemptResult(mail.id, outcome, self._until_it_is_clear(mail))
        if following.pause is ShutScope.RELAY and meaning_of(outcome) is Meaning.OURS:
            self._note_own_refusal(outcome)
        elif (
            following.pause is ShutScope.DOMAIN
            and outcome.phase == "rcpt"
            and outcome.code >= 500
            and not verdict_of(outcome).certain
        ):
            self._recipients.note_policy_refusal(mail, outcome)
        return result

    def _is_proven(self, mail: ClaimedMail, outcome: Outcome) -> bool:
        """Whether a refusal is believed at once (`RecipientRefusals.is_proven`); not of a relay in doubt."""
        relay = outcome.relay
        in_doubt = relay in self._tired or relay in self._circuit_breaker.wrong
        return not in_doubt and self._recipients.is_proven(mail, relay)

    def _until_it_is_clear(self, mail: ClaimedMail) -> NextStep:
        """The step of a refused message whose relay is on probation. It must still wait when that is over."""
        step = self._postponed(self._recipients.patience(mail), expires_at=None)
        if step.at is not None and mail.expires_at is not None:
            return replace(step, at=min(step.at, mail.expires_at - SHORTLY))
        return step

    def _note_own_refusal(self, outcome: Outcome) -> None:
        self._own_refusals[outcome.relay] += 1
        if rests_relay(outcome, self._own_refusals[outcome.relay]):
            self._refuses_us.setdefault(outcome.relay, outcome)

    @property
    def held(self) -> dict[int, str]:
        """Editions that were held because of their first messages, with the reason."""
        return self._edition_guard.held

    def settle(self, connection: Connection, results: Sequence[tuple[ClaimedMail, AttemptResult]]) -> int:
        """Act on results that were just recorded: for addresses, relays, domains and editions.

        Returns how many messages that were deferred are refused now.
        """
        self._recipients.settle(connection, results)
        refused = self._settle_suspects(connection)
        self._rest_domains(connection)
        self._rest_relays(connection, results)
        self._edition_guard.judge(connection, results)
        return refused

    def end(self, connection: Connection, faults: Iterable[RelayError] = ()) -> int:
        """Judge the rest of a run that was too short; returns as `settle`.

        faults: of relays. One that refuses our login or address rests, too: many lock out who goes on trying.
        """
        self._before_mail = {
            fault.relay.name: (fault.reason, fault.words) for fault in faults if fault.reason is not None
        }
        refused = self._settle_suspects(connection, last=True)
        self._recipients.doubt(connection, self._suspects)
        self._recipients.end(connection, is_alone=self._circuit_breaker.refused_alone)
        self._rest_relays(connection, ())
        self._edition_guard.end(connection)
        return refused

    def _settle_suspects(self, connection: Connection, *, last: bool = False) -> int:
        """Let a relay's first refusals count, once its probation or the run is over and it can be believed.

        Returns how many messages that were deferred are refused now.
        """
        believed = [
            suspect for suspect in self._suspects if self._is_believed(suspect[1].outcome.relay, last=last)
        ]
        if not believed:
            return 0
        late = record(connection, owner=None, results=[result for _, result in believed], now=self._now)
        refused = [(mail, result) for mail, result in believed if mail.id not in late]
        self._recipients.settle(connection, refused)
        self._suspects = [suspect for suspect in self._suspects if suspect not in believed]
        return len(refused)

    def _is_believed(self, relay: str, *, last: bool) -> bool:
        over = last or not self._circuit_breaker.on_probation(relay)
        return over and self._circuit_breaker.is_credible(relay)

    def _rest_domains(self, connection: Connection) -> None:
        """Pause domains that refused several mails because of us, for other runs too."""
        shut = sorted(self._circuit_breaker.shut.items())  # in one order, or two senders may deadlock
        for domain, words in shut:
            rate_counters.pause(
                connection, domain, until=self._paused[domain], reason=without_addresses(words)
            )
        self._circuit_breaker.shut.clear()

    def _rest_relays(
        self, connection: Connection, results: Iterable[tuple[ClaimedMail, AttemptResult]]
    ) -> None:
        """Let relays rest that refuse us, for other runs too; forget the rests of those that work again."""
        if self._tired:
            work = {
                result.outcome.relay
                for _, result in results
                if result.outcome.verdict is Verdict.ACCEPTED and result.outcome.relay in self._tired
            }
            relay_rests.forget(connection, work)
            self._tired -= work
        refusing = {**self._circuit_breaker.refuses_all, **self._refuses_us}
        told = {
            relay: (verdict_of(outcome).reason, reply_words(outcome)) for relay, outcome in refusing.items()
        }
        told |= self._before_mail
        told |= {relay: (Reason.UNCLEAR, words) for relay, words in self._circuit_breaker.wrong.items()}
        for relay, (reason, words) in sorted(told.items()):
            if relay not in self._rested:
                relay_rests.begin_rest(
                    connection, relay, reason=reason, reply=without_addresses(words), now=self._now
                )
                self._rested.add(relay)

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


def untried(mail: ClaimedMail, words: str, following: NextStep) -> AttemptResult:
    """The result of a message that never reached a relay."""
    verdict = Verdict.REJECTED if following.fate is Fate.RETURNED else Verdict.DEFERRED
    outcome = Outcome(verdict=verdict, phase="assemble", text=words[:500], delivery_id=mail.id)
    return AttemptResult(mail.id, outcome, following)
