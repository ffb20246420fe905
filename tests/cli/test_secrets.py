"""Secrets of the settings stand in no output: no error, no check, no figure, no list of a backup."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from tests.cli.shell import Shell

SECRET = "hush-hush-42"
COMMANDS = [
    ("subscribers", "list"),
    ("doctor", "--offline"),
    ("doctor", "--offline", "--json"),
    ("stats", "--json"),
    ("backup", "--json"),
    ("migrate",),
    ("init",),
    ("watch",),
]
UNUSABLE = {
    "an old scheme": f'database_url = "postgres://u:{SECRET}@db/n"',
    "another driver": f'database_url = "postgresql+psycopg2://u:{SECRET}@db/n"',
    "another system": f'database_url = "mysql://u:{SECRET}@db/n"',
    "an @ in the password": f'database_url = "postgresql+psycopg://u:{SECRET}@x@db/n"',
    "a list as the URL": f'database_url = ["postgresql+psycopg://u:{SECRET}@db/n"]',
    "a base_url with a password": f'base_url = "https://me:{SECRET}@papers.example.org"',
    "a base_url with a user": f'base_url = "https://{SECRET}@papers.example.org"',
    "a table as the password": f'[smtp]\nusername = "me"\npassword = {{ value = "{SECRET}" }}',
    "a list as the password": f'[smtp]\nusername = "me"\npassword = ["{SECRET}"]',
    "a password without a user": f'[smtp]\npassword = "{SECRET}"',
    "a misspelt password": f'[smtp]\npasswrd = "{SECRET}"',
    "an odd webhook": f'[watch]\nwebhook = "ftp://hooks.example/{SECRET}"',
    "an odd line": f'secret_key = "{SECRET}',
}


@pytest.mark.parametrize("settings", UNUSABLE.values(), ids=UNUSABLE)
def test_a_setting_that_is_refused_is_not_quoted(shell: Shell, settings: str) -> None:
    shell.settings(settings + "\n")
    for command in COMMANDS:
        answer = shell(*command)
        assert answer.code == 78, command
        assert SECRET not in answer.stdout + answer.stderr, command


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DATABASE_URL", f"postgres://u:{SECRET}@db/n"),
        ("SMTP", f'{{"password": "{SECRET}"'),
        ("SMTP", f'"{SECRET}"'),
        ("SMTP__PASSWORD", SECRET),
        ("PREVIOUS_SECRET_KEYS", SECRET),
        ("BASE_URL", f"https://me:{SECRET}@papers.example.org"),
    ],
)
def test_a_variable_that_is_refused_is_not_quoted(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(f"NEWSLETTER_{variable}", value)
    answer = shell("subscribers", "list")
    assert (answer.code, SECRET in answer.stdout + answer.stderr) == (78, False)
    assert f"NEWSLETTER_{variable}" in answer.stderr or "environment variable" in answer.stderr


def test_an_old_scheme_is_answered_with_the_right_one(shell: Shell) -> None:
    shell.settings('database_url = "postgres://u:p@db/n"\n')
    answer = shell("init")
    assert answer.code == 78
    assert "database_url: it must begin with postgresql+psycopg:// instead of postgres://" in answer.stderr


def test_a_database_that_does_not_answer_is_named_without_its_password(shell: Shell) -> None:
    shell.settings(f'database_url = "postgresql+psycopg://u:{SECRET}@127.0.0.1:1/n?connect_timeout=2"\n')
    for command in COMMANDS:
        answer = shell(*command)
        assert answer.code == 1, command
        assert SECRET not in answer.stdout + answer.stderr, command


def test_a_link_of_watch_that_does_not_answer_is_not_quoted(shell: Shell) -> None:
    for name in ("webhook", "ping"):
        shell.settings(f'[watch]\n{name} = "http://127.0.0.1:1/{SECRET}"\nquiet_hours = 1\n')
        answer = shell("watch", "--at", "2030-01-02T12:00")
        assert SECRET not in answer.stdout + answer.stderr


def test_the_list_of_a_backup_holds_no_secret(shell: Shell, tmp_path: Path) -> None:
    shell.settings(f'[smtp]\nhost = "localhost"\nusername = "me"\npassword = "{SECRET}"\n')
    file = tmp_path / "backup.tar.gz"
    shell.ok("backup", str(file))
    with tarfile.open(file) as archive:
        manifest = archive.extractfile("manifest.json")
        assert manifest is not None
        text = manifest.read().decode()
    keys = (shell.state_dir / "credentials/secret_key").read_text("utf-8").strip()
    assert json.loads(text)["database"] == "sqlite"
    assert SECRET not in text
    assert keys not in text
