"""Sends envelopes over several kept connections to one or several relays.

It uses one thread, one selector and non-blocking sockets: a second thread would only compete for the
interpreter. It knows no database: an envelope that is offered was committed as "handing over" before.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from types import TracebackType

from newsletter.core.mail.values import Envelope, Outcome
from newsletter.delivery.smtp.access_tokens import AccessTokenError
from newsletter.delivery.smtp.connection import Connection, SocketAddress
from newsletter.delivery.smtp.relay import Fault, Relay, RelayError
from newsletter.delivery.smtp.relay_pool import RelayPool, RelayState
from newsletter.delivery.smtp.session import (
    EnvelopeReturned,
    EnvelopeSettled,
    Event,
    PipeliningBroken,
    SessionOver,
)

MAX_MOVES = 3  # connections that may hand an envelope back before it counts as deferred
STEP_TIMEOUT = 0.5  # seconds: the longest wait in one step, so that the caller can look at its signals
DEADLINE_CHECK = 0.1  # seconds between checks of the time limits: none needs more precision


class Transport:
    """Takes envelopes, gives outcomes.

    Past 200 lines, since connections, relays and envelopes meet here and nowhere else.

    It raises nothing because of a message. When no relay can be used any more, `error` says why, and
    `give_back` returns the envelopes that were not begun. The constructor raises ConfigurationError for an
    unreadable CA file.
    """

    def __init__(
        self,
        relays: Sequence[Relay],
        *,
        clock: Callable[[], float] = time.monotonic,
        passed: Callable[[str], None] = lambda _point: None,
    ) -> None:
        self._pool = RelayPool(relays)
        self._clock = clock
        self._passed = passed  # called after each read and write of a socket: points of a crash in tests
        self._selector = selectors.DefaultSelector()
        self._grown = False  # a backlog grew since idle connections were last woken
        self._moves: dict[int, int] = {}  # delivery id: times it was handed back
        self._under_way = 0
        self._deadlines_at = 0.0
        self._outcomes: list[Outcome] = []

    def __enter__(self) -> Transport:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(politely=error is None)

    @property
    def unsettled(self) -> int:
        """Envelopes offered and neither settled nor given back."""
        return self._pool.waiting + self._under_way

    @property
    def error(self) -> RelayError | None:
        """Why no relay can be used any more; None while one can."""
        return self._pool.error

    @property
    def failures(self) -> list[RelayError]:
        """The faults of the relays that are out of use."""
        return [state.error for state in self._pool.states if state.error is not None]

    @property
    def room(self) -> int | None:
        """Messages that the relays may take in addition to the offered ones; None: no limit."""
        return self._pool.room(self._clock())

    def allowance(self, relay: Relay) -> int:
        """Messages that `relay` may still take of those that it was allowed."""
        return self._pool.state_of(relay).allowance or 0

    def allow(self, relay: Relay, mails: int, *, late: bool = False) -> None:
        """Let `relay` take at most `mails`. late: its limit opens too late to wait for."""
        state = self._pool.state_of(relay)
        state.allowance, state.late = mails, late

    def shut(self, relay: str, words: str, fault: Fault) -> None:
        """Stop using the relay of this name in this run."""
        now = self._clock()
        for state in self._pool.states:
            if state.relay.name == relay and state.error is None:
                state.error = RelayError(state.relay, fault, words)
                self._pool.reassign(state, now=now)
        self._grown = True

    def offer(self, envelopes: Iterable[Envelope]) -> None:
        """Queue envelopes for sending, divided among the relays by weight."""
        self._pool.add(envelopes, now=self._clock())
        self._grown = True

    def give_back(self) -> list[Envelope]:
        """Take back the envelopes that were not begun: no byte of their bodies has left."""
        return self._pool.take_back()

    def give_back_stranded(self) -> list[Envelope]:
        """Take back the envelopes that no relay may take: one failed, and the others' limits are reached."""
        return self._pool.stranded(now=self._clock())

    def step(self, timeout: float = STEP_TIMEOUT) -> list[Outcome]:
        """Work on all connections, waiting at most `timeout` seconds; the new outcomes."""
        if self._pool.waiting:
            if (
                self._pool.place(now=self._clock()) or self._grown
            ):  # a connection that has its last reply takes the next envelope by itself
                self._grown = False
                self._wake()
            self._connect()
        if not self._outcomes:
            for key, ready in self._selector.select(min(timeout, DEADLINE_CHECK)):
                connection: Connection = key.data
                self._run(connection, partial(connection.handle, ready))
        now = self._clock()
        if now >= self._deadlines_at:
            self._deadlines_at = now + DEADLINE_CHECK
            if self._pool.reassign_stuck(now=now):
                self._grown = True
            for state in self._pool.states:
                for connection in list(state.connections):
                    if connection.deadline <= now:
                        self._run(connection, connection.overdue)
        outcomes, self._outcomes = self._outcomes, []
        return outcomes

    def close(self, *, politely: bool = True) -> None:
        """End all connections; politely: with QUIT where nothing is under way."""
        self._pool.take_back()
        if politely:
            for connection in self._connections():
                if connection.session is not None and connection.session.idle:
                    self._run(connection, connection.quit)
                else:
                    self._drop(connection)
            while self._connections():
                self.step()
        for connection in self._connections():
            self._drop(connection)
        self._selector.close()

    # connections

    def _connections(self) -> list[Connection]:
        return [connection for state in self._pool.states for connection in state.connections]

    def _wake(self) -> None:
        for state in self._pool.states:
            for connection in list(state.connections):
                if not state.backlog:
                    break
                if connection.session is not None and connection.session.idle:
                    self._run(connection, connection.wake)

    def _connect(self) -> None:
        for state in self._pool.states:
            if not state.backlog or len(state.connections) >= state.relay.connections or state.error:
                continue
            now = self._clock()
            if now < state.not_before or not self._may_log_in(state):
                continue
            wanted = len(state.backlog) - sum(
                connection.session is None or not connection.session.handshake.ready
                for connection in state.connections
            )
            while wanted > 0 and len(state.connections) < state.relay.connections:
                try:
                    self._open(state)
                except RelayError as error:
                    self._fail(state, error)
                    break
                wanted -= 1

    def _may_log_in(self, state: RelayState) -> bool:
        """Whether no access token must be waited for."""
        tokens = state.relay.tokens
        try:
            return tokens is None or tokens.is_ready()
        except AccessTokenError as error:
            self._fail(state, no_token(state.relay, error))
            return False

    def _open(self, state: RelayState) -> None:
        if not state.addresses:
            state.addresses = look_up(state.relay)
        try:
            connection = Connection(
                state.relay,
                state.addresses[0],
                selector=self._selector,
                clock=self._clock,
                context=state.context,
                pull=partial(self._pull, state),
                pipelining=state.pipelining,
                passed=self._passed,
            )
        except OSError as error:
            raise RelayError(state.relay, Fault.REFUSED, str(error)) from error
        state.connections.append(connection)

    def _drop(self, connection: Connection) -> None:
        connection.close()
        state = self._pool.state_for(connection)
        if connection in state.connections:
            state.connections.remove(connection)

    def _pull(self, state: RelayState) -> Envelope | None:
        if not state.backlog or state.error is not None:
            return None
        self._under_way += 1
        return state.backlog.popleft()

    def _fail(self, state: RelayState, error: RelayError) -> None:
        state.failed(error, self._clock())
        self._pool.reassign(state, now=self._clock())
        self._grown = True

    # events

    def _run(self, connection: Connection, act: Callable[[], list[Event]]) -> None:
        state = self._pool.state_for(connection)
        try:
            events = act()
        except RelayError as error:
            self._drop(connection)
            self._unusable(state, connection, error)
            return
        for event in events:
            self._note(state, connection, event)
        if connection.closed:
            self._drop(connection)

    def _unusable(self, state: RelayState, connection: Connection, error: RelayError) -> None:
        if error.fault in (Fault.REFUSED, Fault.SILENT) and connection.session is None:
            # "localhost" is often ::1 first, where no server listens: the other addresses are tried.
            if connection.address in state.addresses:
                state.addresses.remove(connection.address)
            if state.addresses:
                return
        if error.fault is Fault.LOGIN and renews_token(connection):
            return  # the next connection waits for a new token
        self._fail(state, error)

    def _note(self, state: RelayState, connection: Connection, event: Event) -> None:
        if isinstance(event, EnvelopeSettled):
            self._under_way -= 1
            if self._moves:
                self._moves.pop(event.outcome.delivery_id or 0, None)
            self._outcomes.append(event.outcome)
            state.answered(event.outcome, self._clock())
            if state.error is not None:
                self._pool.reassign(state, now=self._clock())
                self._grown = True
        elif isinstance(event, EnvelopeReturned):
            self._move(state, event)
        elif isinstance(event, PipeliningBroken):
            state.pipelining = False
        elif isinstance(event, SessionOver):
            session = connection.session
            if event.backed_off and session is not None and not session.accepted:
                self._fail(state, RelayError(state.relay, Fault.BUSY, f"asks us to stop: {event.words}"))

    def _move(self, state: RelayState, event: EnvelopeReturned) -> None:
        self._under_way -= 1
        key = event.envelope.delivery_id or -id(event.envelope)
        moves = self._moves.get(key, 0) + 1
        if moves > MAX_MOVES:
            self._moves.pop(key, None)
            self._outcomes.append(event.outcome)
        else:
            self._moves[key] = moves
            self._pool.put_back(state, event.envelope, now=self._clock())
            self._grown = True


def send_batch(relays: Sequence[Relay], envelopes: Sequence[Envelope]) -> Iterator[Outcome]:
    """Send all of `envelopes`; outcomes as they come. Raises RelayError when no relay can be used."""
    with Transport(relays) as transport:
        transport.offer(envelopes)
        unsent: list[Envelope] = []
        while transport.unsettled:
            yield from transport.step()
            if transport.error is not None:
                unsent += transport.give_back()
        if unsent and transport.error is not None:
            raise transport.error


def no_token(relay: Relay, error: AccessTokenError) -> RelayError:
    """The fault of a relay whose access token cannot be had."""
    return RelayError(relay, Fault.TOKEN, f"no access token: {error.message}", hint=error.hint)


def renews_token(connection: Connection) -> bool:
    """Whether a login that was just refused is worth another try with a new access token."""
    tokens, session = connection.relay.tokens, connection.session
    return tokens is not None and session is not None and tokens.renew(session.handshake.token)


def look_up(relay: Relay) -> list[SocketAddress]:
    try:
        found = socket.getaddrinfo(relay.host.strip("[]"), relay.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise RelayError(relay, Fault.NAME, f"the name cannot be resolved: {error}") from error
    return [(family, address) for family, _kind, _protocol, _name, address in found]
