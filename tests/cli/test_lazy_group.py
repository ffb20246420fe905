"""The command line as a whole: commands, options anywhere, exit codes, no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from newsletter.cli import app
from newsletter.cli.command_list import COMMANDS
from tests.cli.shell import Shell

ROOT = Path(__file__).resolve().parents[2]

PROMISED = {
    "init": set(),
    "demo": set(),
    "migrate": set(),
    "ingest": set(),
    "dumps": {"list", "try", "show", "redate", "withdraw", "release", "replay"},
    "papers": {"list", "show", "merge", "split", "topic"},
    "topics": {"list", "show", "explain", "check", "classify", "evaluate", "train", "test"},
    "editions": {"list", "show", "publish", "hold", "release", "drop", "restore", "give", "note"},
    "subscribers": {
        "add",
        "list",
        "show",
        "import",
        "export",
        "unsubscribe",
        "suppress",
        "unsuppress",
        "forget",
        "pause",
        "history",
    },
    "preview": set(),
    "send": set(),
    "deliveries": {"list", "show", "retry", "resend"},
    "why": set(),
    "audit": set(),
    "stats": set(),
    "smtp": {"check"},
    "dkim": {"keygen", "show"},
    "templates": {"check"},
    "doctor": set(),
    "backup": set(),
    "restore": set(),
}
NO_JSON = {"demo", "papers export", "preview", "run", "schedule", "serve", "worker"}
WITH_AT = {  # those that look at the clock
    "ingest",
    "doctor",
    "preview",
    "send",
    "why",
    "audit",
    "watch",
    "stats",
    "dumps withdraw",
    "dumps release",
    "dumps replay",
    "papers merge",
    "papers split",
    "papers topic",
    "editions publish",
    "editions release",
    "editions drop",
    "editions restore",
    "editions give",
    "editions list",
    "editions show",
    "subscribers add",
    "subscribers import",
    "subscribers ask",
    "subscribers link",
    "subscribers unsubscribe",
    "subscribers suppress",
    "subscribers unsuppress",
    "subscribers forget",
    "subscribers pause",
    "deliveries retry",
    "deliveries resend",
}


def leaves() -> Iterator[tuple[str, Any]]:
    front: Any = get_command(app)
    for listed in COMMANDS:
        command = front.load(listed.name)
        if hasattr(command, "commands"):
            for name, below in command.commands.items():
                yield f"{listed.name} {name}", below
        else:
            yield listed.name, command


def test_every_promised_command_is_there() -> None:
    found: dict[str, set[str]] = {listed.name: set() for listed in COMMANDS}
    for path, _ in leaves():
        name, _, below = path.partition(" ")
        if below:
            found[name].add(below)
    assert {name: PROMISED[name] - found.get(name, set()) for name in PROMISED} == {
        name: set() for name in PROMISED
    }
    assert set(PROMISED) <= set(found)


def test_summary_on_the_front_page_is_the_first_line_of_the_commands_help() -> None:
    front: Any = get_command(app)
    first = {listed.name: front.load(listed.name).help.strip().splitlines()[0] for listed in COMMANDS}
    assert first == {listed.name: listed.summary for listed in COMMANDS}


def test_every_command_takes_json_and_at_where_promised() -> None:
    options = {path: {name for p in command.params for name in p.opts} for path, command in leaves()}
    assert {path for path, names in options.items() if "--json" not in names} == NO_JSON
    assert {path for path in WITH_AT if "--at" not in options[path]} == set()


@pytest.mark.parametrize("path", [path for path, _ in leaves()])
def test_help_of_a_command_explains_every_argument_and_option(path: str) -> None:
    command = dict(leaves())[path]
    assert [p.name for p in command.params if not p.help] == []
    result = CliRunner().invoke(app, [*path.split(), "--help"])
    assert result.exit_code == 0
    assert "[" not in (command.help or ""), "square brackets are markup to Typer and vanish"


def test_state_dir_may_stand_anywhere(tmp_path: Path) -> None:
    runner = CliRunner()
    for arguments in (
        ["init", "--state-dir", str(tmp_path / "a")],
        ["init", f"--state-dir={tmp_path / 'b'}", "--json"],
        ["--state-dir", str(tmp_path / "c"), "init"],
    ):
        assert runner.invoke(app, arguments).exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "c"]


def test_state_dir_is_flag_then_variable_then_systemds_then_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    made = []
    for variable, flags in (
        ({}, []),
        ({"STATE_DIRECTORY": str(tmp_path / "systemd") + ":/elsewhere"}, []),
        ({"NEWSLETTER_STATE_DIR": str(tmp_path / "variable")}, []),
        ({}, ["--state-dir", str(tmp_path / "flag")]),
    ):
        for name, value in variable.items():
            monkeypatch.setenv(name, value)
        before = set(tmp_path.iterdir())
        assert runner.invoke(app, [*flags, "init"]).exit_code == 0
        made.extend(path.name for path in set(tmp_path.iterdir()) - before)
    assert made == ["state", "systemd", "variable", "flag"]


def test_wrong_usage_exits_2(shell: Shell) -> None:
    for arguments in (("frobnicate",), ("audit", "--at", "yesterday"), ("audit", "--frob"), ("why",)):
        answer = shell(*arguments)
        assert (answer.code, answer.stdout) == (2, "")
    assert "Did you mean 'audit'?" in shell("audti").stderr


def test_version_is_printed(bare: Shell) -> None:
    from newsletter import __version__

    assert bare.ok("--version").stdout == f"newsletter {__version__}\n"


def _process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "newsletter", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_reader_of_a_pipe_that_leaves_is_no_error(shell: Shell) -> None:
    command = f"{sys.executable} -m newsletter --state-dir {shell.state_dir} topics list --json | head -c 1"
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[", "")


def test_files_are_private_whatever_the_umask(tmp_path: Path) -> None:
    done = _process("--state-dir", str(tmp_path / "state"), "init")
    assert done.returncode == 0, done.stderr
    modes = {
        str(path.relative_to(tmp_path)): path.stat().st_mode & 0o077
        for path in (tmp_path / "state").rglob("*")
    }
    assert {name for name, mode in modes.items() if mode} == set()


def test_output_survives_a_terminal_without_unicode(shell: Shell) -> None:
    done = _process(
        "--state-dir",
        str(shell.state_dir),
        "topics",
        "list",
        "--json",
        PYTHONIOENCODING="ascii",
        PYTHONUTF8="0",
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.prove
def test_help_starts_as_fast_as_promised() -> None:
    """Bar: at most 1.5 times an empty two-command Typer app."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks/startup.py"), "21"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
