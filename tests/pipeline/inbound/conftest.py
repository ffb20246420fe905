"""An office that mails digests to a real server, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline.inbound.post_office import PostOffice
from tests.smtp_servers.recording import RecordingServer


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    with RecordingServer() as running:
        yield running


@pytest.fixture
def office(tmp_path: Path, server: RecordingServer, database_url: str) -> Iterator[PostOffice]:
    office = PostOffice(tmp_path, server, url=database_url)
    office.reader("ada@example.org", "circuits", "interpretability", joined="2026-04-12T12:00")
    yield office
    office.engine.dispose()
