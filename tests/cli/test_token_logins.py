"""Logins by access token, from newsletter.toml to what `smtp check`, `doctor` and `send` say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from newsletter.samples import dumps
from tests.cli.shell import Shell
from tests.smtp_servers.token_logins import TokenLogins, token_server
from tests.token_server import given, running_token_server

TOKEN = "ya29.Ab1Cd2Ef3Gh4Ij5"
SECRETS = (TOKEN, "GOCSPX-Ab1Cd2Ef3Gh4", "1//0gRefresh-A1b2C3d4")


def settings(port: int, *lines: str) -> str:
    return "\n".join(
        ["[smtp]", 'host = "127.0.0.1"', f"port = {port}", 'username = "ada@example.org"', *lines, ""]
    )


def readers(shell: Shell) -> None:
    shell.ok("ingest", *[str(path) for path in dumps()[:1]], "--at", "2026-04-13T06:00")
    shell.ok("subscribers", "add", "r@readers.example", "--topic", "everything", "--confirmed",
             "--at", "2026-04-12T06:00")  # fmt: skip


def test_check_doctor_and_send_log_in_by_the_command(shell: Shell) -> None:
    shell.settings("")
    readers(shell)
    with token_server(TokenLogins(good={TOKEN}, offer=("XOAUTH2",))) as logins:
        shell.settings(settings(logins.port, f'token_command = ["echo", "{TOKEN}"]'))
        assert "logged in     yes" in shell.ok("smtp", "check").stdout
        assert "answers, not encrypted, logged in" in shell("doctor", "--at", "2026-04-13T06:30").stdout
        assert shell.ok("send", "--at", "2026-04-13T07:00", "--json").json["sent"] == 1
        assert logins.recipients == ["r@readers.example"]


def test_token_server_is_asked_and_its_new_refresh_token_kept(shell: Shell, tmp_path: Path) -> None:
    with (
        token_server(TokenLogins(good={TOKEN})) as logins,
        running_token_server(given(access_token=TOKEN, refresh_token="second")) as server,
    ):
        shell.settings(settings(logins.port, f'token_url = "{server.url}"', 'client_id = "me"'))
        credentials = shell.state_dir / "credentials"
        credentials.mkdir(exist_ok=True)
        (credentials / "smtp__client_secret").write_text(f"{SECRETS[1]}\n")
        (credentials / "smtp__refresh_token").write_text(f"{SECRETS[2]}\n")
        for _ in range(2):
            shell.ok("smtp", "check", "--json")
        assert [fields["refresh_token"] for fields in server.asked] == [SECRETS[2], "second"]
        (kept,) = (shell.state_dir / "refresh-tokens").iterdir()
        assert kept.stat().st_mode & 0o777 == 0o600
        (credentials / "smtp__refresh_token").write_text("given anew\n")
        shell.ok("smtp", "check")
        assert server.asked[-1]["refresh_token"] == "given anew"
        kept.write_text("[broken")
        shell.ok("smtp", "check")


def test_refused_token_lets_the_server_rest_and_nobody_loses_a_mail(shell: Shell) -> None:
    shell.settings("")
    readers(shell)
    with token_server(TokenLogins(offer=("XOAUTH2",), refusal="535 5.7.3 LINE")) as logins:
        shell.settings(settings(logins.port, f'token_command = "echo {TOKEN}"'))
        first = shell("send", "--at", "2026-04-13T07:00", "--json")
        assert (first.code, first.json["sent"], len(logins.tries)) == (3, 0, 2)
        assert "refuses the access token: 535" in first.stderr
        assert "(status 401, scope https://mail.example/); it offers XOAUTH2" in first.stderr
        later = shell("send", "--at", "2026-04-13T07:05", "--json")
        assert "rests until 2026-04-13 07:15 UTC" in later.stderr
        assert len(logins.tries) == 2
        (row,) = shell.ok("deliveries", "list", "--json").json
        assert (row["state"], row["attempts"]) == ("queued", 0)
        told = shell("watch", "--at", "2026-04-13T07:06", "--json")
        assert "535" in told.stdout
        shown = "".join(answer.stdout + answer.stderr for answer in (first, later, told))
        assert not any(TOKEN[at : at + 8] in shown for at in range(len(TOKEN) - 7))
        logins.good = {TOKEN}
        assert "rests no longer" in shell.ok("smtp", "check").stderr
        assert shell.ok("send", "--at", "2026-04-13T07:07", "--json").json["sent"] == 1
        shell.ok("audit", "--at", "2026-04-13T08:00")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (("token_command = 'exit 4'",), "no access token: token_command ended with code 4"),
        (('token_command = ["true"]',), "no access token: token_command prints nothing"),
        (
            ('token_url = "http://127.0.0.1:9/t"', 'client_id = "x"', 'client_secret = "y"'),
            "no access token: the token server 127.0.0.1:9 cannot be asked",
        ),
    ],
)
def test_token_that_cannot_be_had_is_told(shell: Shell, lines: tuple[str, ...], words: str) -> None:
    with token_server(TokenLogins()) as logins:
        shell.settings(settings(logins.port, *lines))
        answer = shell("smtp", "check", "--json")
        assert answer.code == 1
        assert words in answer.stderr
        assert words in shell("doctor").stdout


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (('password = "x"', 'token_command = "y"'), "smtp.token_command: there is password already"),
        (('token_command = ["x"]', 'token_url = "https://x.example"'), "there is token_command already"),
        (('token_url = "https://x.example"',), "smtp.client_id is missing"),
        (('token_url = "https://x.example"', 'client_id = "x"'), "neither refresh_token nor client_secret"),
        (('token_url = "http://x.example"', 'client_id = "x"'), "smtp.token_url: write it as https://"),
        (
            ('token_url = "https://me:pw@x.example"', 'client_id = "x"'),
            "smtp.token_url: write it as https://",
        ),
        (('token_command = ""',), "smtp.token_command: write it as"),
        (("token_command = []",), "smtp.token_command: write it as"),
        (("token_command = 7",), "smtp.token_command"),
        (('client_secret = "x"',), "smtp.client_secret: it is for a token server"),
        (('refresh_token = "x"',), "smtp.refresh_token: it is for a token server"),
        (('tokencommand = "x"',), "smtp.token_command"),
    ],
)
def test_settings_that_do_not_fit_are_refused_by_key(
    shell: Shell, lines: tuple[str, ...], words: str
) -> None:
    shell.settings(settings(25, *lines))
    answer = shell("smtp", "check")
    assert (answer.code, answer.stdout) == (78, "")
    assert words in answer.stderr


def test_token_without_a_user_name_or_encryption_is_refused(shell: Shell) -> None:
    shell.settings('[smtp]\ntoken_command = "x"\n')
    assert "a token_command without smtp.username" in shell("smtp", "check").stderr
    shell.settings('[smtp]\n[[relays]]\nhost = "127.0.0.1"\nport = 26\ntoken_command = "x"\n')
    assert "relays.0.token_command: a token_command without relays.username" in shell("smtp", "check").stderr
    shell.settings(
        'sender = "a@x.example"\nbase_url = "https://x.example"\n[smtp]\nhost = "mx.example.org"\n'
        'username = "x"\ntoken_command = "x"\nsecurity = "none"\nallow_insecure = true\n'
    )
    answer = shell("smtp", "check")
    assert (answer.code, "access token would go to mx.example.org" in answer.stderr) == (78, True)


def test_command_may_come_from_the_environment(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    with token_server(TokenLogins(good={TOKEN})) as logins:
        shell.settings(settings(logins.port))
        for value in (f"echo {TOKEN}", json.dumps(["echo", TOKEN])):
            monkeypatch.setenv("NEWSLETTER_SMTP__TOKEN_COMMAND", value)
            shell.ok("smtp", "check")
