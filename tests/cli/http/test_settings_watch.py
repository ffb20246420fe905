"""Pages of a running server follow newsletter.toml: a topic that becomes private closes without a restart."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from newsletter.cli.commands.serve import make_pages
from newsletter.cli.http.settings_watch import SETTLED_AFTER
from newsletter.cli.wiring import Wiring
from newsletter.cli.workspace import Workspace
from tests.cli.shell import Shell
from tests.state_dirs import initialized

QUBITS = "Toric codes on few qubits"
PRIVATE = "\n[topics.quantum]\npublic = false\n"


class RunningPages:
    """The pages of `serve` over one state directory, whose settings change."""

    def __init__(self, shell: Shell, folder: Path) -> None:
        self.shell = shell
        listing = folder / "listing.jsonl"
        listing.write_text(
            f'{{"title": "{QUBITS}", "id": "2604.00001", "abstract": "We show quantum error correction '
            'with qubits of a quantum computer, and codes that need fewer qubits.", "authors": ["A. B."]}\n'
        )
        shell.ok("ingest", "--listed-on", "2026-04-17", str(listing))
        shell.ok("editions", "publish")
        self.file = shell.state_dir / "newsletter.toml"
        self.at_start = self.file.read_text()
        self.work = Workspace(state_dir_flag=shell.state_dir)
        self.client = TestClient(make_pages(Wiring(self.work)))
        self.paper = self.client.get("/archive/2026-04").text.partition("/papers/")[2].partition('"')[0]

    def edit(self, text: str, *, seconds_ago: float = SETTLED_AFTER + 1) -> None:
        self.file.write_text(text)
        when = time.time() - seconds_ago
        os.utime(self.file, (when, when))

    def statuses(self) -> list[int]:
        """Of the paper's page, of its topic, and whether it is found (404: it is not)."""
        found = "codes on few qubits" in self.client.get("/search?q=toric").text
        pages = (f"/papers/{self.paper}", "/topics/quantum")
        return [*(self.client.get(page).status_code for page in pages), 200 if found else 404]


@pytest.fixture
def pages(tmp_path: Path) -> RunningPages:
    return RunningPages(Shell(initialized(tmp_path / "state")), tmp_path)


OPEN, CLOSED = [200, 200, 200], [404, 404, 404]


@pytest.mark.parametrize(
    ("added", "seconds_ago", "expected"),
    [
        ("", 5, OPEN),
        (PRIVATE, 5, CLOSED),
        (PRIVATE, -3_600, CLOSED),  # a clock that was put back
        (PRIVATE, 0, OPEN),  # perhaps half written: it counts a second later
        ('\n[brand]\nname = "Another name"\n', 5, OPEN),
        ("\n[topics.quantum]\npublic = perhaps\n", 5, OPEN),  # no TOML
        ('\n[topics.quantum]\npublic = "perhaps"\n', 5, OPEN),  # no such value
    ],
)
def test_pages_follow_the_settings_without_a_restart(
    pages: RunningPages, added: str, seconds_ago: float, expected: list[int]
) -> None:
    assert pages.statuses() == OPEN
    pages.edit(pages.at_start + added, seconds_ago=seconds_ago)
    assert pages.statuses() == expected
    assert ("Another name" in pages.client.get("/").text) == ("Another name" in added)


def test_a_topic_closes_by_name_too_and_opens_again(pages: RunningPages) -> None:
    assert "Quantum" in pages.client.get("/").text
    pages.edit(pages.at_start + PRIVATE)
    assert "quantum" not in pages.client.get("/").text.lower()
    described = pages.client.get("/api/openapi.json").json()["components"]["schemas"]["SignUp"]
    assert "quantum" not in described["properties"]["topics"]["items"]["enum"]
    pages.file.unlink()  # as while an editor replaces it
    assert pages.statuses() == CLOSED
    pages.edit(pages.at_start)
    assert pages.statuses() == OPEN
