"""Bounds what one client may hold of the HTTP server: connections, and the time of a request.

Answers no request. A client that sends nothing, or a byte now and then, costs one descriptor for
REQUEST_TIMEOUT at most; when all are taken, the connection that has waited longest is dropped for a new one.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import time
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_TIMEOUT = 30.0  # seconds for a whole request, headers and body
RESPONSE_TIMEOUT = 120.0  # seconds for a client to take an answer: 300 kB over a poor network
BACKLOG = 2048  # connections that may wait while all workers are busy or starting
ACCEPTED_AT_ONCE = 8  # connections of one turn of the loop: each is counted only a few turns later
MAX_CONNECTIONS = 1000  # of one process: each may hold 100 kB
MIN_CONNECTIONS = 16
RESERVED = 96  # descriptors for database, logs, mail servers, and connections that are being dropped
MAX_DESCRIPTORS = 65_536  # more are of no use here
REPEAT_INTERVAL = 300.0  # seconds between two log lines on the same trouble

BUSY = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"

log = logging.getLogger("newsletter.web")


def raise_descriptor_limit() -> None:
    """Let this process and its children open as many files as the system allows them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MAX_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):  # macOS allows less than it says
            log.warning("the limit of open files stays at %s", soft)


def connection_limit() -> int:
    """How many connections this process may hold: below its descriptor limit."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(MIN_CONNECTIONS, min(MAX_CONNECTIONS, soft - RESERVED))


class RareLog:
    """Logs a kind of trouble once, then at most every REPEAT_INTERVAL with how often it happened."""

    def __init__(self) -> None:
        self._count = 0
        self._logged_at: float | None = None

    def warning(self, words: str) -> None:
        """Count one more, and log it when it is time."""
        self._count += 1
        now = time.monotonic()
        if self._logged_at is None or now - self._logged_at >= REPEAT_INTERVAL:
            log.warning("%s (%d times since the last such line)", words, self._count)
            self._count, self._logged_at = 0, now


class BoundedLoop(asyncio.SelectorEventLoop):
    """An event loop that accepts few connections at once, and logs refused ones rarely.

    asyncio accepts as many connections in a turn as may wait, and logs each that fails.
    """

    def __init__(self) -> None:
        super().__init__()
        self._accept_errors = RareLog()
        self.set_exception_handler(self._report)

    async def create_server(self, *args: Any, **kwargs: Any) -> asyncio.Server:
        """As in asyncio; the queue of the system stays long."""
        server = await super().create_server(*args, **{**kwargs, "backlog": ACCEPTED_AT_ONCE})
        if kwargs.get("sock") is not None:
            kwargs["sock"].listen(BACKLOG)
        return server

    def _report(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if "accept" in context.get("message", ""):
            self._accept_errors.warning(
                f"no connection can be accepted: {context.get('exception')}; raise the limit of open files"
            )
        else:
            loop.default_exception_handler(context)


class BoundedProtocol(H11Protocol):
    """One connection of uvicorn's HTTP server, dropped when its client takes too long."""

    request_timeout: ClassVar[float] = REQUEST_TIMEOUT
    response_timeout: ClassVar[float] = RESPONSE_TIMEOUT
    max_connections: ClassVar[int | None] = None  # None: as many as the descriptor limit allows
    _full = RareLog()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count the connection, and drop another when there are too many."""
        self._limit: asyncio.TimerHandle | None = None
        self._waiting_since: float | None = None
        super().connection_made(transport)
        most = connection_limit() if self.max_connections is None else self.max_connections
        if len(self.connections) > most and not self._make_room():
            self._full.warning("all connections are at work; one was turned away")
            transport.write(BUSY)
            transport.close()
            return
        self._wait_for_client(self.request_timeout)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._at_work()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Stop the clock when the request is whole."""
        super().handle_events()
        whole = self.conn.their_state not in (h11.IDLE, h11.SEND_BODY)
        if whole and not self.transport.is_closing():
            self._at_work()

    def on_response_complete(self) -> None:
        """Start the clock again: for the next request, and for the client to take this answer."""
        self._wait_for_client(self.response_timeout if self.flow.write_paused else self.request_timeout)
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Start the clock: the client does not read as fast as it is answered."""
        super().pause_writing()
        self._wait_for_client(self.response_timeout)

    def resume_writing(self) -> None:
        """Stop the clock: the client reads; or wait for its next request."""
        super().resume_writing()
        self._at_work()
        if self.cycle is None or self.cycle.response_complete:
            self._wait_for_client(self.request_timeout)

    def drop(self) -> None:
        """End the connection at once, whatever is under way."""
        self._at_work()
        self.transport.abort()

    def _make_room(self) -> bool:
        """Drop the connection that has waited longest for its client; returns whether there is one."""
        waiting = [each for each in self.connections if isinstance(each, type(self)) and each.is_waiting]
        if not waiting:
            return False
        self._full.warning("all connections are taken; one was dropped that sent nothing for longest")
        min(waiting, key=lambda each: each.waits_since).drop()
        return True

    @property
    def is_waiting(self) -> bool:
        """Whether it waits for its client."""
        return self._waiting_since is not None

    @property
    def waits_since(self) -> float:
        """When the wait began, in seconds of the loop."""
        return self._waiting_since or 0.0

    def _wait_for_client(self, seconds: float) -> None:
        self._at_work()
        self._waiting_since = self.loop.time()
        self._limit = self.loop.call_later(seconds, self.drop)

    def _at_work(self) -> None:
        self._waiting_since = None
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None
