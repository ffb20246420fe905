"""Shells for the tests of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.shell import Shell


@pytest.fixture
def bare(tmp_path: Path) -> Shell:
    """A shell whose state directory does not exist yet."""
    return Shell(tmp_path / "state")


@pytest.fixture
def shell(bare: Shell) -> Shell:
    """A shell after `newsletter init`."""
    bare.ok("init")
    return bare
