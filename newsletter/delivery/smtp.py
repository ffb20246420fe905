"""Sends envelopes over several kept connections to one or several relays; `probe` looks at one relay.

One thread, one selector, non-blocking sockets: at wire speed a second thread would only fight for the
interpreter. It knows no database: what is offered here was committed as "handing over" before.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType

from newsletter.core.mail import Envelope, Outcome
from newsletter.delivery.connection import Connection, SocketAddress
from newsletter.delivery.handshake import Offer
from newsletter.delivery.protocol import Event, HandedBack, Over, PipeliningBroken, Settled
from newsletter.delivery.relay import LASTING, PASSING, Fault, Relay, RelayError, Security
from newsletter.delivery.tls import client_context

MOVES = 3  # connections that may hand an envelope back before it counts as deferred
NAP = 0.5  # seconds: the longest wait in one step, so that the caller can look at its signals
GLANCE = 0.1  # seconds between looks at the time limits: none of them needs to be kept more exactly


class _Line:
    """What we know of one relay during a run."""

    def __init__(self, relay: Relay) -> None:
        self.relay = relay
        self.context = None if relay.security is Security.NONE else client_context(relay)
        self.addresses: list[SocketAddress] = []
        self.connections: list[Connection] = []
        self.pipelining = True
        self.used = False  # whether it ever answered about a mail
        self.rounds = 0  # of failures in a row, without a mail settled in between
        self.not_before = 0.0  # monotonic seconds: no new connection earlier
        self.error: RelayError | None = None  # out of use for the rest of the run

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


class Transport:
    """Takes envelopes, gives outcomes.

    Raises nothing for the sake of a mail. When no relay can be used any more, `error` says why and
    what was not begun can be taken back with `give_back`. Raises ConfigurationError on construction
    for an unreadable CA file.
    """

    def __init__(self, relays: Sequence[Relay], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._lines = [_Line(relay) for relay in relays]
        self._line_of = {id(line.relay): line for line in self._lines}
        self._clock = clock
        self._selector = selectors.DefaultSelector()
        self._backlog: deque[Envelope] = deque()
        self._grown = False  # the backlog, since idle connections were last woken
        self._moves: dict[int, int] = {}  # delivery id: times it was handed back
        self._under_way = 0
        self._glance_at = 0.0
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
        return len(self._backlog) + self._under_way

    @property
    def error(self) -> RelayError | None:
        """Why no relay can be used any more; None while one can."""
        for line in self._lines:
            if line.error is None:
                return None
        return self._lines[0].error

    def offer(self, envelopes: Iterable[Envelope]) -> None:
        """Queue envelopes for sending."""
        self._backlog.extend(envelopes)
        self._grown = True

    def give_back(self) -> list[Envelope]:
        """Take back what was not begun: not a byte of its body has left."""
        envelopes = list(self._backlog)
        self._backlog.clear()
        return envelopes

    def step(self, timeout: float = NAP) -> list[Outcome]:
        """Do what can be done now, or wait up to `timeout` seconds for it; the outcomes that this gave."""
        if self._backlog:
            if self._grown:  # a connection that has its last reply takes the next envelope by itself
                self._grown = False
                self._wake()
            self._connect()
        if not self._outcomes:
            for key, ready in self._selector.select(min(timeout, GLANCE)):
                connection: Connection = key.data
                self._run(connection, partial(connection.handle, ready))
        now = self._clock()
        if now >= self._glance_at:
            self._glance_at = now + GLANCE
            for line in self._lines:
                for connection in list(line.connections):
                    if connection.deadline <= now:
                        self._run(connection, connection.overdue)
        outcomes, self._outcomes = self._outcomes, []
        return outcomes

    def close(self, *, politely: bool = True) -> None:
        """End all connections; politely: with QUIT where nothing is under way."""
        self._backlog.clear()
        if politely:
            for line in self._lines:
                for connection in list(line.connections):
                    if connection.session is not None and connection.session.idle:
                        self._run(connection, connection.quit)
                    else:
                        self._drop(connection)
            while any(line.connections for line in self._lines):
                self.step()
        for line in self._lines:
            for connection in list(line.connections):
                self._drop(connection)
        self._selector.close()

    # connections

    def _wake(self) -> None:
        for line in self._lines:
            for connection in list(line.connections):
                if not self._backlog:
                    return
                if connection.session is not None and connection.session.idle:
                    self._run(connection, connection.wake)

    def _connect(self) -> None:
        if not self._backlog or all(len(line.connections) >= line.relay.connections for line in self._lines):
            return
        now = self._clock()
        wanted = len(self._backlog) - sum(
            connection.session is None or not connection.session.handshake.ready
            for line in self._lines
            for connection in line.connections
        )
        for line in self._lines:
            if line.error or now < line.not_before:
                continue
            while wanted > 0 and len(line.connections) < line.relay.connections:
                try:
                    self._open(line)
                except RelayError as error:
                    line.failed(error, now)
                    break
                wanted -= 1

    def _open(self, line: _Line) -> None:
        if not line.addresses:
            line.addresses = _look_up(line.relay)
        try:
            connection = Connection(
                line.relay,
                line.addresses[0],
                selector=self._selector,
                clock=self._clock,
                context=line.context,
                pull=self._pull,
                pipelining=line.pipelining,
            )
        except OSError as error:
            raise RelayError(line.relay, Fault.REFUSED, str(error)) from error
        line.connections.append(connection)

    def _drop(self, connection: Connection) -> None:
        connection.close()
        line = self._line_of[id(connection.relay)]
        if connection in line.connections:
            line.connections.remove(connection)

    def _pull(self) -> Envelope | None:
        if not self._backlog:
            return None
        self._under_way += 1
        return self._backlog.popleft()

    # events

    def _run(self, connection: Connection, act: Callable[[], list[Event]]) -> None:
        line = self._line_of[id(connection.relay)]
        try:
            events = act()
        except RelayError as error:
            self._drop(connection)
            self._unusable(line, connection, error)
            return
        for event in events:
            self._note(line, connection, event)
        if connection.closed:
            self._drop(connection)

    def _unusable(self, line: _Line, connection: Connection, error: RelayError) -> None:
        if error.fault in (Fault.REFUSED, Fault.SILENT) and connection.session is None:
            # "localhost" is often ::1 first, where nobody listens: the other addresses have their turn.
            if connection.address in line.addresses:
                line.addresses.remove(connection.address)
            if line.addresses:
                return
        line.failed(error, self._clock())

    def _note(self, line: _Line, connection: Connection, event: Event) -> None:
        if isinstance(event, Settled):
            self._under_way -= 1
            self._moves.pop(event.outcome.delivery_id or 0, None)
            if event.outcome.code is not None:
                line.used = True
                line.rounds = line.rounds if event.outcome.code == 421 else 0
            self._outcomes.append(event.outcome)
        elif isinstance(event, HandedBack):
            self._move(event)
        elif isinstance(event, PipeliningBroken):
            line.pipelining = False
        elif isinstance(event, Over):
            session = connection.session
            if event.backed_off and session is not None and not session.accepted:
                error = RelayError(line.relay, Fault.BUSY, f"asks us to stop: {event.words}")
                line.failed(error, self._clock())

    def _move(self, event: HandedBack) -> None:
        self._under_way -= 1
        key = event.envelope.delivery_id or -id(event.envelope)
        moves = self._moves.get(key, 0) + 1
        if moves > MOVES:
            self._moves.pop(key, None)
            self._outcomes.append(event.outcome)
        else:
            self._moves[key] = moves
            self._backlog.appendleft(event.envelope)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayFacts:
    """What `smtp check` found."""

    host: str
    port: int
    address: str  # that answered
    greeting: str
    encrypted: str  # "TLSv1.3"; empty: in the clear
    logged_in: bool
    extensions: dict[str, str]  # after the last EHLO
    size_limit: int  # bytes; 0: none declared


def probe(relay: Relay) -> RelayFacts:
    """Connect, encrypt, log in, say goodbye. Raises RelayError that says what is wrong."""
    line = _Line(replace(relay, connections=1))
    line.addresses = _look_up(relay)
    last: RelayError | None = None
    for address in list(line.addresses):
        selector = selectors.DefaultSelector()
        connection = Connection(
            relay,
            address,
            selector=selector,
            clock=time.monotonic,
            context=line.context,
            pull=lambda: None,
            pipelining=True,
        )
        try:
            offer = _shake(connection, selector)
            encrypted = connection.tls.version if connection.tls else ""
            connection.quit()
            return _facts(relay, address, offer, encrypted)
        except RelayError as error:
            last = error
            if connection.session is not None:
                raise
        finally:
            connection.close()
            selector.close()
    assert last is not None
    raise last


def _shake(connection: Connection, selector: selectors.BaseSelector) -> Offer:
    while connection.session is None or not connection.session.handshake.ready:
        pause = connection.deadline - time.monotonic()
        ready = selector.select(max(0.0, pause))
        if ready:
            connection.handle(ready[0][1])
        elif connection.deadline <= time.monotonic():
            connection.overdue()
    return connection.session.handshake.offer


def _facts(relay: Relay, address: SocketAddress, offer: Offer, encrypted: str) -> RelayFacts:
    return RelayFacts(
        host=relay.host,
        port=relay.port,
        address=address[1][0],
        greeting=offer.greeting,
        encrypted=encrypted,
        logged_in=offer.logged_in,
        extensions=dict(offer.extensions),
        size_limit=offer.size_limit,
    )


def _look_up(relay: Relay) -> list[SocketAddress]:
    try:
        found = socket.getaddrinfo(relay.host.strip("[]"), relay.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise RelayError(relay, Fault.NAME, f"the name cannot be resolved: {error}") from error
    return [(family, address) for family, _kind, _protocol, _name, address in found]
