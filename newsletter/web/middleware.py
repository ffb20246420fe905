"""Adds security headers to every answer, limits request bodies, and logs requests. Renders no page.

Plain ASGI: it sees a request before the routes do. It answers HEAD like GET without the body, and OPTIONS
itself. The log line has method, route, status and time, but not the path, which may hold a token.
"""

from __future__ import annotations

import logging
import time
from collections.abc import MutableMapping
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY = 64 * 1024  # bytes of a request body; our forms are far smaller
MAX_NOTICE = 1024 * 1024  # of a provider's webhook, which gathers events
MAX_HEAD = 16 * 1024  # bytes of path and headers; the server has the same limit for what comes in pieces

log = logging.getLogger("newsletter.web")

COMMON = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",  # links in mail hold tokens
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex, nofollow",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src http: https: data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)


class SecurityMiddleware:
    """Wraps the application; see the module."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method = scope["method"]
        started = time.perf_counter()
        status = 500
        received = 0
        most = MAX_NOTICE if scope["path"].startswith("/hooks/") else MAX_BODY

        async def receive_some() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > most:
                raise _TooLargeError
            return message

        async def send_guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                if received > most:  # also when a route caught the error of the body
                    message = {**message, "status": 413}
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in COMMON.items():
                    headers.setdefault(name, value)
            elif method == "HEAD" and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        try:
            if _is_ambiguous(scope):
                await _plain(send_guarded, 400, "bad request", CLOSE)
            elif _head_size(scope) > MAX_HEAD:
                await _plain(send_guarded, 431, "headers too large", CLOSE)
            elif method == "OPTIONS":
                await _options(scope, send_guarded)
            elif method == "POST" and _is_from_elsewhere(scope):
                await _plain(send_guarded, 403, "this form must be sent from its own page")
            elif _announced(scope) > most:
                await _plain(send_guarded, 413, "too large")
            else:
                inner = {**scope, "method": "GET"} if method == "HEAD" else scope
                await self._app(inner, receive_some, send_guarded)
                scope = inner
        except _TooLargeError:
            await _plain(send_guarded, 413, "too large")
        finally:
            route = getattr(scope.get("route"), "path", "-")
            duration = (time.perf_counter() - started) * 1000
            log.info("%s %s %s %.0f ms", method, route, status, duration)


class _TooLargeError(Exception):
    """A request body exceeds its bound."""


def _announced(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:12])
    return 0


def _is_ambiguous(scope: Scope) -> bool:
    """Whether a proxy may see another end of the request than we do (RFC 9112 section 6.3)."""
    two_lengths = {b"content-length", b"transfer-encoding"} <= {name for name, _ in scope["headers"]}
    return two_lengths or scope["http_version"] not in ("1.0", "1.1")


def _head_size(scope: Scope) -> int:
    """The bytes of path, query and headers."""
    target = len(scope.get("raw_path") or b"") + len(scope["query_string"])
    return target + sum(len(name) + len(value) + 4 for name, value in scope["headers"])  # colon, space, CRLF


def _is_from_elsewhere(scope: Scope) -> bool:
    """Whether a browser says that another site sends a form that only our pages have.

    Sign-ups may come from any site, and so may what a mail program posts (RFC 8058). The header Origin says
    nothing here: it is "null" from pages with our Referrer-Policy.
    """
    path = scope["path"]
    open_to_all = path == "/sign-up" or path.startswith("/api/")
    one_click = path.startswith("/u/") and not path.endswith("/undo")
    return not open_to_all and not one_click and (b"sec-fetch-site", b"cross-site") in scope["headers"]


async def _options(scope: Scope, send: Send) -> None:
    headers = [(b"allow", b"GET, HEAD, POST, OPTIONS")]
    if scope["path"].partition("/api/")[1]:
        headers += CROSS_ORIGIN
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


# Any site may use the JSON endpoints: they need no cookie and reveal nothing.
CROSS_ORIGIN = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, POST"),
    (b"access-control-allow-headers", b"content-type"),
    (b"access-control-max-age", b"86400"),
]


CLOSE = (b"connection", b"close")


async def _plain(send: Send, status: int, words: str, *more: tuple[bytes, bytes]) -> None:
    headers: list[tuple[bytes, bytes]] = [(b"content-type", b"text/plain; charset=utf-8"), *more]
    start: MutableMapping[str, Any] = {"type": "http.response.start", "status": status, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": words.encode()})
