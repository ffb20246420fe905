from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.delivery.outbox.scenario import Outbox


@pytest.fixture(params=["sqlite", "postgresql"])
def box(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Outbox]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    box = Outbox(tmp_path, url=url)
    yield box
    box.engine.dispose()
