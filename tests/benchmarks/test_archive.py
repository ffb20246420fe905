"""The benchmarks of the static copy and of the search run, with few papers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.benchmark_process import run_benchmark
from tests.benchmarks.small_archive import small_archive

pytestmark = pytest.mark.full


def test_static_archive_benchmark_runs(tmp_path: Path) -> None:
    archive = small_archive(tmp_path / "archive.jsonl.gz")
    done = run_benchmark("static_archive.py", str(archive), "--folder", str(tmp_path / "copy"))
    assert done.returncode in (0, 1), done.stderr  # a slow machine may miss a bar
    assert "90 papers, and 30 of the next edition" in done.stdout
    changed = {}
    for line in done.stdout.splitlines():
        if " files " in line and " changed " in line:
            name, _, rest = line.partition(" ")
            changed[name] = int(rest.split()[2].replace(",", ""))
    assert changed["whole"] > changed["next"] > changed["same"] == 0
    assert (tmp_path / "copy" / "index.html").exists()


def test_search_benchmark_runs(tmp_path: Path) -> None:
    archive = small_archive(tmp_path / "archive.jsonl.gz")
    done = run_benchmark("search.py", str(archive), "--rounds", "2")
    assert done.returncode in (0, 1), done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "120 papers"
    for kind in ("a rare word", "half typed", "hostile", "related papers"):
        assert any(line.startswith(kind) for line in lines), kind
