"""Sends envelopes over several kept connections to one or several relays; `probe` looks at one relay.

One thread, one selector, non-blocking sockets: at wire speed a second thread would only fight for the
interpreter. It knows no database: what is offered here was committed as "handing over" before.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType

from newsletter.core.mail.values import Envelope, Outcome
from newsletter.delivery.smtp.connection import Connection, SocketAddress
from newsletter.delivery.smtp.handshake import ServerExtensions
from newsletter.delivery.smtp.relay import Fault, Relay, RelayError
from newsletter.delivery.smtp.relay_pool import RelayPool, RelayState
from newsletter.delivery.smtp.session import (
    EnvelopeReturned,
    EnvelopeSettled,
    Event,
    PipeliningBroken,
    SessionOver,
)

MOVES = 3  # connections that may hand an envelope back before it counts as deferred
NAP = 0.5  # seconds: the longest wait in one step, so that the caller can look at its signals
GLANCE = 0.1  # seconds between looks at the time limits: none of them needs to be kept more exactly


class Transport:
    """Takes envelopes, gives outcomes.

    Raises nothing for the sake of a mail. When no relay can be used any more, `error` says why and
    what was not begun can be taken back with `give_back`. Raises ConfigurationError on construction
    for an unreadable CA file.
    """

    def __init__(
        self,
        relays: Sequence[Relay],
        *,
        clock: Callable[[], float] = time.monotonic,
        passed: Callable[[str], None] = lambda _point: None,
    ) -> None:
        self._lines = RelayPool(relays)
        self._clock = clock
        self._passed = passed  # told each read and write of a socket: points at which a crash may come
        self._selector = selectors.DefaultSelector()
        self._grown = False  # a backlog, since idle connections were last woken
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
        return self._lines.waiting + self._under_way

    @property
    def error(self) -> RelayError | None:
        """Why no relay can be used any more; None while one can."""
        return self._lines.error

    @property
    def failures(self) -> list[RelayError]:
        """What is wrong with the relays that are out of use."""
        return [line.error for line in self._lines.all if line.error is not None]

    @property
    def room(self) -> int | None:
        """Mails that the relays may still take, offered ones apart; None: as many as there are."""
        return self._lines.room(self._clock())

    def allowance(self, relay: Relay) -> int:
        """What `relay` may still take of what it was allowed."""
        return self._lines.named(relay).allowance or 0

    def allow(self, relay: Relay, mails: int, *, late: bool = False) -> None:
        """Let `relay` take so many and no more; late: its limit opens too late to be waited for."""
        line = self._lines.named(relay)
        line.allowance, line.late = mails, late

    def shut(self, relay: str, words: str) -> None:
        """Use this relay (by its name) no more in this run: it refuses too many as unknown."""
        now = self._clock()
        for line in self._lines.all:
            if line.relay.name == relay and line.error is None:
                line.error = RelayError(line.relay, Fault.STRANGERS, words)
                self._lines.forsake(line, now=now)
        self._grown = True

    def offer(self, envelopes: Iterable[Envelope]) -> None:
        """Queue envelopes for sending, divided among the relays by weight."""
        self._lines.add(envelopes, now=self._clock())
        self._grown = True

    def give_back(self) -> list[Envelope]:
        """Take back what was not begun: not a byte of its body has left."""
        return self._lines.take_back()

    def give_back_stranded(self) -> list[Envelope]:
        """Take back what no relay may take now: one failed, and the limits of the others are reached."""
        return self._lines.stranded(now=self._clock())

    def step(self, timeout: float = NAP) -> list[Outcome]:
        """Do what can be done now, or wait up to `timeout` seconds for it; the outcomes that this gave."""
        if self._lines.waiting:
            if (
                self._lines.place(now=self._clock()) or self._grown
            ):  # a connection that has its last reply takes the next envelope by itself
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
            if self._lines.relieve(now=now):
                self._grown = True
            for line in self._lines.all:
                for connection in list(line.connections):
                    if connection.deadline <= now:
                        self._run(connection, connection.overdue)
        outcomes, self._outcomes = self._outcomes, []
        return outcomes

    def close(self, *, politely: bool = True) -> None:
        """End all connections; politely: with QUIT where nothing is under way."""
        self._lines.take_back()
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
        return [connection for line in self._lines.all for connection in line.connections]

    def _wake(self) -> None:
        for line in self._lines.all:
            for connection in list(line.connections):
                if not line.backlog:
                    break
                if connection.session is not None and connection.session.idle:
                    self._run(connection, connection.wake)

    def _connect(self) -> None:
        for line in self._lines.all:
            if not line.backlog or len(line.connections) >= line.relay.connections or line.error:
                continue
            now = self._clock()
            if now < line.not_before:
                continue
            wanted = len(line.backlog) - sum(
                connection.session is None or not connection.session.handshake.ready
                for connection in line.connections
            )
            while wanted > 0 and len(line.connections) < line.relay.connections:
                try:
                    self._open(line)
                except RelayError as error:
                    self._fail(line, error)
                    break
                wanted -= 1

    def _open(self, line: RelayState) -> None:
        if not line.addresses:
            line.addresses = _look_up(line.relay)
        try:
            connection = Connection(
                line.relay,
                line.addresses[0],
                selector=self._selector,
                clock=self._clock,
                context=line.context,
                pull=partial(self._pull, line),
                pipelining=line.pipelining,
                passed=self._passed,
            )
        except OSError as error:
            raise RelayError(line.relay, Fault.REFUSED, str(error)) from error
        line.connections.append(connection)

    def _drop(self, connection: Connection) -> None:
        connection.close()
        line = self._lines.of(connection)
        if connection in line.connections:
            line.connections.remove(connection)

    def _pull(self, line: RelayState) -> Envelope | None:
        if not line.backlog or line.error is not None:
            return None
        self._under_way += 1
        return line.backlog.popleft()

    def _fail(self, line: RelayState, error: RelayError) -> None:
        line.failed(error, self._clock())
        self._lines.forsake(line, now=self._clock())
        self._grown = True

    # events

    def _run(self, connection: Connection, act: Callable[[], list[Event]]) -> None:
        line = self._lines.of(connection)
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

    def _unusable(self, line: RelayState, connection: Connection, error: RelayError) -> None:
        if error.fault in (Fault.REFUSED, Fault.SILENT) and connection.session is None:
            # "localhost" is often ::1 first, where nobody listens: the other addresses have their turn.
            if connection.address in line.addresses:
                line.addresses.remove(connection.address)
            if line.addresses:
                return
        self._fail(line, error)

    def _note(self, line: RelayState, connection: Connection, event: Event) -> None:
        if isinstance(event, EnvelopeSettled):
            self._under_way -= 1
            if self._moves:
                self._moves.pop(event.outcome.delivery_id or 0, None)
            self._outcomes.append(event.outcome)
            line.answered(event.outcome, self._clock())
            if line.error is not None:
                self._lines.forsake(line, now=self._clock())
                self._grown = True
        elif isinstance(event, EnvelopeReturned):
            self._move(line, event)
        elif isinstance(event, PipeliningBroken):
            line.pipelining = False
        elif isinstance(event, SessionOver):
            session = connection.session
            if event.backed_off and session is not None and not session.accepted:
                self._fail(line, RelayError(line.relay, Fault.BUSY, f"asks us to stop: {event.words}"))

    def _move(self, line: RelayState, event: EnvelopeReturned) -> None:
        self._under_way -= 1
        key = event.envelope.delivery_id or -id(event.envelope)
        moves = self._moves.get(key, 0) + 1
        if moves > MOVES:
            self._moves.pop(key, None)
            self._outcomes.append(event.outcome)
        else:
            self._moves[key] = moves
            self._lines.again(line, event.envelope, now=self._clock())
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
    line = RelayState(replace(relay, connections=1))
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


def _shake(connection: Connection, selector: selectors.BaseSelector) -> ServerExtensions:
    while connection.session is None or not connection.session.handshake.ready:
        pause = connection.deadline - time.monotonic()
        ready = selector.select(max(0.0, pause))
        if ready:
            connection.handle(ready[0][1])
        elif connection.deadline <= time.monotonic():
            connection.overdue()
    return connection.session.handshake.offer


def _facts(relay: Relay, address: SocketAddress, offer: ServerExtensions, encrypted: str) -> RelayFacts:
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
