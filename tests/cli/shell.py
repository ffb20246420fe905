"""Runs commands in this process, as a shell would see them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from newsletter.cli import app


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandResult:
    """What a command left behind."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """Stdout, which must be one JSON document and nothing else."""
        return json.loads(self.stdout)


@dataclass(frozen=True, slots=True)
class Shell:
    """A state directory and a way to call commands on it."""

    state_dir: Path

    def __call__(self, *arguments: str, stdin: str | bytes | None = None) -> CommandResult:
        """Run `newsletter ARGUMENTS`, whatever becomes of it."""
        result = CliRunner().invoke(
            app, ["--state-dir", str(self.state_dir), *arguments], input=stdin, prog_name="newsletter"
        )
        assert "Traceback" not in result.output
        return CommandResult(code=result.exit_code, stdout=result.stdout, stderr=result.stderr)

    def ok(self, *arguments: str, stdin: str | bytes | None = None) -> CommandResult:
        """Run a command that must succeed."""
        answer = self(*arguments, stdin=stdin)
        assert answer.code == 0, answer.stdout + answer.stderr
        return answer

    def settings(self, text: str) -> None:
        """Write newsletter.toml."""
        self.state_dir.mkdir(parents=True, exist_ok=True)
        (self.state_dir / "newsletter.toml").write_text(text, "utf-8")
