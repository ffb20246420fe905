"""A token server on loopback (RFC 6749) that gives what a test tells it to."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer."""

    body: bytes = b""
    status: int = 200
    kind: str = "application/json"
    delay: float = 0.0  # seconds before it
    headers: tuple[tuple[str, str], ...] = ()


def given(**fields: Any) -> Answer:
    """An answer in JSON."""
    return Answer(body=json.dumps(fields).encode(), status=400 if "error" in fields else 200)


@dataclass(slots=True)
class TokenServer:
    """It gives `answers` in turn, the last one again and again."""

    answers: list[Answer]
    asked: list[dict[str, str]] = field(default_factory=list)
    url: str = ""


@contextmanager
def running_token_server(*answers: Answer) -> Iterator[TokenServer]:
    """Run it until the block ends."""
    state = TokenServer(list(answers))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # a redirect that was followed
            state.asked.append({"method": "GET"})
            self.send_error(405)

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            state.asked.append(dict(parse_qsl(raw.decode(), strict_parsing=True)))
            answer = state.answers.pop(0) if len(state.answers) > 1 else state.answers[0]
            time.sleep(answer.delay)
            try:
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.kind)
                self.send_header("Content-Length", str(len(answer.body)))
                for name, value in answer.headers:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.body)
            except OSError:
                pass  # the client was told to wait for less

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}/token"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
