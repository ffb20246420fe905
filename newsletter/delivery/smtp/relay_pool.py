"""Divides the mail of a run among relays by weight, and moves the backlog of a relay that fails.

It opens no connection and sends nothing; `newsletter.delivery.smtp.transport` does.
"""

from __future__ import annotations

import ssl
from collections import deque
from collections.abc import Iterable, Sequence

from newsletter.core.mail.retry import Meaning, meaning_of, rests_relay, verdict_of
from newsletter.core.mail.values import Envelope, Outcome, Verdict
from newsletter.delivery.smtp.connection import Connection, SocketAddress
from newsletter.delivery.smtp.relay import LASTING, PASSING, Fault, Relay, RelayError, Security
from newsletter.delivery.smtp.tls import client_context

STUCK_AFTER = 5.0  # seconds without an answer after which other relays take what it has not begun
MAX_SILENT_MAILS = 3  # messages for each connection, in a row, that may end without an answer


class RelayState:
    """The state of one relay during a run."""

    def __init__(self, relay: Relay, *, alone: bool = True) -> None:
        self.relay = relay
        self._alone = alone
        self.context: ssl.SSLContext | None = (
            None if relay.security is Security.NONE else client_context(relay)
        )
        self.addresses: list[SocketAddress] = []
        self.connections: list[Connection] = []
        self.backlog: deque[Envelope] = deque()
        self.allowance: int | None = None  # messages that its limit still allows; None: no limit
        self.late = False  # its limit opens too late to be waited for
        self.heard_at = 0.0  # monotonic seconds: of its last answer, or when it was first given mail
        self.credit = 0.0  # of its weight, not yet served
        self.pipelining = True
        self.used = False  # whether it ever answered about a message
        self.rounds = 0  # of failures in a row, without a message settled in between
        self.not_before = 0.0  # monotonic seconds: no new connection earlier
        self.error: RelayError | None = None  # out of use for the rest of the run
        self._refusals = 0  # of our sender, in a row
        self._silences = 0  # messages in a row that ended without an answer

    @property
    def open(self) -> bool:
        """Whether it may be given mail."""
        return self.error is None and (self.allowance is None or self.allowance > 0)

    def is_healthy(self, now: float) -> bool:
        """Whether it works, answers, and its limit allows mail now or soon."""
        spent = self.late and not self.allowance
        return self.error is None and not spent and now >= self.not_before and not self.is_stuck(now)

    def is_stuck(self, now: float) -> bool:
        """Whether it has mail and has not answered for STUCK_AFTER seconds."""
        return bool(self.backlog) and now - self.heard_at > STUCK_AFTER

    def failed(self, error: RelayError, now: float) -> None:
        """Count a failure. Connections that fail together are one round.

        Only a relay that worked before, or that asks for a pause, is tried again; any other is down.
        """
        if error.fault in LASTING or (not self.used and error.fault not in PASSING):
            self.error = error
        elif now >= self.not_before:
            if self.rounds >= len(self.relay.retry_delays):
                self.error = error
            else:
                self.not_before = now + self.relay.retry_delays[self.rounds]
                self.rounds += 1

    def answered(self, outcome: Outcome, now: float) -> None:
        """Learn from an outcome. A relay that answers works.

        One that refuses our sender, or hangs up, mail after mail, is not used any more.
        """
        if outcome.code is None:
            self._silences += 1
            # The only relay is used all the same: there is no better way, and each message has its outcome.
            if not self._alone and self._silences >= MAX_SILENT_MAILS * self.relay.connections:
                words = f"{self._silences} mails in a row ended without an answer: {outcome.text}"
                self.error = RelayError(self.relay, Fault.LOST, words)
            return
        self._silences = 0
        self.heard_at = now
        self.used = True
        if outcome.code == 421:
            return
        self.rounds = 0
        if outcome.verdict is Verdict.ACCEPTED:
            self._refusals = 0
        elif meaning_of(outcome) is Meaning.OURS:
            self._refusals += 1
            if self.error is None and rests_relay(outcome, self._refusals):
                words = f"it refuses us: {outcome.code} {outcome.status or ''} {outcome.text}"
                reason = verdict_of(outcome).reason
                self.error = RelayError(self.relay, Fault.OURS, " ".join(words.split()), reason=reason)


class RelayPool:
    """The relays of a run. Envelopes that no relay can take now wait here."""

    def __init__(self, relays: Sequence[Relay]) -> None:
        self.states = [RelayState(relay, alone=len(relays) == 1) for relay in relays]
        self._of_relay = {id(state.relay): state for state in self.states}
        self._unplaced: deque[Envelope] = deque()

    @property
    def waiting(self) -> int:
        """Envelopes that no connection has begun."""
        return len(self._unplaced) + sum([len(state.backlog) for state in self.states])

    @property
    def error(self) -> RelayError | None:
        """Why no relay can be used any more; None while one can."""
        for state in self.states:
            if state.error is None:
                return None
        return self.states[0].error

    def state_of(self, relay: Relay) -> RelayState:
        """The state of a relay."""
        return self._of_relay[id(relay)]

    def room(self, now: float) -> int | None:
        """Messages that may be given to relays now; None: no limit."""
        allowances = [state.allowance for state in self._candidates(now)]
        return None if None in allowances else sum(mails or 0 for mails in allowances)

    def state_for(self, connection: Connection) -> RelayState:
        """The state of a connection's relay."""
        return self._of_relay[id(connection.relay)]

    def add(self, envelopes: Iterable[Envelope], *, now: float) -> None:
        """Give each to a relay, by weight."""
        self._unplaced.extend(envelopes)
        self.place(now=now)

    def place(self, *, now: float) -> bool:
        """Give waiting envelopes to relays, as far as their limits allow; whether any was given."""
        placed = False
        while self._unplaced and (state := self._choose(now)) is not None:
            if state.allowance is not None:
                state.allowance -= 1
            if not state.backlog:
                state.heard_at = max(state.heard_at, now)
            state.backlog.append(self._unplaced.popleft())
            placed = True
        return placed

    def put_back(self, state: RelayState, envelope: Envelope, *, now: float) -> None:
        """Put back an envelope that a connection could not take: it goes first on the next, or elsewhere."""
        if state.error is None and (len(self.states) == 1 or now >= state.not_before):
            state.backlog.appendleft(envelope)
        else:
            self._refund(state, 1)
            self._unplaced.appendleft(envelope)
            self.place(now=now)

    def reassign(self, state: RelayState, *, now: float) -> None:
        """Give the backlog of a relay that failed or rests to the others, if there are any."""
        if state.error is None and len(self.states) == 1:
            return
        self._refund(state, len(state.backlog))
        self._unplaced.extendleft(reversed(state.backlog))
        state.backlog.clear()
        self.place(now=now)

    def reassign_stuck(self, *, now: float) -> bool:
        """Give the backlogs of relays that do not answer to relays that do; whether any was given."""
        if len(self.states) == 1:
            return False
        stuck = [state for state in self.states if state.is_stuck(now)]
        if not stuck or not any(state.open and state.is_healthy(now) for state in self.states):
            return False
        for state in stuck:
            self._refund(state, len(state.backlog))
            self._unplaced.extendleft(reversed(state.backlog))
            state.not_before = max(state.not_before, now + STUCK_AFTER)
            state.backlog.clear()
        return self.place(now=now)

    def stranded(self, *, now: float) -> list[Envelope]:
        """Take back waiting envelopes if no relay may take any: its limit is reached, or it is out of use."""
        if not self._unplaced or self._choose(now, serve=False) is not None:
            return []
        envelopes = list(self._unplaced)
        self._unplaced.clear()
        return envelopes

    def take_back(self) -> list[Envelope]:
        """All that no connection has begun."""
        envelopes = list(self._unplaced)
        self._unplaced.clear()
        for state in self.states:
            self._refund(state, len(state.backlog))
            envelopes += state.backlog
            state.backlog.clear()
        return envelopes

    def _refund(self, state: RelayState, mails: int) -> None:
        if state.allowance is not None:
            state.allowance += mails

    def _candidates(self, now: float) -> list[RelayState]:
        """The relays that share the mail: healthy ones if any, and a standby only if no other is healthy."""
        weighted = [state for state in self.states if state.relay.weight > 0 and state.is_healthy(now)]
        standbys = [state for state in self.states if state.relay.weight == 0 and state.is_healthy(now)]
        return weighted or standbys or [state for state in self.states if state.error is None]

    def _choose(self, now: float, *, serve: bool = True) -> RelayState | None:
        """Smooth weighted round robin: shares are exact over time, and no relay gets a burst."""
        if len(self.states) == 1:
            return self.states[0] if self.states[0].open else None
        able = [state for state in self._candidates(now) if state.open]
        if len(able) < 2 or not serve:
            return able[0] if able else None
        total = 0.0
        for state in able:
            share = state.relay.weight or 1.0
            state.credit += share
            total += share
        chosen = max(able, key=lambda state: state.credit)
        chosen.credit -= total
        return chosen
