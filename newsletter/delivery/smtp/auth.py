"""Chooses an AUTH mechanism and makes its commands (RFC 4954).

It does not decide whether a login is safe: `newsletter.delivery.smtp.handshake` uses it only under TLS, or
with a relay that is configured without.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable, Iterator

from newsletter.delivery.smtp.replies import Reply


def first_known(offered: frozenset[str]) -> str | None:
    """The best mechanism of those that the server offers: PLAIN (RFC 4616), LOGIN, CRAM-MD5 (RFC 2195)."""
    return next((name for name in _STEPS if name in offered), None)


def start(
    mechanism: str, *, username: str, password: str
) -> tuple[bytes, Iterator[Callable[[Reply], bytes]]]:
    """(the AUTH command, the answers to the server's 334 challenges in turn)."""
    return _STEPS[mechanism](username.encode(), password.encode())


def _plain(username: bytes, password: bytes) -> tuple[bytes, Iterator[Callable[[Reply], bytes]]]:
    token = base64.b64encode(b"\0" + username + b"\0" + password)
    return b"AUTH PLAIN " + token + b"\r\n", iter(())


def _login(username: bytes, password: bytes) -> tuple[bytes, Iterator[Callable[[Reply], bytes]]]:
    answers = [base64.b64encode(word) + b"\r\n" for word in (username, password)]
    return b"AUTH LOGIN\r\n", iter([lambda _challenge, answer=answer: answer for answer in answers])


def _cram_md5(username: bytes, password: bytes) -> tuple[bytes, Iterator[Callable[[Reply], bytes]]]:
    def answer(challenge: Reply) -> bytes:
        try:
            text = base64.b64decode(challenge.lines[-1], validate=True)
        except binascii.Error:
            return b"*\r\n"  # RFC 4954 4: cancels
        digest = hmac.new(password, text, "md5").hexdigest().encode()
        return base64.b64encode(username + b" " + digest) + b"\r\n"

    return b"AUTH CRAM-MD5\r\n", iter([answer])


_STEPS: dict[str, Callable[[bytes, bytes], tuple[bytes, Iterator[Callable[[Reply], bytes]]]]] = {
    "PLAIN": _plain,
    "LOGIN": _login,
    "CRAM-MD5": _cram_md5,
}
