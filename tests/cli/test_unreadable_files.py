"""A file that may not be read is told as such by every command that takes one; not as wrong usage."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.shell import Shell

pytestmark = pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")


@pytest.mark.parametrize(
    "command", [("ingest",), ("dumps", "try"), ("topics", "check"), ("restore", "--check")]
)
def test_file_that_may_not_be_read_is_a_failure(
    shell: Shell, tmp_path: Path, command: tuple[str, ...]
) -> None:
    file = tmp_path / "listing.txt"
    file.write_text("Daily Papers\n", "utf-8")
    file.chmod(0)
    answer = shell(*command, str(file))
    assert answer.code == 1
    assert "Usage" not in answer.stderr
    assert "Traceback" not in answer.stderr
