"""Connections of the HTTP server: silent and slow clients are dropped, and others are served meanwhile."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

import pytest
import uvicorn

from newsletter.cli.http.connections import (
    MAX_CONNECTIONS,
    MIN_CONNECTIONS,
    RESERVED,
    BoundedProtocol,
    RareLog,
)
from tests.web.serving import STEP_TIMEOUT, Serving

PATIENCE = 0.6  # seconds for a whole request in these tests
LARGE = b"x" * 8_000_000  # more than the buffers of the system take
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n"
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class ImpatientProtocol(BoundedProtocol):
    request_timeout: ClassVar[float] = PATIENCE
    response_timeout: ClassVar[float] = PATIENCE
    max_connections: ClassVar[int | None] = 30


async def _application(scope: Any, receive: Any, send: Any) -> None:
    """Reads the body, then answers; /large answers with more than a client takes at once."""
    while (message := await receive()).get("more_body"):
        pass
    if message["type"] == "http.disconnect":
        return
    body = LARGE if scope["path"] == "/large" else b"ok"
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@contextmanager
def served(application: Any, protocol: type[BoundedProtocol] = ImpatientProtocol) -> Iterator[int]:
    """The port of a server that runs in a thread."""
    config = uvicorn.Config(
        application,
        http=protocol,
        ws="none",
        lifespan="off",
        loop="newsletter.cli.http.connections:BoundedLoop",
        log_config=None,
        timeout_graceful_shutdown=1,
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        port = listener.getsockname()[1]
        while not server.started:
            time.sleep(0.01)
        try:
            yield port
        finally:
            server.should_exit = True
            thread.join(STEP_TIMEOUT)


def _connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=STEP_TIMEOUT)


def _asked(port: int) -> bytes:
    """The answer to a well-behaved client."""
    with _connect(port) as client:
        client.sendall(GET)
        return client.recv(4096)


def _drip(client: socket.socket, data: bytes) -> None:
    """Send a byte now and then, as long as the server takes it."""
    with suppress(OSError):
        for byte in data:
            client.sendall(bytes([byte]))
            time.sleep(PATIENCE / 6)


def _first_then(client: socket.socket, more: bytes) -> None:
    client.sendall(GET)
    assert client.recv(4096).startswith(b"HTTP/1.1 200")
    client.sendall(more)


MISBEHAVIOURS: dict[str, Callable[[socket.socket], object]] = {
    "silent": lambda client: None,
    "a byte": lambda client: client.sendall(b"G"),
    "half a request line": lambda client: client.sendall(GET[:9]),
    "headers without end": lambda client: client.sendall(GET[:-2]),
    "a byte now and then": lambda client: _drip(client, GET[:-2] + b"X-Slow: " + b"y" * 100),
    "headers without body": lambda client: client.sendall(POST + b"\r\n"),
    "half a body": lambda client: client.sendall(POST + b"\r\n" + b"x" * 50),
    "a slow body": lambda client: _drip(client, POST + b"\r\n" + b"x" * 100),
    "a chunked body without end": lambda client: client.sendall(
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"
    ),
    "waits for 100-continue and sends nothing": lambda client: client.sendall(
        POST + b"Expect: 100-continue\r\n\r\n"
    ),
    "a request, then silence": lambda client: _first_then(client, b""),
    "a request, then a byte": lambda client: _first_then(client, b"G"),
    "a request, then half of the next": lambda client: _first_then(client, POST),
    "two requests at once, and half a third": lambda client: client.sendall(GET + GET + GET[:9]),
    "reads no answer": lambda client: client.sendall(GET.replace(b"GET /", b"GET /large")),
    "reads no answer and asks on": lambda client: client.sendall(GET.replace(b"GET /", b"GET /large") * 3),
    "sends no more and half closes": lambda client: (
        client.sendall(POST),
        client.shutdown(socket.SHUT_WR),
    ),
}


def _seconds_until_dropped(port: int, misbehave: Callable[[socket.socket], object]) -> float:
    with _connect(port) as client:
        started = time.monotonic()
        misbehave(client)
        with suppress(ConnectionError):
            time.sleep(PATIENCE * 2)  # what it does not read by then, it is not given
            while client.recv(1 << 20):
                pass
        return time.monotonic() - started


def test_a_client_that_takes_too_long_is_dropped_and_others_are_served() -> None:
    with served(_application) as port, ThreadPoolExecutor(len(MISBEHAVIOURS)) as pool:
        clients = {
            name: pool.submit(_seconds_until_dropped, port, act) for name, act in MISBEHAVIOURS.items()
        }
        for _ in range(10):
            assert _asked(port).startswith(b"HTTP/1.1 200")
            time.sleep(PATIENCE / 10)
        late = {name: spent for name, client in clients.items() if (spent := client.result()) > 20}
        assert late == {}


def test_a_request_that_takes_long_to_answer_is_answered() -> None:
    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(PATIENCE * 3)
        await _application(scope, receive, send)

    with served(slow) as port:
        assert _asked(port).startswith(b"HTTP/1.1 200")


def test_a_new_client_is_served_while_silent_ones_hold_every_connection() -> None:
    class PatientProtocol(ImpatientProtocol):
        request_timeout: ClassVar[float] = 60.0

    with served(_application, PatientProtocol) as port, ExitStack() as open_ones:
        silent = [open_ones.enter_context(_connect(port)) for _ in range(60)]
        started = time.monotonic()
        for _ in range(5):
            assert _asked(port).startswith(b"HTTP/1.1 200")
        assert time.monotonic() - started < PatientProtocol.request_timeout
        # The oldest were dropped, the newest were not.
        silent[0].settimeout(STEP_TIMEOUT)
        with suppress(ConnectionResetError):
            assert silent[0].recv(1) == b""
        silent[-1].sendall(GET)
        assert silent[-1].recv(4096).startswith(b"HTTP/1.1 200")


def test_rare_log_counts_what_it_does_not_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    rare = RareLog()
    for _ in range(1000):
        rare.warning("no descriptor")
    assert caplog.messages == ["no descriptor (1 times since the last such line)"]


def test_accept_errors_are_logged_once() -> None:
    program = """
import asyncio, logging, socket, sys
from newsletter.cli.http.connections import BoundedLoop
logging.basicConfig(level=logging.INFO)
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
async def main():
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, sock=listener, backlog=2048)
    clients = []
    try:
        while True:
            client = socket.socket(); client.setblocking(False); clients.append(client)
            client.connect_ex(listener.getsockname())
    except OSError:
        pass
    await asyncio.sleep(0.5)
loop = BoundedLoop()
loop.run_until_complete(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=STEP_TIMEOUT
    )
    lines = [line for line in done.stderr.splitlines() if "accept" in line]
    assert len(lines) == 1, done.stderr[:2000]
    assert len(done.stderr) < 2000


@pytest.mark.parametrize(("soft", "most"), [(40, MIN_CONNECTIONS), (128, 128 - RESERVED), (20_000, 1000)])
def test_connection_limit_stays_below_the_descriptor_limit(soft: int, most: int) -> None:
    program = (
        f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {soft}));"
        "from newsletter.cli.http.connections import connection_limit; print(connection_limit())"
    )
    if soft > resource.getrlimit(resource.RLIMIT_NOFILE)[1]:
        pytest.skip("this user may not open as many files")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) == most <= MAX_CONNECTIONS


class LimitedServing(Serving):
    """A server that may open few files, as the system's manager limits it."""

    limit: ClassVar[str] = ""

    def command(self, *arguments: str) -> list[str]:
        return ["sh", "-c", f'{self.limit} exec "$@"', "sh", *super().command(*arguments)]


class FewFilesServing(LimitedServing):
    limit: ClassVar[str] = "ulimit -n 128;"


class SoftFewFilesServing(LimitedServing):
    limit: ClassVar[str] = "ulimit -S -n 128;"


@pytest.mark.full
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("kind", [Serving, SoftFewFilesServing, FewFilesServing])
def test_pages_answer_under_300_silent_connections(tmp_path: Path, kind: type[Serving], workers: int) -> None:
    site = kind(folder=tmp_path / "state", smtp_port=1, workers=workers)
    try:
        site.start()
        with ExitStack() as open_ones:
            for number in range(300):
                client = open_ones.enter_context(_connect(site.port))
                client.sendall((b"", b"G", POST)[number % 3])
            for path in ("/healthz", "/readyz", "/", "/healthz"):
                started = time.monotonic()
                assert site.get(path).status == 200
                assert time.monotonic() - started < 10
        assert site.stop() == 0
        assert len(site.log()) < 10_000, site.log()[:2000]
        assert "Traceback" not in site.log()
    finally:
        if site.process is not None and site.process.poll() is None:
            site.kill()
        site.engine.dispose()
