"""A token server on loopback, and each way in which it may answer."""

from __future__ import annotations

from typing import Any

import pytest

from newsletter.delivery.smtp.access_tokens import AccessToken, AccessTokenError
from newsletter.delivery.smtp.token_endpoint import GOOD_FOR, LONGEST, TokenEndpoint
from tests.token_server import Answer, TokenServer, given, running_token_server

SECRET = "GOCSPX-Ab1Cd2Ef3Gh4"
REFRESH = "1//0gRefresh-Token-A1b2C3d4"


def endpoint(server: TokenServer, **columns: Any) -> TokenEndpoint:
    return TokenEndpoint(
        **{
            "url": server.url,
            "client_id": "client.example",
            "client_secret": SECRET,
            "refresh_token": REFRESH,
            "time_limit": 5,
            **columns,
        }
    )


def test_refresh_token_is_given_for_an_access_token() -> None:
    with running_token_server(given(access_token="abc", expires_in=3599, token_type="Bearer")) as server:
        assert endpoint(server, scope="https://mail.google.com/").fetch() == AccessToken(
            text="abc", seconds=3599
        )
        assert server.asked == [
            {
                "grant_type": "refresh_token",
                "client_id": "client.example",
                "client_secret": SECRET,
                "refresh_token": REFRESH,
                "scope": "https://mail.google.com/",
            }
        ]


def test_client_without_a_refresh_token_asks_for_itself() -> None:
    with running_token_server(given(access_token="abc", expires_in="3599")) as server:
        scope = "https://outlook.office365.com/.default"
        token = endpoint(server, refresh_token="", scope=scope).fetch()
        assert token == AccessToken(text="abc", seconds=3599)
        assert server.asked == [
            {
                "grant_type": "client_credentials",
                "client_id": "client.example",
                "client_secret": SECRET,
                "scope": scope,
            }
        ]


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ({}, GOOD_FOR),
        ({"expires_in": None}, GOOD_FOR),
        ({"expires_in": "soon"}, GOOD_FOR),
        ({"expires_in": "NaN"}, GOOD_FOR),
        ({"expires_in": -5}, 0.0),
        ({"expires_in": 10**400}, GOOD_FOR),
        ({"expires_in": 10**12}, LONGEST),
        ({"expires_in": [3600]}, GOOD_FOR),
    ],
)
def test_lifetime_that_a_server_tells_is_believed_within_reason(told: dict[str, Any], seconds: float) -> None:
    with running_token_server(given(access_token="abc", **told)) as server:
        assert endpoint(server).fetch().seconds == seconds


@pytest.mark.parametrize(
    ("answer", "words", "hint"),
    [
        (
            given(error="invalid_grant", error_description="Token has been expired or revoked."),
            "answers 400 invalid_grant Token has been expired or revoked.",
            "give consent again",
        ),
        (
            given(error="invalid_client", error_description="AADSTS7000222: keys are expired\r\nTrace: 1-2"),
            "answers 400 invalid_client AADSTS7000222: keys are expired Trace: 1-2",
            "may have expired",
        ),
        (given(error="invalid_scope"), "answers 400 invalid_scope", "token_scope"),
        (given(error={"code": 401}), "answers 400", "client_id"),
        (Answer(body=b'{"error": "slow_down"}', status=200), "answers 200 slow_down", "client_id"),
        (Answer(body=b"<html>busy</html>", status=502), "answers 502, and not in JSON", "token_url"),
        (Answer(body=b"<html>log in</html>", kind="text/html"), "answers 200, and not in JSON", "token_url"),
        (Answer(body=b"[1]"), "answers 200, and not in JSON", "token_url"),
        (Answer(body=b"\xff\xfe"), "answers 200, and not in JSON", "token_url"),
        (Answer(body=b""), "answers 200, and not in JSON", "token_url"),
        (Answer(body=b'{"access_token": "' + b"x" * 70_000 + b'"}'), "and not in JSON", "token_url"),
        (Answer(body=b'{"a": ' + b"[" * 60_000), "and not in JSON", "token_url"),
        (given(token_type="Bearer"), "answers without an access_token", "token_url"),
        (given(access_token=7), "answers without an access_token", "token_url"),
        (given(access_token="x", token_type="mac"), "no bearer token", "token_url"),
        (given(access_token="a b\r\n"), "what came is no access token", "token_url"),
        (given(access_token="x" * 9000), "too long for an access token", "token_url"),
        (Answer(status=302, headers=(("Location", "/token"),)), "answers 302, and not in JSON", "token_url"),
        (Answer(status=503, kind="text/plain"), "answers 503, and not in JSON", "token_url"),
    ],
)
def test_server_that_gives_no_token_is_an_error_with_its_reason(
    answer: Answer, words: str, hint: str
) -> None:
    with running_token_server(answer) as server:
        with pytest.raises(AccessTokenError) as caught:
            endpoint(server).fetch()
        assert caught.value.message.startswith("the token server 127.0.0.1:")
        assert words in caught.value.message
        assert hint in caught.value.hint
        assert len(server.asked) == 1  # no redirect is followed


def test_server_that_does_not_answer_in_time_or_at_all() -> None:
    with running_token_server(Answer(delay=3)) as server:
        with pytest.raises(AccessTokenError, match="does not answer in time"):
            endpoint(server, time_limit=0.2).fetch()
        gone = server.url
    with pytest.raises(AccessTokenError, match=r"cannot be asked: .*Connection refused"):
        endpoint(server, url=gone).fetch()


@pytest.mark.parametrize(
    "said",
    [f"bad secret {SECRET}", f"bad token {REFRESH}.", f"token {REFRESH[:14]}… is used", "x" * 400 + REFRESH],
)
def test_error_shows_no_secret(said: str) -> None:
    with running_token_server(given(error="invalid_request", error_description=said)) as server:
        asked = endpoint(server)
        with pytest.raises(AccessTokenError) as caught:
            asked.fetch()
    shown = f"{caught.value} {caught.value.__dict__} {asked!r}"
    for secret in (SECRET, REFRESH):
        assert not any(secret[at : at + 8] in shown for at in range(len(secret) - 7))


def test_new_refresh_token_takes_the_place_of_the_old() -> None:
    kept: list[str] = []
    answers = (
        given(access_token="a", refresh_token="second"),
        given(access_token="b", refresh_token="second"),
        given(error="invalid_grant"),
        given(access_token="c", refresh_token="third"),
    )
    with running_token_server(*answers) as server:
        asked = endpoint(server, newest=lambda: kept[-1] if kept else "", keep=kept.append)
        assert [asked.fetch().text for _ in range(3)] == ["a", "b", "c"]
        # The third time the kept one is refused, and the one of the settings is tried.
        assert [fields["refresh_token"] for fields in server.asked] == [REFRESH, "second", "second", REFRESH]
    assert kept == ["second", "third"]
