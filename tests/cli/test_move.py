"""`newsletter migrate --from … --to …` as a shell sees it."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.db.engine import default_url, file_url
from tests.cli.shell import Shell
from tests.state_dirs import initialized


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(initialized(tmp_path / "state"))


def test_moves_refuses_the_old_one_and_comes_back(shell: Shell, tmp_path: Path) -> None:
    old, new = default_url(shell.state_dir), file_url(tmp_path / "new.sqlite3")
    shell.ok("subscribers", "add", "ada@readers.example", "--topic", "circuits", "--confirmed")
    moved = shell.ok("migrate", "--from", old, "--to", new, "--json").json
    assert (moved["from"], moved["to"], moved["resumed"]) == (old, new, False)
    assert moved["tables"]["subscribers"]["rows"] == 1
    assert moved["audit"]["clean"]
    for command in (("send",), ("audit",), ("subscribers", "list"), ("migrate",)):
        answer = shell(*command)
        assert (answer.code, answer.stdout) == (1, "")
        assert f"this newsletter moved to {new}" in answer.stderr
        assert "move-to-postgresql.md" in answer.stderr
    assert "before; nothing was done" in shell.ok("migrate", "--from", old, "--to", new).stdout
    shell.ok("migrate", "--back", "--from", old, "--to", new)
    assert shell.ok("subscribers", "list", "--json").json[0]["address"] == "ada@readers.example"
    shell.ok("send")


@pytest.mark.parametrize(
    ("source", "target", "code", "words"),
    [
        ("sqlite:///{0}/state/newsletter.sqlite3", None, 2, "needs --from and --to"),
        (
            "sqlite:///{0}/state/newsletter.sqlite3",
            "sqlite:///{0}/state/newsletter.sqlite3",
            2,
            "the same database",
        ),
        ("sqlite:///{0}/nothing.sqlite3", "sqlite:///{0}/new.sqlite3", 1, "no database file"),
        ("mysql://x/y", "sqlite:///{0}/new.sqlite3", 78, "database"),
        ("sqlite:///{0}/state/newsletter.sqlite3", "rubbish", 78, "cannot be read"),
        (
            "sqlite:///{0}/state/newsletter.sqlite3",
            "postgresql://ada:sesame@127.0.0.1:1/x",
            1,
            "does not answer",
        ),
    ],
)
def test_wrong_databases_are_named_and_nothing_is_held(
    shell: Shell, tmp_path: Path, source: str, target: str | None, code: int, words: str
) -> None:
    arguments = ["--from", source.format(tmp_path)]
    if target is not None:
        arguments += ["--to", target.format(tmp_path)]
    answer = shell("migrate", *arguments)
    assert (answer.code, answer.stdout) == (code, "")
    assert words in answer.stderr
    assert "sesame" not in answer.stderr
    shell.ok("send")
