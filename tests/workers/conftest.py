"""A newsletter's database on PostgreSQL with the engine's tables."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import pytest
from sqlalchemy import Engine

from newsletter.db.engine import open_engine

collect_ignore_glob = [] if find_spec("procrastinate") else ["test_*.py"]  # the extra newsletter[workers]


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    from newsletter.workers.engine_tables import make_tables, see_tables

    engine = open_engine(postgres_url)
    see_tables(engine)
    make_tables(engine)
    yield engine
    engine.dispose()
