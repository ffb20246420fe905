"""A real mail server that lets people in by access token only (aiosmtpd with two mechanisms of its own)."""

from __future__ import annotations

import base64
import json
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import MISSING, SMTP, AuthResult

FORMS = {
    "XOAUTH2": re.compile(r"user=(?P<user>[^\x01]*)\x01auth=Bearer (?P<token>[^\x01]*)\x01\x01"),
    "OAUTHBEARER": re.compile(
        r"n,a=(?P<user>[^,\x01]*),\x01host=(?:localhost|127\.0\.0\.1)\x01port=\d+"
        r"\x01auth=Bearer (?P<token>[^\x01]*)\x01\x01"
    ),
}
FAREWELLS = {"XOAUTH2": b"", "OAUTHBEARER": b"\1"}  # RFC 7628 3.2.3


@dataclass
class TokenLogins:
    """What the server knows, and what it saw; it is aiosmtpd's handler, too."""

    user: str = "ada@example.org"
    good: set[str] = field(default_factory=set)  # tokens that it takes now
    problem: dict[str, str] = field(
        default_factory=lambda: {"status": "401", "schemes": "bearer", "scope": "https://mail.example/"}
    )
    refusal: str = "535 5.7.8 Username and token not accepted"
    offer: tuple[str, ...] = ("XOAUTH2", "OAUTHBEARER")
    tries: list[tuple[str, str, bool]] = field(default_factory=list)  # (mechanism, token, in one line)
    farewells: list[bytes] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    port: int = 0

    async def auth_XOAUTH2(self, server: SMTP, args: list[str]) -> Any:  # noqa: N802
        return await self._check(server, "XOAUTH2", args)

    async def auth_OAUTHBEARER(self, server: SMTP, args: list[str]) -> Any:  # noqa: N802
        return await self._check(server, "OAUTHBEARER", args)

    async def _check(self, server: SMTP, mechanism: str, args: list[str]) -> Any:
        given = base64.b64decode(args[1]) if len(args) > 1 else await server.challenge_auth("")
        if given is MISSING:
            return AuthResult(success=False, handled=True)
        found = FORMS[mechanism].fullmatch(given.decode())
        assert found is not None, "the client's response has the wrong form"
        self.tries.append((mechanism, found["token"], len(args) > 1))
        if found["user"] == self.user and found["token"] in self.good:
            return AuthResult(success=True)
        said = json.dumps(self.problem).replace("TOKEN", found["token"])
        farewell = await server.challenge_auth(said)
        self.farewells.append(farewell)
        echo = args[1] if len(args) > 1 else base64.b64encode(given).decode()
        message = self.refusal.replace("TOKEN", found["token"]).replace("LINE", echo)
        return AuthResult(success=False, message=message[:900], handled=False)

    async def handle_RCPT(  # noqa: N802
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.recipients += envelope.rcpt_tos
        return "250 2.0.0 kept"


class _LongLines(SMTP):
    line_length_limit = 16_384  # RFC 4954 4: responses of 12,288 octets


class _Controller(Controller):
    def factory(self) -> SMTP:
        return _LongLines(self.handler, **self.SMTP_kwargs)


@contextmanager
def token_server(logins: TokenLogins, tls: ssl.SSLContext | None = None) -> Iterator[TokenLogins]:
    """Run it on loopback; with TLS the login is offered after STARTTLS only."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        logins.port = free.getsockname()[1]
    others = {"LOGIN", "PLAIN", "XOAUTH2", "OAUTHBEARER"} - set(logins.offer)
    controller = _Controller(
        logins,
        hostname="127.0.0.1",
        port=logins.port,
        server_hostname="mx.example",
        tls_context=tls,
        auth_require_tls=tls is not None,
        auth_required=tls is not None,
        auth_exclude_mechanism=others,
    )
    controller.start()
    try:
        yield logins
    finally:
        controller.stop()
