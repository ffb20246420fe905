"""`newsletter keys`: the secret key changes, and neither links nor waiting messages break."""

from __future__ import annotations

import os
import re
import shutil
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from newsletter.cli.wiring import Wiring
from newsletter.cli.workspace import Workspace
from newsletter.samples import dumps
from subscribers import link_purposes, tokens
from subscribers.errors import TokenForgedError
from tests.cli.shell import Shell
from tests.smtp_servers.recording import AcceptedMail, RecordingServer, ServerRules

LATER = b"451 4.3.2 later"


def _key(shell: Shell) -> str:
    return (shell.state_dir / "credentials" / "secret_key").read_text().strip()


def _previous(shell: Shell) -> list[str]:
    return (shell.state_dir / "credentials" / "previous_secret_keys").read_text().split()


def _settings(shell: Shell, server: RecordingServer) -> None:
    shell.settings(
        'sender = "Papers <news@papers.example>"\nbase_url = "https://papers.example"\n'
        f'[smtp]\nhost = "127.0.0.1"\nport = {server.port}\n'
    )


def _deferred(shell: Shell, kind: str) -> None:
    """Leave one message of a kind in the outbox, deferred."""
    with RecordingServer(rules=ServerRules(refuse=lambda _: LATER)) as server:
        _settings(shell, server)
        agreed = ("--confirmed",) if kind == "digest" else ()
        add = ("subscribers", "add", "ada@readers.example", "--topic", "everything", *agreed)
        shell.ok(*add, "--at", "2026-04-12T05:00")
        shell.ok("ingest", str(dumps()[0]), "--at", "2026-04-13T06:00")
        assert shell("send", "--at", "2026-04-13T07:00").code == 3


def _retried(shell: Shell) -> AcceptedMail:
    with RecordingServer() as server:
        _settings(shell, server)
        shell.ok("send", "--at", "2026-04-13T09:00")
    (mail,) = server.accepted
    return mail


@pytest.mark.parametrize("kind", ["digest", "confirm"])
def test_message_that_waits_has_the_same_bytes_after_a_rotation(shell: Shell, kind: str) -> None:
    _deferred(shell, kind)
    twin = Shell(shell.state_dir.with_name("twin"))
    shutil.copytree(shell.state_dir, twin.state_dir)
    before = shell.ok("deliveries", "list", "--json").json
    for _ in range(2):
        shell.ok("keys", "rotate")
    assert shell.ok("deliveries", "list", "--json").json == before
    rotated, plain = _retried(shell), _retried(twin)
    assert (rotated.sender, rotated.data) == (plain.sender, plain.data)
    assert rotated.mail_line == plain.mail_line
    assert before[0]["message_id"].encode() in rotated.data


def test_rotation_makes_a_new_key_keeps_the_old_one_and_prints_neither(shell: Shell) -> None:
    keys = [_key(shell)]
    folder = shell.state_dir / "credentials"
    (folder / "secret_key").chmod(0o640)
    printed = ""
    for _ in range(3):
        done = shell.ok("keys", "rotate")
        printed += done.stdout + done.stderr
        keys.insert(0, _key(shell))
    listed = shell.ok("keys", "list")
    printed += listed.stdout + shell.ok("keys", "list", "--json").stdout
    assert _previous(shell) == keys[1:]
    assert len(set(keys)) == 4
    assert not any(key in printed for key in keys)
    rows = shell.ok("keys", "list", "--json").json
    assert [row["state"] for row in rows] == ["current", "previous", "previous", "previous"]
    for name in ("secret_key", "previous_secret_keys"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o640
    assert sorted(file.name for file in folder.iterdir()) == [
        "previous_secret_keys",
        "secret_key",
        "suppression_key",
    ]


def test_rotation_says_until_when_links_work_and_what_to_do_now(shell: Shell) -> None:
    done = shell.ok("keys", "rotate", "--at", "2026-04-13T09:00")
    assert "work until 2027-04-13" in done.stdout
    assert "links to unsubscribe always" in done.stdout
    assert "restart what runs" in done.stderr
    row = shell.ok("keys", "rotate", "--at", "2026-04-13T09:00", "--json").json
    assert row["links_until"] == "2027-04-13T09:00:00+00:00"
    assert [row["id"], *row["previous"]] == [key["id"] for key in shell.ok("keys", "list", "--json").json]


def test_what_is_composed_after_a_rotation_is_signed_with_the_new_key(shell: Shell) -> None:
    _deferred(shell, "digest")
    new = shell.ok("keys", "rotate", "--json").json["id"]
    shell.ok("ingest", str(dumps()[1]), "--at", "2026-04-14T06:00")
    with RecordingServer() as server:
        _settings(shell, server)
        shell.ok("send", "--at", "2026-04-14T07:00")
    rows = shell.ok("keys", "list", "--json").json
    assert [(row["messages"], row["waiting"]) for row in rows] == [(1, 0), (1, 0)]
    assert rows[0]["id"] == new
    assert rows[0]["since"] == "2026-04-14T07:00:00+00:00"


def test_retired_key_is_forgotten_once_nothing_waits_for_it(shell: Shell) -> None:
    _deferred(shell, "digest")
    old = shell.ok("keys", "rotate", "--json").json["previous"][0]
    refused = shell("keys", "retire", old)
    assert (refused.code, "1 messages that wait are signed with" in refused.stderr) == (1, True)
    _retried(shell)
    said = shell.ok("keys", "retire", old.upper())
    assert "until then it takes links that this key signed" in said.stderr
    assert "no longer work" not in said.stdout
    assert _previous(shell) == []
    assert [row["state"] for row in shell.ok("keys", "list", "--json").json] == ["current"]
    assert [row["message_id"] for row in shell.ok("deliveries", "list", "--json").json] == [None]


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (lambda rows: rows[0]["id"], "is the key that signs now"),
        (lambda _: "nonsense", "there is no secret key nonsense"),
        (lambda _: "", "there is no secret key"),
    ],
)
def test_retire_refuses_other_keys(shell: Shell, chosen: object, words: str) -> None:
    shell.ok("keys", "rotate")
    rows = shell.ok("keys", "list", "--json").json
    assert callable(chosen)
    refused = shell("keys", "retire", chosen(rows))
    assert (refused.code, words in refused.stderr) == (1, True)
    assert len(_previous(shell)) == 1


@pytest.mark.parametrize(
    ("variable", "value", "place"),
    [
        ("NEWSLETTER_SECRET_KEY", "from outside", "environment variable NEWSLETTER_SECRET_KEY"),
        ("NEWSLETTER_PREVIOUS_SECRET_KEYS", '["older"]', "environment variable NEWSLETTER_PREVIOUS_SECRET"),
        ("CREDENTIALS_DIRECTORY", "{outside}", "outside: secret_key"),
        ("toml", "", "newsletter.toml: secret_key"),
        ("link", "", "credentials: secret_key"),
    ],
)
def test_key_from_elsewhere_is_not_rotated(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, place: str
) -> None:
    own = shell.state_dir / "credentials" / "secret_key"
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret_key").write_text("from outside\n")
    if variable == "toml":
        own.unlink()
        shell.settings('secret_key = "from outside"\n')
    elif variable == "link":
        own.unlink()
        own.symlink_to(outside / "secret_key")
    else:
        monkeypatch.setenv(variable, value.format(outside=outside))
    refused = shell("keys", "rotate")
    assert (refused.code, place in refused.stderr) == (78, True)
    assert "openssl rand" in refused.stderr
    assert "from outside" not in refused.stdout + refused.stderr
    assert not own.with_name("previous_secret_keys").exists()


def test_previous_keys_of_newsletter_toml_stay_good(shell: Shell) -> None:
    shell.settings('previous_secret_keys = ["older", "oldest"]\n')
    old = _key(shell)
    shell.ok("keys", "rotate")
    assert _previous(shell) == [old, "older", "oldest"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_that_cannot_be_written_is_one_clear_line(shell: Shell) -> None:
    folder = shell.state_dir / "credentials"
    old = _key(shell)
    folder.chmod(0o500)
    refused = shell("keys", "rotate")
    folder.chmod(0o700)
    assert (refused.code, "cannot be used: Permission denied" in refused.stderr) == (1, True)
    assert _key(shell) == old


def test_links_of_a_previous_key_work_until_it_is_retired(shell: Shell) -> None:
    _deferred(shell, "digest")
    link = shell.ok("subscribers", "link", "ada@readers.example").stdout
    token = re.search(r"/preferences/(\S+)", link)
    assert token is not None

    def opens() -> bool:
        work = Workspace(state_dir_flag=shell.state_dir)
        keys = Wiring(work).secret_keys
        try:
            tokens.read(link_purposes.PREFERENCES, token[1], keys=keys, now=datetime.now(UTC))
        except TokenForgedError:
            return False
        return True

    old = shell.ok("keys", "rotate", "--json").json["previous"][0]
    assert opens()
    _retried(shell)
    shell.ok("keys", "retire", old)
    assert not opens()
