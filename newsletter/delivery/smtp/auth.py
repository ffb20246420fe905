"""Chooses an AUTH mechanism and makes its commands (RFC 4954).

It does not decide whether a login is safe: `newsletter.delivery.smtp.handshake` uses it only under TLS, or
with a relay that is configured without.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus

from newsletter.delivery.smtp.replies import MAX_TEXT, Reply, printable

MAX_COMMAND = 512  # bytes, with CRLF (RFC 5321 4.5.3.1.4): what is longer waits for a challenge (RFC 4954 4)
CANCEL = b"*\r\n"  # RFC 4954 4
_URL_SAFE = str.maketrans("+/", "-_")  # RFC 4648 5

Steps = tuple[bytes, Iterator[Callable[[Reply], bytes]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Who logs in, with a password or with an access token, to which server."""

    username: str
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    host: str = ""
    port: int = 0


def first_known(offered: Sequence[str], *, by_token: bool = False) -> str | None:
    """The best mechanism of those that the server offers, for a password or an access token.

    PLAIN (RFC 4616), LOGIN, CRAM-MD5 (RFC 2195); OAUTHBEARER (RFC 7628), XOAUTH2 (its forerunner).
    """
    return next((name for name in (_BY_TOKEN if by_token else _BY_PASSWORD) if name in offered), None)


def takes_tokens(offered: Sequence[str]) -> bool:
    """Whether the server offers a login by access token."""
    return first_known(offered, by_token=True) is not None


def start(mechanism: str, login: Login) -> Steps:
    """(the AUTH command, the answers to the server's 334 challenges in turn)."""
    return _ALL[mechanism](login)


def token_problem(challenge: Reply) -> str:
    """Why a server does not want an access token, from its challenge (RFC 7628 3.2.2); empty when unsaid."""
    try:
        said = json.loads(base64.b64decode(challenge.lines[-1], validate=True))
    except (ValueError, RecursionError):  # neither base64 nor UTF-8 nor JSON
        return ""
    if not isinstance(said, dict):
        return ""
    words = (
        f"{key} {said[key]}"
        for key in ("status", "scope")
        if isinstance(said.get(key), (str, int)) and said[key]
    )
    return printable(", ".join(words).encode("utf-8", "replace"))[: MAX_TEXT // 2]


def secrets_of(login: Login, lines: Sequence[bytes]) -> list[str]:
    """What must not be shown of a server's words: the secrets as they are and in the spellings of a quote.

    lines: what was sent to log in.
    """
    sent = [line.decode("ascii").removeprefix("AUTH ").split() for line in lines]
    found = [words[-1] for words in sent if words and words[-1] not in _ALL]
    for secret in filter(None, (login.password, login.token)):
        quoted = quote(secret, safe="")
        found += [secret, quoted, re.sub("%..", lambda escape: escape[0].lower(), quoted), quote_plus(secret)]
        whole = f"\0{login.username}\0{secret}"
        for text in (secret, login.username, whole, login.username + whole):
            plain = base64.b64encode(text.encode()).decode("ascii")
            found += [plain, plain.translate(_URL_SAFE)]
    return list(dict.fromkeys(found))


def _line(data: bytes) -> bytes:
    return base64.b64encode(data) + b"\r\n"


def _plain(login: Login) -> Steps:
    data = b"\0" + login.username.encode() + b"\0" + login.password.encode()
    return b"AUTH PLAIN " + _line(data), iter(())


def _login(login: Login) -> Steps:
    answers = [_line(word.encode()) for word in (login.username, login.password)]
    return b"AUTH LOGIN\r\n", iter([lambda _challenge, answer=answer: answer for answer in answers])


def _cram_md5(login: Login) -> Steps:
    def answer(challenge: Reply) -> bytes:
        try:
            text = base64.b64decode(challenge.lines[-1], validate=True)
        except binascii.Error:
            return CANCEL
        digest = hmac.new(login.password.encode(), text, "md5").hexdigest()
        return _line(f"{login.username} {digest}".encode())

    return b"AUTH CRAM-MD5\r\n", iter([answer])


def _oauthbearer(login: Login) -> Steps:
    name = login.username.replace("=", "=3D").replace(",", "=2C")  # RFC 5801 4
    head = f"n,a={name},\1host={login.host}\1port={login.port}\1auth=Bearer {login.token}\1\1"
    return _by_token("OAUTHBEARER", head, farewell=_line(b"\1"))  # RFC 7628 3.2.3


def _xoauth2(login: Login) -> Steps:
    return _by_token("XOAUTH2", f"user={login.username}\1auth=Bearer {login.token}\1\1", farewell=b"\r\n")


def _by_token(mechanism: str, text: str, *, farewell: bytes) -> Steps:
    """farewell: the answer to a challenge that says what is wrong with the token."""
    command, response = f"AUTH {mechanism}".encode(), _line(text.encode())
    whole = command + b" " + response
    if len(whole) <= MAX_COMMAND:
        return whole, iter([lambda _challenge: farewell])
    return command + b"\r\n", iter([lambda _challenge: response, lambda _challenge: farewell])


_BY_PASSWORD: dict[str, Callable[[Login], Steps]] = {
    "PLAIN": _plain,
    "LOGIN": _login,
    "CRAM-MD5": _cram_md5,
}
_BY_TOKEN: dict[str, Callable[[Login], Steps]] = {
    "OAUTHBEARER": _oauthbearer,
    "XOAUTH2": _xoauth2,
}
_ALL = {**_BY_PASSWORD, **_BY_TOKEN}
