"""Websites for the tests of the pages."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline.whole_newsletter import WholeNewsletter
from tests.smtp_servers.recording import RecordingServer
from tests.web.newsletter_site import NewsletterSite


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    with RecordingServer() as running:
        yield running


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a newsletter of sample papers, with editions, and without readers."""
    folder = tmp_path_factory.mktemp("published")
    newsletter = WholeNewsletter(folder, port=25)  # it sends nothing
    newsletter.ingest_samples([13, 14, 15])
    newsletter.publish("2026-04-15T06:00")
    newsletter.engine.dispose()
    return folder


@pytest.fixture
def website(tmp_path: Path, published: Path, server: RecordingServer) -> NewsletterSite:
    """A newsletter of sample papers, with editions, and without readers."""
    shutil.copytree(published, tmp_path, dirs_exist_ok=True)
    return NewsletterSite(tmp_path, server)
