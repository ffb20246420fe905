"""A web server of this machine that replays recorded answers, with and without TLS."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext


@dataclass
class Answer:
    """One answer. promised: octets that Content-Length says, when it is not the body's length."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    promised: int | None = None


@dataclass
class Asked:
    """One request that the server got."""

    path: str
    headers: dict[str, str]


class ReplayServer:
    """Answers each path by a list of answers, the last one again and again."""

    def __init__(self, port: int, *, tls: bool) -> None:
        self.base = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        self.answers: dict[str, list[Answer]] = {}
        self.asked: list[Asked] = []

    def on(self, path: str, *answers: Answer) -> None:
        self.answers[path] = list(answers)

    def take(self, path: str) -> Answer:
        left = self.answers.get(path) or self.answers.get(path.partition("?")[0]) or [Answer(status=404)]
        return left.pop(0) if len(left) > 1 else left[0]


@contextmanager
def replay_server(*, context: SSLContext | None = None) -> Iterator[ReplayServer]:
    """Run it on a free port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(lambda: replayed))
    replayed = ReplayServer(server.server_address[1], tls=context is not None)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield replayed
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(server: Callable[[], ReplayServer]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            replayed = server()
            replayed.asked.append(
                Asked(self.path, {name.lower(): value for name, value in self.headers.items()})
            )
            answer = replayed.take(self.path)
            self.send_response(answer.status)
            if answer.status != 304:
                self.send_header("Content-Length", str(answer.promised or len(answer.body)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Nothing on stderr."""

    return Handler
