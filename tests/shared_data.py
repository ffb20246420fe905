"""Where the real third-party samples lie, when they are there; none of them is committed."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"

needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason="the real samples (../shared) are not beside this checkout"
)
