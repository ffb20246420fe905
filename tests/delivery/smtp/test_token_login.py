"""Logins by access token against a real mail server: what is said, and what follows from a refusal."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from newsletter.core.errors import ConfigurationError
from newsletter.core.mail.values import Verdict
from newsletter.delivery.smtp.access_tokens import AccessToken, AccessTokenError, TokenSource
from newsletter.delivery.smtp.auth import token_problem
from newsletter.delivery.smtp.probe import probe
from newsletter.delivery.smtp.relay import Fault, Relay, RelayError, Security
from newsletter.delivery.smtp.replies import Reply
from newsletter.delivery.smtp.transport import send_batch
from tests.delivery.smtp.test_transport import QUICK, mail
from tests.smtp_servers.certificates import server_tls
from tests.smtp_servers.recording import Conversation, RecordingServer, ServerRules
from tests.smtp_servers.token_logins import FAREWELLS, TokenLogins, token_server

SHORT = "ya29.short-Token_1"
LONG = "eyJ0eXAi" + "OiJKV1Qi" * 240 + "=="  # as long as Microsoft's


class Tokens:
    """Hands out tokens in turn, the last one again and again; counts."""

    def __init__(self, *texts: str, seconds: float = 3600.0) -> None:
        self.texts = list(texts)
        self.seconds = seconds
        self.fetched = 0

    def fetch(self) -> AccessToken:
        self.fetched += 1
        text = self.texts.pop(0) if len(self.texts) > 1 else self.texts[0]
        return AccessToken(text=text, seconds=self.seconds)


def relay_for(logins: TokenLogins, fetch: Callable[[], AccessToken], **columns: object) -> Relay:
    return replace(
        Relay(
            host="localhost",
            port=logins.port,
            security=Security.NONE,
            username=logins.user,
            tokens=TokenSource(fetch),
            connections=1,
            timeouts=QUICK,
            retry_delays=(),
        ),
        **columns,
    )


@pytest.mark.parametrize("token", [SHORT, LONG], ids=["short", "long"])
@pytest.mark.parametrize(
    ("offer", "mechanism"),
    [
        (("XOAUTH2",), "XOAUTH2"),
        (("OAUTHBEARER",), "OAUTHBEARER"),
        (("LOGIN", "PLAIN", "XOAUTH2", "OAUTHBEARER"), "OAUTHBEARER"),
    ],
)
def test_mail_goes_after_a_login_by_token(
    tmp_path: Path, offer: tuple[str, ...], mechanism: str, token: str
) -> None:
    context, ca_file = server_tls(tmp_path)
    with token_server(TokenLogins(good={token}, offer=offer), context) as logins:
        tokens = Tokens(token)
        relay = relay_for(logins, tokens.fetch, security=Security.STARTTLS, ca_file=ca_file)
        assert [o.verdict for o in send_batch([relay], [mail(1), mail(2)])] == [Verdict.ACCEPTED] * 2
        assert logins.tries == [(mechanism, token, token is SHORT)]  # RFC 4954 4: long ones wait for a 334
        assert probe(relay).logged_in
        assert tokens.fetched == 1


def test_connections_share_a_token_until_it_expires() -> None:
    with token_server(TokenLogins(good={"one", "two"})) as logins:
        clock = [0.0]
        tokens = Tokens("one", "two", seconds=100)
        source = TokenSource(tokens.fetch, clock=lambda: clock[0])
        relay = relay_for(logins, tokens.fetch, tokens=source, messages_per_connection=1, connections=3)
        list(send_batch([relay], [mail(n) for n in range(1, 8)]))
        assert tokens.fetched == 1
        assert {token for _, token, _ in logins.tries} == {"one"}
        assert len(logins.tries) == 7
        clock[0] = 71  # it is renewed half a minute early
        list(send_batch([relay], [mail(8)]))
        assert tokens.fetched == 2
        assert logins.tries[-1][1] == "two"


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
def test_refused_token_is_fetched_anew_once(mechanism: str) -> None:
    with token_server(TokenLogins(good={"new"}, offer=(mechanism,))) as logins:
        tokens = Tokens("old", "new")
        relay = relay_for(logins, tokens.fetch, connections=3, messages_per_connection=1)
        assert len(list(send_batch([relay], [mail(n) for n in range(1, 7)]))) == 6
        assert tokens.fetched == 2
        assert set(logins.farewells) == {FAREWELLS[mechanism]}
        logins.good = {"newer"}
        tokens.texts = ["newer"]
        assert probe(relay).logged_in
        assert tokens.fetched == 3


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
def test_token_that_is_refused_twice_is_an_error_that_tells_the_servers_reason(mechanism: str) -> None:
    with token_server(TokenLogins(offer=(mechanism,))) as logins:
        tokens = Tokens("first-Token-1", "second-Token-2")
        for attempt in (lambda relay: list(send_batch([relay], [mail(1)])), probe):
            with pytest.raises(RelayError) as caught:
                attempt(relay_for(logins, tokens.fetch))
            error = caught.value
            assert error.fault is Fault.LOGIN
            assert (
                str(error)
                .splitlines()[0]
                .endswith(
                    "refuses the access token: 535 5.7.8 Username and token not accepted (status 401, "
                    f"scope https://mail.example/); it offers {mechanism}"
                )
            )
        assert tokens.fetched == len(logins.tries) == 4
        assert logins.recipients == []


@pytest.mark.parametrize(
    ("refusal", "problem"),
    [
        ("535 5.7.8 bad token TOKEN", {}),
        ("535 5.7.8 AUTH XOAUTH2 LINE", {}),
        ("535 5.7.8 no", {"status": "401", "scope": "for TOKEN"}),
        ("535 5.7.8 (TOKEN)(LINE)", {"status": "TOKEN"}),
        ("454 4.7.0 cannot look at LINE", {"scope": "TOKEN"}),
    ],
)
@pytest.mark.parametrize("token", [SHORT, LONG], ids=["short", "long"])
def test_server_that_echoes_the_token_gives_nothing_away(
    refusal: str, problem: dict[str, str], token: str
) -> None:
    with token_server(TokenLogins(refusal=refusal, problem=problem)) as logins:
        relay = relay_for(logins, Tokens(token).fetch)
        with pytest.raises(RelayError) as caught:
            probe(relay)
    shown = f"{caught.value} {caught.value.__dict__} {relay!r} {relay.tokens!r}"
    line = base64.b64encode(f"n,a={logins.user},\1host=localhost".encode()).decode()
    for secret in (token, line):
        assert not any(secret[at : at + 8] in shown for at in range(len(secret) - 7))


@pytest.mark.parametrize(
    ("challenge", "problem"),
    [
        (b'{"status":"invalid_token","scope":"a b"}', "status invalid_token, scope a b"),
        (b'{"status":401}', "status 401"),
        (b'{"status":"4\\u001b[31m01"}', "status 4 [31m01"),
        (b'{"scope":["x"],"status":""}', ""),
        (b'["status"]', ""),
        (b"[" * 2000, ""),
        (b"\xff", ""),
        (b"", ""),
        (b'{"scope":"' + b"x" * 2000 + b'"}', "scope " + "x" * 244),
    ],
)
def test_reason_in_a_challenge_is_read_as_far_as_it_can_be(challenge: bytes, problem: str) -> None:
    assert token_problem(Reply(334, (base64.b64encode(challenge),))) == problem


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize(
    "refusal", ["535 5.7.8 %s", "535 Error: %s: bad", "454 4.7.0 <%s>", "535-x\r\n535 %s"]
)
def test_server_that_echoes_the_password_gives_nothing_away(mechanism: str, refusal: str) -> None:
    class Echo(Conversation):
        def auth(self, argument: str) -> None:
            said = argument
            if mechanism == "LOGIN":
                self.say(b"334 VXNlcm5hbWU6")
                self.line()
                self.say(b"334 UGFzc3dvcmQ6")
                said = self.line().decode()
            self.say((refusal % said).encode())

    rules = ServerRules(login=("me", "correct horse"), mechanisms=mechanism)
    with RecordingServer(rules=rules, conversation=Echo) as server:
        relay = Relay(
            host="localhost",
            port=server.port,
            security=Security.NONE,
            username="me",
            password="correct horse",
            timeouts=QUICK,
        )
        with pytest.raises(RelayError) as caught:
            probe(relay)
    words = str(caught.value)
    assert "[…]" in words
    for secret in (b"\0me\0correct horse", b"correct horse"):
        coded = base64.b64encode(secret).decode()
        assert not any(coded[at : at + 8] in words for at in range(len(coded) - 7))


@pytest.mark.parametrize(
    ("mechanisms", "by_token", "words", "hint"),
    [
        (
            "XOAUTH2 OAUTHBEARER",
            False,
            "no login by password; it offers XOAUTH2, OAUTHBEARER",
            "token_command",
        ),
        ("XOAUTH2 NTLM", False, "no login by password; it offers XOAUTH2, NTLM", "smtp.token_command"),
        ("GSSAPI", False, "no login by password; it offers GSSAPI", "smtp.username empty"),
        ("PLAIN LOGIN", True, "no login by access token; it offers PLAIN, LOGIN", "smtp.password"),
        ("", True, "no login by access token; it offers no login at all", "submission port"),
    ],
)
def test_login_that_is_not_offered_names_those_that_are(
    mechanisms: str, by_token: bool, words: str, hint: str
) -> None:
    with RecordingServer(rules=ServerRules(login=("me", "x"), mechanisms=mechanisms)) as server:
        relay = relay_for(TokenLogins(port=server.port), Tokens("one").fetch)
        if not by_token:
            relay = replace(relay, tokens=None, password="x")
        with pytest.raises(RelayError, match=words) as caught:
            probe(relay)
        assert caught.value.fault is Fault.NO_LOGIN
        assert hint in caught.value.hint
        assert server.logins == []


def test_refused_password_names_the_logins_on_offer() -> None:
    rules = ServerRules(login=("me", "right"), mechanisms="LOGIN XOAUTH2")
    with RecordingServer(rules=rules) as server:
        relay = replace(
            relay_for(TokenLogins(port=server.port, user="me"), Tokens("x").fetch),
            tokens=None,
            password="wrong",
        )
        with pytest.raises(
            RelayError, match=r"refuses the login: 535 5.7.8 no; it offers LOGIN, XOAUTH2"
        ) as caught:
            probe(relay)
        assert "smtp.token_command" in caught.value.hint


def test_token_that_cannot_be_had_stops_the_relay_and_no_mail_is_begun() -> None:
    def fail() -> AccessToken:
        raise AccessTokenError("token_command prints nothing", hint="Run it by hand.")

    with token_server(TokenLogins()) as logins:
        for attempt in (lambda relay: list(send_batch([relay], [mail(1)])), probe):
            with pytest.raises(RelayError, match="no access token: token_command prints nothing") as caught:
                attempt(relay_for(logins, fail))
            assert caught.value.fault is Fault.TOKEN
        assert logins.tries == []


def test_another_relay_sends_while_a_token_is_waited_for() -> None:
    go_on = threading.Event()

    def slow() -> AccessToken:
        assert go_on.wait(20)
        return AccessToken(text="one", seconds=60)

    with token_server(TokenLogins(good={"one"})) as logins, RecordingServer() as other:
        direct = Relay(
            host="127.0.0.1", port=other.port, security=Security.NONE, timeouts=QUICK, connections=1
        )
        outcomes = []
        for outcome in send_batch([relay_for(logins, slow), direct], [mail(n) for n in range(1, 9)]):
            outcomes.append(outcome.verdict)
            if len(other.accepted) >= 4:
                go_on.set()
        assert outcomes == [Verdict.ACCEPTED] * 8
        assert len(logins.recipients) + len(other.accepted) == 8


def test_source_gives_up_on_a_fetch_that_never_ends() -> None:
    source = TokenSource(lambda: threading.Event().wait(30) and None, limit=0.2)  # type: ignore[arg-type, return-value]
    with pytest.raises(AccessTokenError, match="no access token in time"):
        source.wait()


def test_token_never_goes_beyond_this_machine_in_the_clear() -> None:
    source = TokenSource(Tokens("one").fetch)
    for host, allowed in (("mx.example.org", False), ("10.0.0.7", False), ("127.0.0.1", True)):
        settings = {"host": host, "security": Security.NONE, "allow_insecure": True, "tokens": source}
        if allowed:
            Relay(**settings)
            continue
        with pytest.raises(ConfigurationError, match="access token would go to"):
            Relay(**settings)
