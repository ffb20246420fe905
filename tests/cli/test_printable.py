"""What people see holds nothing that a terminal obeys, from whatever door it comes."""

from __future__ import annotations

import ast
import io
import json
import logging
import os
import sqlite3
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from newsletter.cli import output
from newsletter.cli.logs import AddressMaskingFormatter
from newsletter.cli.printable import UNSAFE, one_line, printable
from newsletter.samples import dumps
from tests.cli.shell import Shell
from tests.cli.terminal import open_terminal

PACKAGES = Path(__file__).resolve().parents[2]
PRINTERS = {"echo", "secho", "prompt", "confirm", "print", "Console"}

ATTACKS = {
    "clears the screen": "\x1b[2J",
    "sets the title": "\x1b]0;owned\x07",
    "a link of the terminal": "\x1b]8;;http://evil.example\x1b\\",
    "writes to the clipboard": "\x1b]52;c;cm0gLXJm\x07",
    "types an answer": "\x1b[6n",
    "C1 CSI": "\x9b2J",
    "C1 OSC": "\x9d0;owned\x9c",
    "device control": "\x1bP1$r\x1b\\",
    "carriage return": "failed\rok",
    "backspace": "rm\x08\x08ok",
    "bell": "\x07",
    "vertical tab and form feed": "\x0b\x0c",
    "DEL": "\x7f",
    "NUL": "\x00",
    "right-to-left override": "\u202etxt.exe",
    "isolate": "\u2066x\u2069",
    "marks": "\u200e\u200f\u061c",
    "line separators": "a\u2028b\u2029c",
    "no width": "pa\u200bpers\ufeff",
    "tags": "\U000e0041",
    "a lone surrogate": "\udc9b",
}


def _is_harmless(text: str) -> bool:
    return UNSAFE.search(text) is None


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_unsafe_characters_are_written_as_escapes(attack: str) -> None:
    assert not _is_harmless(attack)
    shown = printable(f"before {attack} after")
    assert _is_harmless(shown)
    assert (shown[:7], shown[-6:]) == ("before ", " after")
    assert one_line(f"a\n\t{attack}").count("\n") == 0
    assert _is_harmless(output.as_json({attack: [attack]}))
    assert json.loads(output.as_json({attack: [attack]})) == {attack: [attack]}
    record = logging.LogRecord("n", logging.INFO, "f", 1, "%s", (attack,), None)
    assert _is_harmless(AddressMaskingFormatter().format(record))


def test_text_of_every_script_stays_as_it_is() -> None:
    text = "Zoë, Jürgen, محمد, علی\u200cرضا, 山田, 👩\u200d🔬, E=mc², soft\u00adhyphen\n\tnext line"
    assert printable(text) == text


def _printers(module: Path) -> list[str]:
    """Calls in a module that write to stdout or stderr."""
    found = []
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
        owner = ast.unparse(called.value) if isinstance(called, ast.Attribute) else ""
        streams = ("sys.stdout", "sys.stderr", "sys.__stdout__", "sys.__stderr__")
        if (
            (name in PRINTERS and owner in ("", "typer", "click", "rich", "console"))
            or (owner.startswith(streams) and name in ("write", "writelines"))
            or (name in ("write_roster", "print_exc", "print_exception") and "sys.std" in ast.unparse(node))
            or (owner == "traceback" and name.startswith("print"))
        ):
            found.append(f"{module.relative_to(PACKAGES)}:{node.lineno}: {ast.unparse(called)}")
    return found


def test_only_the_output_module_prints() -> None:
    modules = [*(PACKAGES / "newsletter").rglob("*.py"), *(PACKAGES / "subscribers").rglob("*.py")]
    printer = PACKAGES / "newsletter/cli/output.py"
    assert _printers(printer), "this test recognises a print"
    assert [call for module in modules if module != printer for call in _printers(module)] == []


def _backup_with(folder: Path, member: str, **manifest: object) -> Path:
    file = folder / "bad.tar.gz"
    with tarfile.open(file, "w:gz") as archive:
        about = {"format": 1, "version": "1", "made_at": "2026-01-01T00:00:00+00:00", "database": None}
        about |= {"files": {}}
        for name, data in ((member, b"x"), ("manifest.json", json.dumps(about | manifest).encode())):
            header = tarfile.TarInfo(name)
            header.size = len(data)
            archive.addfile(header, io.BytesIO(data))
    return file


ESC = "\x1b]0;owned\x07\x9b2J\u202e"


def _by_file_name(shell: Shell, folder: Path) -> list[str]:
    file = folder / f"a{ESC}.txt"
    file.write_bytes(dumps()[0].read_bytes())
    return ["ingest", str(file)]


def _by_missing_file(shell: Shell, folder: Path) -> list[str]:
    return ["ingest", str(folder / f"none{ESC}.txt")]


def _by_title(shell: Shell, folder: Path) -> list[str]:
    file = folder / "titles.txt"
    text = dumps()[0].read_text("utf-8")
    file.write_text(text.replace("a", "a\x9b2J\u202e", 40), "utf-8")
    shell("ingest", str(file))
    return ["papers", "list"]


def _by_name(shell: Shell, folder: Path) -> list[str]:
    shell("subscribers", "add", "ada@example.org", "--name", f"Ada{ESC}", "--topic", "quantum")
    return ["subscribers", "show", "ada@example.org"]


def _by_toml_key(shell: Shell, folder: Path) -> list[str]:
    shell.settings('"key\\u001b[2J\\u202e" = 1\n')
    return ["subscribers", "list"]


def _by_toml_value(shell: Shell, folder: Path) -> list[str]:
    shell.settings('default_timezone = "Mars\\u001b[2J\\u009b\\u202e"\n')
    return ["subscribers", "list"]


def _by_topic_table(shell: Shell, folder: Path) -> list[str]:
    shell.settings('[topics."qu\\u001b[2J"]\ntitle = "x"\n')
    return ["topics", "list"]


def _by_credential_name(shell: Shell, folder: Path) -> list[str]:
    (shell.state_dir / "credentials" / f"x{ESC}").write_text("1", "utf-8")
    return ["subscribers", "list"]


def _by_member(shell: Shell, folder: Path) -> list[str]:
    return ["restore", "--check", str(_backup_with(folder, f"../{ESC}"))]


def _by_unlisted_member(shell: Shell, folder: Path) -> list[str]:
    return ["restore", "--check", str(_backup_with(folder, f"state/{ESC}"))]


def _by_manifest_version(shell: Shell, folder: Path) -> list[str]:
    return ["restore", "--check", str(_backup_with(folder, "state/x", format=9, version=f"2{ESC}"))]


def _by_manifest_revision(shell: Shell, folder: Path) -> list[str]:
    import hashlib

    files = {"state/x": {"size": 1, "sha256": hashlib.sha256(b"x").hexdigest()}}
    return [
        "restore",
        "--check",
        str(_backup_with(folder, "state/x", files=files, revision=f"9{ESC}", version=f"3{ESC}")),
    ]


def _by_roster(shell: Shell, folder: Path) -> list[str]:
    file = folder / "roster.csv"
    file.write_text(f"email,name,topics\nada@example.org,Ada{ESC},quantum\nbad{ESC},B,quantum\n", "utf-8")
    return ["subscribers", "import", str(file), "--dry-run"]


def _by_roster_column(shell: Shell, folder: Path) -> list[str]:
    file = folder / "roster.csv"
    file.write_text(f"email,topics,col{ESC}\nada@example.org,quantum,1\n", "utf-8")
    return ["subscribers", "import", str(file), "--dry-run"]


def _by_argument(shell: Shell, folder: Path) -> list[str]:
    return ["subscribers", "show", f"ada{ESC}@example.org"]


def _by_unknown_command(shell: Shell, folder: Path) -> list[str]:
    return [f"no{ESC}"]


def _by_unknown_option(shell: Shell, folder: Path) -> list[str]:
    return ["doctor", f"--no{ESC}"]


def _by_database_text(shell: Shell, folder: Path) -> list[str]:
    shell("subscribers", "add", "ada@example.org", "--topic", "quantum")
    with sqlite3.connect(shell.state_dir / "newsletter.sqlite3") as connection:
        connection.execute("UPDATE subscribers SET name = ?, address = ?", (f"A{ESC}", f"a{ESC}@b.example"))
    connection.close()
    return ["subscribers", "list"]


DOORS = [
    _by_file_name,
    _by_missing_file,
    _by_title,
    _by_name,
    _by_toml_key,
    _by_toml_value,
    _by_topic_table,
    _by_credential_name,
    _by_member,
    _by_unlisted_member,
    _by_manifest_version,
    _by_manifest_revision,
    _by_roster,
    _by_roster_column,
    _by_argument,
    _by_unknown_command,
    _by_unknown_option,
    _by_database_text,
]


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__.removeprefix("_by_"))
def test_no_door_leads_to_the_terminal(shell: Shell, tmp_path: Path, door: object) -> None:
    assert callable(door)
    folder = tmp_path / "files"
    folder.mkdir()
    answer = shell(*door(shell, folder))
    shown = answer.stdout + answer.stderr
    assert "owned" in shown or "2J" in shown
    assert _is_harmless(shown), ascii(shown)


def test_a_table_on_a_terminal_and_a_debug_traceback_are_harmless(shell: Shell, tmp_path: Path) -> None:
    arguments = _by_database_text(shell, tmp_path)
    for command in (arguments, ["subscribers", "export"], ["subscribers", "list", "--json"]):
        if "--json" in command:
            with sqlite3.connect(shell.state_dir / "newsletter.sqlite3") as connection:
                connection.execute("PRAGMA ignore_check_constraints = on")
                connection.execute("UPDATE subscribers SET created_at = ?", (f"odd{ESC}",))
            connection.close()
        main, side = open_terminal()
        with subprocess.Popen(
            [sys.executable, "-m", "newsletter", "--state-dir", str(shell.state_dir), *command],
            stdout=side,
            stderr=side,
            env={**os.environ, "NEWSLETTER_DEBUG": "1", "TERM": "dumb", "COLUMNS": "100"},
        ) as process:
            os.close(side)
            shown = b""
            while True:
                try:
                    block = os.read(main, 65536)
                except OSError:
                    break
                if not block:
                    break
                shown += block
            process.wait(60)
        os.close(main)
        text = shown.decode("utf-8").replace("\r\n", "\n")
        assert text.strip()
        assert "owned" in text
        assert _is_harmless(text), ascii(text)
    assert "Traceback" in text
