"""Requests whose end two programs may see at different places, on real sockets: none hides another."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any

import pytest

from newsletter.web.middleware import SecurityMiddleware
from tests.cli.http.test_connections import served
from tests.web.serving import STEP_TIMEOUT

HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\n"

SHAPES: dict[str, bytes] = {
    "length and chunks": POST
    + b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" % (5 + len(HIDDEN))
    + HIDDEN,
    "chunks and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + HIDDEN,
    "two lengths": POST + b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n" % len(HIDDEN) + HIDDEN,
    "two lengths in one": POST + b"Content-Length: 0, %d\r\n\r\n" % len(HIDDEN) + HIDDEN,
    "a length with a sign": POST + b"Content-Length: +0\r\n\r\n" + HIDDEN,
    "a negative length": POST + b"Content-Length: -1\r\n\r\n" + HIDDEN,
    "a length in hex": POST + b"Content-Length: 0x0\r\n\r\n" + HIDDEN,
    "a length in other digits": POST + "Content-Length: \u0660\r\n\r\n".encode() + HIDDEN,
    "a length with a letter": POST + b"Content-Length: 0a\r\n\r\n" + HIDDEN,
    "a length of nothing": POST + b"Content-Length: \r\n\r\n" + HIDDEN,
    "a space before the colon": POST + b"Content-Length : %d\r\n\r\n" % len(HIDDEN) + HIDDEN,
    "a tab before the colon": POST + b"Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "another coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "two codings": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "a coding twice": POST
    + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"
    + HIDDEN,
    "a control character before the coding": POST
    + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"
    + HIDDEN,
    "an odd chunk length": POST + b"Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n" + HIDDEN,
    "a negative chunk length": POST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n" + HIDDEN,
    "a chunk without an end": POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\naXX0\r\n\r\n" + HIDDEN,
    "a NUL in a header": POST + b"X: a\0b\r\n\r\n" + HIDDEN,
    "a return in a header": POST + b"X: a\rContent-Length: 0\r\n\r\n" + HIDDEN,
    "no host": b"GET / HTTP/1.1\r\n\r\n" + HIDDEN,
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" + HIDDEN,
    "no version": b"GET /\r\n\r\n" + HIDDEN,
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + HIDDEN,
    "a space in the path": b"GET / x HTTP/1.1\r\nHost: a\r\n\r\n" + HIDDEN,
    "a space before the first header": b"GET / HTTP/1.1\r\n Host: a\r\n\r\n" + HIDDEN,
    "no colon": POST + b"Nothing\r\n\r\n" + HIDDEN,
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + HIDDEN,
    "too many headers": POST + b"X: y\r\n" * 5_000 + b"\r\n" + HIDDEN,
    "a long header": POST + b"X: " + b"y" * 100_000 + b"\r\n\r\n" + HIDDEN,
    "a long path": b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n" + HIDDEN,
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_no_request_hides_in_another(shape: bytes) -> None:
    seen = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["path"])
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    with (
        served(SecurityMiddleware(application)) as port,
        socket.create_connection(("127.0.0.1", port), timeout=STEP_TIMEOUT) as client,
    ):
        answer = b""
        with suppress(ConnectionError):
            client.sendall(shape)
            while block := client.recv(65_536):
                answer += block
    assert "/hidden" not in seen
    assert b"HTTP/1.1 200" not in answer


def test_a_hidden_request_would_be_seen() -> None:
    seen = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    with (
        served(SecurityMiddleware(application)) as port,
        socket.create_connection(("127.0.0.1", port), timeout=STEP_TIMEOUT) as client,
    ):
        client.sendall(POST + b"Content-Length: 0\r\n\r\n" + HIDDEN)
        while client.recv(65_536).count(b"200") + len(seen) < 2:
            pass
    assert seen == ["/", "/hidden"]
