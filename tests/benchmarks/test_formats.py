"""The benchmark of the formats runs: with few papers and small hostile files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.benchmark_process import run_benchmark
from tests.sources.hostile_files import HOSTILE
from tests.sources.shapes import SHAPES


@pytest.mark.full
def test_formats_benchmark_runs(tmp_path: Path) -> None:
    done = run_benchmark("formats.py", "--folder", str(tmp_path), "--papers", "50", "--size", "20000")
    assert done.returncode in (0, 1), done.stderr  # a run this small proves no bar
    lines = [line.strip() for line in done.stdout.splitlines()]
    for name in (*SHAPES, *HOSTILE):
        assert any(line.startswith(name) for line in lines), name
    assert "no end" not in done.stdout
