"""Ingest killed at any I/O point and run again ends in the state of one undisturbed run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.full

ROOT = Path(__file__).resolve().parents[3]


def killed_every(step: int, folder: Path) -> tuple[int, list[int]]:
    """Points tried, and those after which the state was another one."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.pipeline.intake.ingest_until_killed", str(folder), str(step)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    return answer["points"], answer["different"]


def test_ingest_killed_here_and_there_ends_as_one_run(tmp_path: Path) -> None:
    points, different = killed_every(17, tmp_path)
    assert points >= 8
    assert different == []


@pytest.mark.prove
def test_ingest_killed_at_every_point_ends_as_one_run(tmp_path: Path) -> None:
    """Bar: killing any command but `send` at any point and running it again ends as running it once."""
    points, different = killed_every(1, tmp_path)
    assert points >= 140
    assert different == []
