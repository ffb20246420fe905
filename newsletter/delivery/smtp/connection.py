"""Drives one non-blocking connection to a relay: socket, TLS, session and deadlines.

It decides nothing about mail: it returns the events that the session makes.
"""

from __future__ import annotations

import errno
import os
import selectors
import socket
import ssl
from collections.abc import Callable
from typing import Any

from newsletter.core.mail.values import Envelope
from newsletter.delivery.smtp.relay import Fault, Relay, RelayError, Security, Timeouts
from newsletter.delivery.smtp.session import Event, Session
from newsletter.delivery.smtp.tls import TlsLayer

READ_SIZE = 4_096  # bytes of one read from the socket: replies are short
BODY_BLOCK = 65_536  # bytes of output for which Timeouts.block is granted
SocketAddress = tuple[socket.AddressFamily, Any]


class Connection:
    """A connection that is being opened, used or closed.

    Past 200 lines, since each event may change the socket, TLS, the session and the deadline together.
    """

    def __init__(
        self,
        relay: Relay,
        address: SocketAddress,
        *,
        selector: selectors.BaseSelector,
        clock: Callable[[], float],
        context: ssl.SSLContext | None,
        pull: Callable[[], Envelope | None],
        pipelining: bool,
        passed: Callable[[str], None] = lambda _point: None,
    ) -> None:
        self.relay = relay
        self.address = address
        self.closed = False
        self.session: Session | None = None
        self.tls: TlsLayer | None = None
        self._selector = selector
        self._clock = clock
        self._context = context
        self._pull = pull
        self._pipelining = pipelining
        self._passed = passed
        self._raw: list[bytes | memoryview] = []  # bytes on their way into the socket
        self._left = 0  # of these
        self._chunk = 0  # bytes of the session's output that `_raw` carries
        self._base = 0  # session.flushed when `_raw` was filled
        self._sent = 0  # bytes of `_raw` that the kernel took
        self._waited: object = None  # the reply that the deadline is for: the session's `waiting`, or "tls"
        self._block = -1  # of the output that is leaving
        self.deadline = clock() + relay.timeouts.connect
        self.socket = socket.socket(address[0], socket.SOCK_STREAM)
        self.socket.setblocking(False)
        # Envelope commands are small and must not wait for the acknowledgement of a body (Nagle).
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.connect_ex(address[1])
        self._interest = selectors.EVENT_WRITE
        selector.register(self.socket, self._interest, self)

    def handle(self, ready: int) -> list[Event]:
        """Read and write as the selector allows. Raises RelayError while no mail was named."""
        if self.session is None:
            self._connected()
        events: list[Event] = []
        if ready & selectors.EVENT_READ:
            events += self._read()
        assert self.session is not None
        if not self.session.over:
            events += self._write()
        return self._watched(events)

    def wake(self) -> list[Event]:
        """Begin an envelope, if the connection is idle and there is one."""
        if self.session is None or not self.session.idle:
            return []
        events = self.session.wake()
        return self._watched(events + self._write())

    def quit(self) -> list[Event]:
        """Say goodbye and wait for the answer; only when idle."""
        assert self.session is not None
        self.session.quit()
        return self._watched(self._write())

    def try_addresses(self, envelope: Envelope) -> list[Event]:
        """Name the addresses of an envelope and take them back; only when idle."""
        assert self.session is not None
        self.session.try_addresses(envelope)
        return self._watched(self._write())

    def overdue(self) -> list[Event]:
        """The deadline has passed: settle the open envelopes. Raises RelayError while no mail was named."""
        if self.session is None:
            raise RelayError(self.relay, Fault.SILENT, "no connection in time")
        waiting = self.session.waiting
        phase = waiting[0] if waiting else "tls" if self.tls else "command"
        return self._watched(self.session.lost(f"no answer in time ({phase})", Fault.SILENT))

    def close(self) -> None:
        """Close the socket immediately."""
        if not self.closed:
            self.closed = True
            self._selector.unregister(self.socket)
            self.socket.close()

    # the socket

    def _connected(self) -> None:
        error = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            # A reset this early looks like a failure to connect, but a server was there.
            fault = Fault.LOST if error == errno.ECONNRESET else Fault.REFUSED
            raise RelayError(self.relay, fault, os.strerror(error))
        self.session = Session(
            self.relay,
            hostname=self.relay.hostname or _literal(self.socket),
            pull=self._pull,
            pipelining=self._pipelining,
        )
        if self.relay.security is Security.TLS:
            self._start_tls()

    def _read(self) -> list[Event]:
        assert self.session is not None
        try:
            data = self.socket.recv(READ_SIZE)
        except BlockingIOError:
            return []
        except OSError as error:
            return self.session.lost(_lost_words(error))
        self._passed("read")
        if not data:
            return self.session.lost("the server closed the connection")
        return self._received(data)

    def _received(self, data: bytes) -> list[Event]:
        assert self.session is not None
        if self.tls is None:
            events = self.session.receive(data)
            if not self.session.handshake.ready and self.session.wants_tls:
                self._start_tls()
            return events
        if not self.tls.established:
            self._send_raw(self.tls.shake(data))
            if not self.tls.established:
                return []
            if self.session.wants_tls:
                self.session.secured()
            data = b""
        try:
            plain, ended = self.tls.decrypt(data)
        except ConnectionError as error:
            return self.session.lost(str(error))
        self._send_raw(self.tls.pending())
        events = self.session.receive(plain) if plain else []
        if ended:
            events += self.session.lost("the server closed the connection")
        return events

    def _start_tls(self) -> None:
        assert self._context is not None
        self.tls = TlsLayer(self._context, self.relay)
        self._send_raw(self.tls.shake())

    def _send_raw(self, raw: bytes) -> None:
        """Send bytes that are not the session's output."""
        if raw:
            self._raw.append(raw)
            self._left += len(raw)

    def _write(self) -> list[Event]:
        assert self.session is not None
        while True:
            if not self._raw and not self._refill():
                return []
            try:
                taken = self.socket.sendmsg(self._raw)
            except BlockingIOError:
                return []
            except OSError as error:
                return self._unwritable(error)
            self._passed("written")
            if taken == self._left:
                self._raw.clear()
                self._left = 0
                self.session.flushed = self._base + self._chunk
                continue
            self._drop(taken)
            self._sent += taken
            # A prefix of n bytes of TLS records holds at most n bytes of what they carry.
            self.session.flushed = self._base + min(self._sent, self._chunk)

    def _refill(self) -> bool:
        assert self.session is not None
        output = self.session.output
        encrypting = self.tls is not None
        if not output or (encrypting and not (self.tls and self.tls.established)):
            return False
        self._base += self._chunk
        self._chunk = sum(map(len, output))
        self._sent = 0
        if self.tls is not None:
            self._raw = [self.tls.encrypt(b"".join(output))]
            self._left = len(self._raw[0])
        else:
            self._raw = [*output]
            self._left = self._chunk
        output.clear()
        return True

    def _drop(self, taken: int) -> None:
        self._left -= taken
        raw = self._raw
        while taken >= len(raw[0]):
            taken -= len(raw.pop(0))
        raw[0] = memoryview(raw[0])[taken:]

    def _unwritable(self, error: OSError) -> list[Event]:
        """The server reads no more; a reply that it sent before (421, 554, …) may still be unread."""
        assert self.session is not None
        events: list[Event] = []
        while not self.session.over:
            try:
                data = self.socket.recv(READ_SIZE)
            except OSError:
                break
            if not data:
                break
            events += self._received(data)
        return events + self.session.lost(_lost_words(error))

    # the clock

    def _watched(self, events: list[Event]) -> list[Event]:
        """Set the selector's interest and the deadline after anything happened."""
        session = self.session
        if self.closed or session is None:
            return events
        if session.over:
            self.close()
            return events
        interest = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._raw else 0)
        if interest != self._interest:
            self._interest = interest
            self._selector.modify(self.socket, interest, self)
        waited: object = session.waiting
        block = -1
        if self.tls is not None and not self.tls.established:
            waited = "tls"
        elif self._raw and waited is not None:
            block = session.flushed // BODY_BLOCK
        if waited is not self._waited or block != self._block:
            # Only a new phase moves the deadline: a reply of one byte a second does not.
            self._waited, self._block = waited, block
            self.deadline = self._clock() + self._allowance(self.relay.timeouts)
        return events

    def _allowance(self, timeouts: Timeouts) -> float:
        assert self.session is not None
        if self._waited == "tls":
            return timeouts.tls
        waiting = self.session.waiting
        if waiting is None:
            return float("inf")  # idle: only the server may hang up
        if waiting[0] == "dot" and self._raw:
            return timeouts.block
        return _SECONDS[waiting[0]](timeouts)


_SECONDS: dict[str, Callable[[Timeouts], float]] = {
    "greeting": lambda t: t.greeting,
    "ehlo": lambda t: t.ehlo,
    "helo": lambda t: t.ehlo,
    "starttls": lambda t: t.ehlo,
    "auth": lambda t: t.auth,
    "rset": lambda t: t.mail,
    "mail": lambda t: t.mail,
    "rcpt": lambda t: t.rcpt,
    "data": lambda t: t.data,
    "dot": lambda t: t.dot,
    "quit": lambda t: t.quit,
}


def _literal(sock: socket.socket) -> str:
    """Our own address as a literal (RFC 5321 4.1.3): it needs no DNS."""
    host = sock.getsockname()[0].partition("%")[0]
    return f"[IPv6:{host}]" if ":" in host else f"[{host}]"


def _lost_words(error: OSError) -> str:
    return f"the connection broke: {error.strerror or error}"
