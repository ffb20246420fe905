"""Secrets that a server quotes: no reply of any phase shows, stores or raises them."""

from __future__ import annotations

import base64
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest

from newsletter.delivery.smtp.redaction import CUT, without_secrets
from newsletter.delivery.smtp.relay import Relay, RelayError, Security
from newsletter.delivery.smtp.session import Event, Session
from tests.delivery.smtp.test_session import envelope

USER, PASSWORD = "robot@news.example", "Straße/42+köln"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


SPELLINGS: dict[str, str] = {
    "as it is": PASSWORD,
    "base64": _base64(PASSWORD),
    "base64 without padding": _base64(PASSWORD).rstrip("="),
    "base64 for URLs": base64.urlsafe_b64encode(PASSWORD.encode()).decode(),
    "base64 of the user": _base64(USER),
    "base64 of user and password": _base64(f"\0{USER}\0{PASSWORD}"),
    "base64 with an identity": _base64(f"{USER}\0{USER}\0{PASSWORD}"),
    "URL-encoded": quote(PASSWORD, safe=""),
    "URL-encoded in lower case": quote(PASSWORD, safe="").replace("%C3%9F", "%c3%9f").lower(),
    "as a form": quote_plus(PASSWORD),
    "in quotes": f"<'{PASSWORD}'>",
    "half of it": _base64(f"\0{USER}\0{PASSWORD}")[5:30],
}


def _logged_in() -> Session:
    relay = Relay(host="localhost", security=Security.NONE, username=USER, password=PASSWORD)
    waiting = iter([envelope(1)])
    session = Session(relay, hostname="me", pull=lambda: next(waiting, None))
    session.receive(b"220 mx\r\n250-mx\r\n250 AUTH PLAIN\r\n")
    session.receive(b"235 ok\r\n")
    return session


def _shown(events: list[Event]) -> str:
    return repr(events)


def _refused_login(said: bytes) -> str:
    relay = Relay(host="localhost", security=Security.NONE, username=USER, password=PASSWORD)
    session = Session(relay, hostname="me", pull=lambda: None)
    with pytest.raises(RelayError) as caught:
        session.receive(b"220 mx\r\n250-mx\r\n250 AUTH PLAIN\r\n535 5.7.8 bad: %s\r\n" % said)
    return str(caught.value)


def _refused_sender(said: bytes) -> str:
    return _shown(_logged_in().receive(b"550 5.7.1 not for %s\r\n" % said))


def _refused_recipient(said: bytes) -> str:
    session = _logged_in()
    return _shown(
        session.receive(b"250 ok\r\n") + session.receive(b"550-first line\r\n550 you are %s\r\n" % said)
    )


def _final_reply(said: bytes) -> str:
    session = _logged_in()
    return _shown(
        session.receive(b"250 ok\r\n")
        + session.receive(b"250 ok\r\n")
        + session.receive(b"354 go\r\n")
        + session.receive(b"250 2.0.0 queued for %s\r\n" % said)
    )


def _goodbye(said: bytes) -> str:
    return _shown(_logged_in().receive(b"421 4.7.0 too many of %s\r\n" % said))


def _unreadable(said: bytes) -> str:
    return _shown(_logged_in().receive(b"%s is logged in\r\n" % said))


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize(
    "phase", [_refused_login, _refused_sender, _refused_recipient, _final_reply, _goodbye, _unreadable]
)
def test_no_reply_shows_a_secret_that_the_server_quotes(phase: Callable[[bytes], str], spelling: str) -> None:
    words = phase(spelling.encode())
    assert CUT in words
    for secret in SPELLINGS.values():
        for coded in (secret, secret.lower(), repr(secret)[1:-1]):
            pieces = [coded[at : at + 8] for at in range(len(coded) - 7)]
            assert [piece for piece in pieces if piece in words] == []


def test_a_reply_without_secrets_stays_as_it_is() -> None:
    session = _logged_in()
    session.receive(b"250 ok\r\n")
    assert "mailbox of Müller is full" in _shown(
        session.receive("452 mailbox of Müller is full\r\n".encode())
    )
    assert without_secrets("unchanged \0 text", ["secret-of-ours"]) == "unchanged \0 text"


def test_a_short_password_changes_no_reply_after_the_login() -> None:
    relay = Relay(host="localhost", security=Security.NONE, username="user", password="user")
    waiting = iter([envelope(1)])
    session = Session(relay, hostname="me", pull=lambda: next(waiting, None))
    session.receive(b"220 mx\r\n250-mx\r\n250 AUTH PLAIN\r\n")
    session.receive(b"235 ok\r\n")
    session.receive(b"250 ok\r\n")
    assert "unknown user" in _shown(session.receive(b"550 5.1.1 unknown user\r\n"))
