"""Desks for the tests of the pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.smtp_servers.recording import RecordingServer
from tests.web.newsletter_site import NewsletterSite


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    with RecordingServer() as running:
        yield running


@pytest.fixture
def desk(tmp_path: Path, server: RecordingServer) -> NewsletterSite:
    """A newsletter of sample papers, with editions, and nobody who reads it."""
    desk = NewsletterSite(tmp_path, server)
    desk.office.ingest_samples([13, 14, 15])
    desk.office.publish("2026-04-15T06:00")
    return desk
