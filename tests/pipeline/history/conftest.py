"""A newsletter's database for rolled-up history, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline.scenario import Scenario


@pytest.fixture
def scenario(tmp_path: Path, database_url: str) -> Iterator[Scenario]:
    scenario = Scenario(tmp_path, url=database_url)
    yield scenario
    scenario.engine.dispose()
