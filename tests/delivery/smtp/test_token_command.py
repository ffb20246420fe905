"""A command that prints an access token, and each way in which it may not."""

from __future__ import annotations

import time

import pytest

from newsletter.delivery.smtp.access_tokens import AccessToken, AccessTokenError
from newsletter.delivery.smtp.token_command import GOOD_FOR, MAX_QUOTED, TokenCommand

TOKEN = "ya29.a0AfB_by-C7d8E9f0G1h2I3j4K5l6M7n8O9p0"


@pytest.mark.parametrize(
    "command",
    [
        ("printf", "%s", TOKEN),
        ("echo", TOKEN),
        ("printf", "\n %s\r\n\n", TOKEN),
        f"printf '%s\\n' {TOKEN} | cat",
        f"echo {TOKEN}; echo a word of warning >&2",
        f"sleep 60 & echo {TOKEN}",  # what it leaves behind is not waited for
        f"exec 2>&-; echo {TOKEN}",
    ],
)
def test_command_gives_its_token(command: str | tuple[str, ...]) -> None:
    begun = time.monotonic()
    assert TokenCommand(command=command).fetch() == AccessToken(text=TOKEN, seconds=GOOD_FOR)
    assert time.monotonic() - begun < 60  # as long as what it started sleeps


def test_list_needs_no_shell_and_gets_no_input() -> None:
    assert TokenCommand(command=("echo", "$HOME;x")).command == ("echo", "$HOME;x")
    with pytest.raises(AccessTokenError, match="letters, digits"):
        TokenCommand(command=("echo", "$HOME;x")).fetch()
    with pytest.raises(AccessTokenError, match="prints nothing"):
        TokenCommand(command="cat").fetch()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("/nowhere/token",), "token_command cannot be run: No such file or directory"),
        (("/",), "token_command cannot be run: Permission denied"),
        (("false",), "token_command ended with code 1"),
        ("echo no key >&2; exit 7", "token_command ended with code 7: no key"),
        ("nowhere-at-all", "token_command ended with code 127"),
        ("kill -9 $$", "token_command was ended by signal 9"),
        (("true",), "token_command prints nothing"),
        ("echo; echo ' '", "token_command prints nothing"),
        ("echo the browser is needed >&2", "token_command prints nothing: the browser is needed"),
        ("echo one; echo two", "token_command prints 2 lines instead of one"),
        ("printf 'one\\n\\nthree'", "token_command prints 3 lines instead of one"),
        ("printf '\\377\\376\\000'", "token_command prints something that is no text"),
        ("printf 'a\\000b'", "what came is no access token"),
        ("echo Bearer abc", "what came is no access token"),
        ('echo \'{"access_token": "x"}\'', "what came is no access token"),
        ("printf %9000d 1 | tr ' ' x", "too long for an access token"),
        ("yes token", "token_command prints without end"),
        ("printf '\\033[31mred\\033[0m\\r\\nnow' >&2; exit 1", "ended with code 1: [31mred [0m now"),
    ],
)
def test_command_that_gives_no_token_is_an_error_with_its_reason(
    command: str | tuple[str, ...], words: str
) -> None:
    with pytest.raises(AccessTokenError) as caught:
        TokenCommand(command=command).fetch()
    assert words in caught.value.message
    assert "by hand" in caught.value.hint


def test_command_that_hangs_is_ended_with_what_it_started() -> None:
    begun = time.monotonic()
    for command in ("sleep 60", "sleep 60 | sleep 60", ("sleep", "60"), "exec >&- 2>&-; sleep 60"):
        with pytest.raises(AccessTokenError, match="token_command does not end in time"):
            TokenCommand(command=command, time_limit=0.2).fetch()
    assert time.monotonic() - begun < 60  # as long as what it started sleeps


@pytest.mark.parametrize(
    "command",
    [
        f"echo {TOKEN}; echo two; echo got {TOKEN} >&2",
        f"echo {TOKEN}; echo 'Authorization: Bearer {TOKEN}' >&2; exit 1",
        f"echo 'refresh_token=1//0{TOKEN}' >&2; exit 1",
        "echo 'secret 5f4dcc3b5aa765d61d8327deb882cf99' >&2; exit 1",
        f"set -x; echo {TOKEN}; exit 1",
        f"echo {TOKEN}; printf %5000d 1 >&2; echo {TOKEN} >&2; exit 1",
    ],
)
def test_error_shows_no_secret(command: str) -> None:
    with pytest.raises(AccessTokenError) as caught:
        TokenCommand(command=command).fetch()
    shown = f"{caught.value} {caught.value.__dict__} {TokenCommand(command=command)!r}"
    for secret in (TOKEN, "5f4dcc3b5aa765d61d8327deb882cf99"):
        assert not any(secret[at : at + 8] in shown for at in range(len(secret) - 7))
    assert len(caught.value.message) < MAX_QUOTED + 100
