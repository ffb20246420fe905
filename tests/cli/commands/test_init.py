"""`init` and `migrate`: made once, never overwritten, and no second newsletter by mistake."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner

from newsletter.cli import app
from newsletter.db.migrate import known_revisions
from tests.cli.shell import Shell

HEAD = known_revisions()[-1]
NEEDS_DATABASE = [
    line.split()
    for line in (
        "audit",
        "backup",
        "deliveries list",
        "deliveries resend 1",
        "dumps list",
        "dumps withdraw x.txt",
        "editions list",
        "editions publish",
        "ingest x.txt",
        "init",
        "migrate",
        "papers list",
        "preview a@readers.example",
        "send",
        "serve --port 0",
        "subscribers add a@readers.example --topic circuits",
        "subscribers list",
        "topics explain 1",
        "why a@readers.example",
    )
]


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_init_makes_everything_and_says_so(bare: Shell) -> None:
    answer = bare.ok("init", "--json")
    assert answer.json == {
        "state_dir": str(bare.state_dir),
        "made": [
            "the folder itself",
            "inbox/",
            "newsletter.toml",
            "credentials/secret_key",
            "credentials/suppression_key",
            "database",
        ],
        "revision": HEAD,
    }


def test_init_again_changes_not_a_byte(shell: Shell) -> None:
    before = _contents(shell.state_dir)
    assert shell.ok("init", "--json").json == {
        "state_dir": str(shell.state_dir),
        "made": [],
        "revision": HEAD,
    }
    assert _contents(shell.state_dir) == before


def test_init_keeps_settings_and_makes_no_key_that_is_given(bare: Shell) -> None:
    bare.settings('secret_key = "given"\nsuppression_key = "given too"\n')
    assert bare.ok("init", "--json").json["made"] == ["inbox/", "database"]
    assert (
        bare.state_dir / "newsletter.toml"
    ).read_text() == 'secret_key = "given"\nsuppression_key = "given too"\n'
    assert not (bare.state_dir / "credentials").exists()


def test_init_makes_two_different_keys(shell: Shell) -> None:
    keys = {
        (shell.state_dir / "credentials" / name).read_text() for name in ("secret_key", "suppression_key")
    }
    assert len(keys) == 2
    assert {len(key.strip()) >= 43 for key in keys} == {True}


def test_command_without_init_says_what_to_run_and_makes_nothing(bare: Shell) -> None:
    answer = bare("audit")
    assert (answer.code, answer.stdout) == (1, "")
    assert "newsletter" in answer.stderr
    assert "init" in answer.stderr
    assert not bare.state_dir.exists()


def test_error_is_json_too_when_asked(bare: Shell) -> None:
    answer = bare("audit", "--json")
    assert answer.code == 1
    assert set(answer.json) == {"error", "hint"}


def test_migrate_of_a_current_database_changes_nothing(shell: Shell) -> None:
    assert shell.ok("migrate", "--json").json == {"before": HEAD, "after": HEAD, "changed": False}


def test_migrate_without_init_is_refused(bare: Shell) -> None:
    bare.state_dir.mkdir()
    answer = bare("migrate")
    assert answer.code == 1
    assert list(bare.state_dir.iterdir()) == []


@pytest.mark.parametrize("command", NEEDS_DATABASE)
def test_database_of_a_newer_version_stops_every_command(shell: Shell, command: list[str]) -> None:
    with sqlite3.connect(shell.state_dir / "newsletter.sqlite3") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.execute("UPDATE schema_readers SET oldest = '9999'")
    connection.close()
    answer = shell(*command)
    assert answer.code == 1
    assert "newer version" in answer.stderr


def test_database_of_an_older_version_asks_for_migrate(shell: Shell) -> None:
    with sqlite3.connect(shell.state_dir / "newsletter.sqlite3") as connection:
        connection.execute("DELETE FROM alembic_version")
    connection.close()
    answer = shell("audit")
    assert answer.code == 1
    assert "init" in answer.stderr


def test_state_dir_that_is_a_file_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for command in (["init"], ["audit"]):
        result = CliRunner().invoke(app, ["--state-dir", str(tmp_path / "file"), *command])
        assert result.exit_code in (1, 78)
        assert "Traceback" not in result.stderr
        assert str(tmp_path / "file") in result.stderr


def test_state_dir_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(app, ["--state-dir", str(tmp_path / "file" / "below"), "init"])
    assert result.exit_code in (1, 78)
    assert "cannot be used" in result.stderr or "cannot be read" in result.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_state_dir_that_is_read_only_is_a_clear_error(shell: Shell) -> None:
    for path in (*shell.state_dir.iterdir(), shell.state_dir):
        path.chmod(0o500 if path.is_dir() else 0o400)
    try:
        for command in (("ingest", "x.txt"), ("subscribers", "add", "a@readers.example"), ("send",)):
            answer = shell(*command)
            assert answer.code in (1, 78)
            assert str(shell.state_dir) in answer.stderr
    finally:
        shell.state_dir.chmod(0o700)


def test_interrupted_init_is_completed_by_the_next(shell: Shell) -> None:
    (shell.state_dir / "newsletter.sqlite3").unlink()
    (shell.state_dir / "credentials" / "suppression_key").unlink()
    assert shell.ok("init", "--json").json["made"] == ["credentials/suppression_key", "database"]


def test_init_makes_no_new_key_that_would_lose_suppressions(shell: Shell) -> None:
    shell.ok("subscribers", "suppress", "stranger@example.org")
    key = shell.state_dir / "credentials" / "suppression_key"
    lost = key.read_text("utf-8")
    key.unlink()
    answer = shell("init")
    assert answer.code == 1
    assert "1 addresses that must not be mailed" in answer.stderr
    assert "from a backup" in answer.stderr
    assert not key.exists()
    key.write_text(lost, "utf-8")
    assert shell("subscribers", "add", "stranger@example.org", "--topic", "quantum", "--confirmed").code == 1


def test_init_replaces_a_lost_suppression_key_while_nothing_is_hashed(shell: Shell) -> None:
    (shell.state_dir / "credentials" / "suppression_key").unlink()
    assert shell.ok("init", "--json").json["made"] == ["credentials/suppression_key"]


def test_wrong_suppression_key_stops_the_commands_that_need_it(shell: Shell) -> None:
    shell.ok("subscribers", "suppress", "stranger@example.org")
    key = shell.state_dir / "credentials" / "suppression_key"
    right = key.read_text("utf-8")
    key.write_text("another key\n", "utf-8")
    add = ("subscribers", "add", "stranger@example.org", "--topic", "quantum", "--confirmed")
    for command in (add, ("subscribers", "suppress", "more@example.org"), ("send",), ("init",), ("migrate",)):
        answer = shell(*command)
        assert answer.code == 78, command
        assert "suppression_key is not the key of this database" in answer.stderr
        assert "backup" in answer.stderr
    report = shell("doctor", "--offline", "--json").json["checks"]
    assert [finding["status"] for finding in report if finding["check"] == "keys"] == ["failed"]
    key.write_text(right, "utf-8")
    assert "is suppressed since" in shell(*add).stderr
    shell.ok("init")
    shell.ok("migrate")


def test_suppression_key_that_was_replaced_while_nothing_was_hashed_may_come_back(shell: Shell) -> None:
    key = shell.state_dir / "credentials" / "suppression_key"
    right = key.read_text("utf-8")
    key.unlink()
    shell.ok("init")
    key.write_text(right, "utf-8")
    shell.ok("subscribers", "suppress", "stranger@example.org")
    key.write_text("another key", "utf-8")
    assert shell("subscribers", "suppress", "more@example.org").code == 78


def test_settings_can_be_appended_to_the_file_that_init_makes(shell: Shell) -> None:
    with (shell.state_dir / "newsletter.toml").open("a", encoding="utf-8") as file:
        file.write('[brand]\nname = "Letters"\n[smtp]\nport = 2525\n')
    assert shell.ok("subscribers", "list").code == 0
