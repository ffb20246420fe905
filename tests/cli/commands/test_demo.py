"""The demo: its output, and that it uses no other folder, mail server or database."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from newsletter.cli import app
from tests.cli.shell import Shell


def _demo(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, [*arguments, "demo"])
    return result.exit_code, result.output


def test_demo_mails_three_readers_and_proves_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, output = _demo()
    assert code == 0
    assert "0 repeated, 0 missed" in output
    assert [path.name for path in tmp_path.iterdir()] == ["demo-state"]
    boxes = {box.name: len(list((box / "new").iterdir())) for box in (tmp_path / "demo-state/mail").iterdir()}
    assert boxes == {"ada@readers.example": 5, "grace@readers.example": 5, "kay@readers.example": 1}
    assert [line.split()[0] for line in output.splitlines() if ": https://arxiv.org/abs/" in line] == [
        "daily-papers,",
        "daily-papers,",
        "daily-papers,",
        "arxiv-mail:",
    ]
    assert "<html" in (tmp_path / "demo-state/digest.html").read_text("utf-8")
    assert CliRunner().invoke(app, ["--state-dir", "demo-state", "audit"]).exit_code == 0


@pytest.mark.full
def test_demo_starts_from_an_empty_folder_each_time(tmp_path: Path) -> None:
    first = _demo("--state-dir", str(tmp_path / "demo"))
    assert first[0] == 0
    assert _demo("--state-dir", str(tmp_path / "demo")) == first


def test_demo_leaves_a_real_newsletter_alone(shell: Shell) -> None:
    before = {path: path.read_bytes() for path in shell.state_dir.rglob("*") if path.is_file()}
    code, output = _demo("--state-dir", str(shell.state_dir))
    assert code == 2
    assert "no demo made it" in output
    assert {path: path.read_bytes() for path in shell.state_dir.rglob("*") if path.is_file()} == before


@pytest.mark.full
def test_demo_goes_to_its_own_server_and_database_whatever_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEWSLETTER_SMTP__HOST", "mx.example")
    monkeypatch.setenv("NEWSLETTER_SMTP__USERNAME", "papers")
    monkeypatch.setenv("NEWSLETTER_DATABASE_URL", f"sqlite:///{tmp_path}/elsewhere.sqlite3")
    code, _ = _demo("--state-dir", str(tmp_path / "demo"))
    assert code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]
