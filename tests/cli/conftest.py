"""Shells for the tests of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.shell import Shell
from tests.state_dirs import initialized


@pytest.fixture
def bare(tmp_path: Path) -> Shell:
    """A shell whose state directory does not exist yet."""
    return Shell(tmp_path / "state")


@pytest.fixture
def shell(bare: Shell) -> Shell:
    """A shell after `newsletter init`."""
    initialized(bare.state_dir)
    return bare
