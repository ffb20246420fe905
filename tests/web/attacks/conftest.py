"""Sites that attacks share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.smtp_servers.recording import RecordingServer
from tests.web.attacks.attacked_site import AttackedSite
from tests.web.newsletter_site import NewsletterSite


@pytest.fixture(scope="module")
def ada(tmp_path_factory: pytest.TempPathFactory, published: Path) -> Iterator[AttackedSite]:
    """The site of all attacks that must change nothing."""
    yield from _site(tmp_path_factory.mktemp("standing"), published)


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory, published: Path) -> Iterator[AttackedSite]:
    """The site of attacks that sign up, or change what they may."""
    yield from _site(tmp_path_factory.mktemp("busy"), published)


def _site(folder: Path, published: Path) -> Iterator[AttackedSite]:
    shutil.copytree(published, folder, dirs_exist_ok=True)
    with RecordingServer() as server:
        yield AttackedSite(NewsletterSite(folder, server))
