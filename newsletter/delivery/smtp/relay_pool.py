"""One relay during a run: its share of the mail, its backlog, its failures. Opens nothing.

`Lines` divides envelopes among several by weight; one that fails loses its backlog to the others.
"""

from __future__ import annotations

import ssl
from collections import deque
from collections.abc import Iterable, Sequence

from newsletter.core.mail.retry import RuleMeaning, course_of
from newsletter.core.mail.values import Envelope, Outcome, Verdict
from newsletter.delivery.smtp.connection import Connection, SocketAddress
from newsletter.delivery.smtp.relay import LASTING, PASSING, Fault, Relay, RelayError, Security
from newsletter.delivery.smtp.tls import client_context

STUCK = 5.0  # seconds without an answer after which other relays take what it has not begun
GIVEN_UP = 3  # mails for each connection, in a row, that may end without an answer
SHUT_AFTER = 3  # refusals of our sender in a row: the relay does not want us


class RelayState:
    """What we know of one relay during a run."""

    def __init__(self, relay: Relay, *, alone: bool = True) -> None:
        self.relay = relay
        self._alone = alone
        self.context: ssl.SSLContext | None = (
            None if relay.security is Security.NONE else client_context(relay)
        )
        self.addresses: list[SocketAddress] = []
        self.connections: list[Connection] = []
        self.backlog: deque[Envelope] = deque()
        self.allowance: int | None = None  # mails that its limit still lets it take; None: no limit
        self.late = False  # its limit opens too late to be waited for
        self.heard_at = 0.0  # monotonic seconds: of its last answer, or when it was first given mail
        self.credit = 0.0  # of its weight, not yet served
        self.pipelining = True
        self.used = False  # whether it ever answered about a mail
        self.rounds = 0  # of failures in a row, without a mail settled in between
        self.not_before = 0.0  # monotonic seconds: no new connection earlier
        self.error: RelayError | None = None  # out of use for the rest of the run
        self._refusals = 0  # of our sender, in a row
        self._silences = 0  # mails in a row that ended without an answer

    @property
    def open(self) -> bool:
        """Whether it may be given mail."""
        return self.error is None and (self.allowance is None or self.allowance > 0)

    def is_well(self, now: float) -> bool:
        """Whether it works, answers, and its limit lets it take mail now or soon."""
        spent = self.late and not self.allowance
        return self.error is None and not spent and now >= self.not_before and not self.is_stuck(now)

    def is_stuck(self, now: float) -> bool:
        """Whether it was given mail and has not answered about any for a while."""
        return bool(self.backlog) and now - self.heard_at > STUCK

    def failed(self, error: RelayError, now: float) -> None:
        """Count a failure. Connections that fail together are one round.

        Patience is for a relay that worked, or that asks for it; one that never did is down.
        """
        if error.fault in LASTING or (not self.used and error.fault not in PASSING):
            self.error = error
        elif now >= self.not_before:
            if self.rounds >= len(self.relay.patience):
                self.error = error
            else:
                self.not_before = now + self.relay.patience[self.rounds]
                self.rounds += 1

    def answered(self, outcome: Outcome, now: float) -> None:
        """Learn from an outcome: a relay that answers works; one that refuses our sender, or hangs up on
        mail after mail, is shut."""
        if outcome.code is None:
            self._silences += 1
            # Alone it gets the mail all the same: each has its own outcome, and there is no better way.
            if not self._alone and self._silences >= GIVEN_UP * self.relay.connections:
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
        elif outcome.phase == "mail" and course_of(outcome) is RuleMeaning.POLICY:
            self._refusals += 1
            if self._refusals >= SHUT_AFTER:
                words = f"refuses our sender address: {outcome.code} {outcome.status or ''} {outcome.text}"
                self.error = RelayError(self.relay, Fault.SENDER, " ".join(words.split()))


class RelayPool:
    """The relays of a run. Envelopes that no relay can take now wait here."""

    def __init__(self, relays: Sequence[Relay]) -> None:
        self.all = [RelayState(relay, alone=len(relays) == 1) for relay in relays]
        self._of_relay = {id(line.relay): line for line in self.all}
        self._unplaced: deque[Envelope] = deque()

    @property
    def waiting(self) -> int:
        """Envelopes that no connection has begun."""
        return len(self._unplaced) + sum([len(line.backlog) for line in self.all])

    @property
    def error(self) -> RelayError | None:
        """Why no relay can be used any more; None while one can."""
        for line in self.all:
            if line.error is None:
                return None
        return self.all[0].error

    def named(self, relay: Relay) -> RelayState:
        """The line of a relay."""
        return self._of_relay[id(relay)]

    def room(self, now: float) -> int | None:
        """Mails that may be given to relays now; None: as many as there are."""
        allowances = [line.allowance for line in self._candidates(now)]
        return None if None in allowances else sum(mails or 0 for mails in allowances)

    def of(self, connection: Connection) -> RelayState:
        """The line of a connection."""
        return self._of_relay[id(connection.relay)]

    def add(self, envelopes: Iterable[Envelope], *, now: float) -> None:
        """Give each to a relay, by weight."""
        self._unplaced.extend(envelopes)
        self.place(now=now)

    def place(self, *, now: float) -> bool:
        """Give what waits to relays, as far as they may take it; whether there was any."""
        placed = False
        while self._unplaced and (line := self._choose(now)) is not None:
            if line.allowance is not None:
                line.allowance -= 1
            if not line.backlog:
                line.heard_at = max(line.heard_at, now)
            line.backlog.append(self._unplaced.popleft())
            placed = True
        return placed

    def again(self, line: RelayState, envelope: Envelope, *, now: float) -> None:
        """An envelope that `line` could not take on one connection goes first on the next, or elsewhere."""
        if line.error is None and (len(self.all) == 1 or now >= line.not_before):
            line.backlog.appendleft(envelope)
        else:
            self._refund(line, 1)
            self._unplaced.appendleft(envelope)
            self.place(now=now)

    def forsake(self, line: RelayState, *, now: float) -> None:
        """`line` fails or rests: what it has not begun goes to the others, if there are any."""
        if line.error is None and len(self.all) == 1:
            return
        self._refund(line, len(line.backlog))
        self._unplaced.extendleft(reversed(line.backlog))
        line.backlog.clear()
        self.place(now=now)

    def relieve(self, *, now: float) -> bool:
        """Take what they have not begun from relays that do not answer, if others do; whether it was any."""
        if len(self.all) == 1:
            return False
        stuck = [line for line in self.all if line.is_stuck(now)]
        if not stuck or not any(line.open and line.is_well(now) for line in self.all):
            return False
        for line in stuck:
            self._refund(line, len(line.backlog))
            self._unplaced.extendleft(reversed(line.backlog))
            line.not_before = max(line.not_before, now + STUCK)
            line.backlog.clear()
        return self.place(now=now)

    def stranded(self, *, now: float) -> list[Envelope]:
        """Take back what waits though no relay may take any mail now: its limit is reached, or it is shut."""
        if not self._unplaced or self._choose(now, serve=False) is not None:
            return []
        envelopes = list(self._unplaced)
        self._unplaced.clear()
        return envelopes

    def take_back(self) -> list[Envelope]:
        """All that no connection has begun."""
        envelopes = list(self._unplaced)
        self._unplaced.clear()
        for line in self.all:
            self._refund(line, len(line.backlog))
            envelopes += line.backlog
            line.backlog.clear()
        return envelopes

    def _refund(self, line: RelayState, mails: int) -> None:
        if line.allowance is not None:
            line.allowance += mails

    def _candidates(self, now: float) -> list[RelayState]:
        """Those among which mail is divided: that work, rather than rest; standbys only when no other can."""
        weighted = [line for line in self.all if line.relay.weight > 0 and line.is_well(now)]
        standbys = [line for line in self.all if line.relay.weight == 0 and line.is_well(now)]
        return weighted or standbys or [line for line in self.all if line.error is None]

    def _choose(self, now: float, *, serve: bool = True) -> RelayState | None:
        """Smooth weighted round robin: shares are exact over time, and no relay gets a burst."""
        if len(self.all) == 1:
            return self.all[0] if self.all[0].open else None
        able = [line for line in self._candidates(now) if line.open]
        if len(able) < 2 or not serve:
            return able[0] if able else None
        total = 0.0
        for line in able:
            share = line.relay.weight or 1.0
            line.credit += share
            total += share
        chosen = max(able, key=lambda line: line.credit)
        chosen.credit -= total
        return chosen
