"""Builds the wheel of release 0.1.0 from the history of this repository, and runs it beside this version."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TAG = "v0.1.0"
HEADING = "## [0.1.0]"


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def release_commit() -> str:
    """The commit of release 0.1.0: its tag, or the one that dated it in the changelog; skips without it."""
    if not (ROOT / ".git").exists() or _git("rev-parse", "--is-shallow-repository") != "false":
        pytest.skip("release 0.1.0 is built from the history, and this is no full git checkout")
    tagged = _git("rev-parse", "--verify", "--quiet", f"{TAG}^{{commit}}")
    found = tagged or _git("log", "--reverse", "--format=%H", f"-S{HEADING}", "--", "CHANGELOG.md")
    if not found:
        pytest.skip("the history does not hold release 0.1.0")
    return found.splitlines()[0]


def install_release(folder: Path) -> Path:
    """Build the wheel of 0.1.0 without a network, and install it below the folder; returns where."""
    if find_spec("hatchling") is None:
        pytest.skip("hatchling is not installed: no wheel can be built")
    commit = release_commit()
    packed = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=True).stdout
    source, wheels, installed = folder / "source", folder / "wheels", folder / "installed"
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(source, filter="data")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(wheels), str(source)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = wheels.glob("newsletter-0.1.0-*.whl")
    install = [*pip, "install", "--no-deps", "--target", str(installed), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    return installed


def old_environment(installed: Path) -> dict[str, str]:
    """The environment in which `python -m newsletter` is release 0.1.0."""
    return {**os.environ, "PYTHONPATH": str(installed)}
