"""Where the packages of tests/node/package.json lie, when they are installed. Installs nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

NODE = Path(__file__).with_name("node")


def folder(package: str) -> Path:
    """The folder of an npm package; the test is skipped where it is not installed."""
    found = NODE / "node_modules" / package
    if not found.is_dir():
        pytest.skip(f"the npm package {package} is not installed (`make test-tools`)")
    return found
