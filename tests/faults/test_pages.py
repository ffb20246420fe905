"""The web pages report a full disk and a locked database, and lose nothing."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from newsletter.db.engine import DEFAULT_FILE
from tests.faults.mounts import mounted
from tests.smtp_servers.recording import RecordingServer
from tests.web.serving import serving

pytestmark = pytest.mark.full


def test_sign_up_on_a_full_disk_asks_to_try_again_and_works_once_there_is_room(tmp_path: Path) -> None:
    place = tmp_path / "disk"
    place.mkdir()
    with (
        mounted("-t", "tmpfs", "-o", "size=4m", "none", str(place)),
        RecordingServer() as server,
        serving(place / "state", server.port) as site,
    ):
        ballast = place / "ballast"
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(b"x" * 1024):
                pass
        form = site.form_time()
        answer = site.sign_up("ada@readers.example", time=form)
        assert answer.status == 503
        assert "what you asked for was not stored" in answer.text
        assert [site.get(path).status for path in ("/", "/sample", "/healthz")] == [200, 200, 200]
        ballast.unlink()
        assert site.sign_up("ida@readers.example", time=form).status == 303
        _wait(lambda: server.accepted)
        assert [mail.recipient for mail in server.accepted] == ["ida@readers.example"]
        assert site.state_of("ada@readers.example") == ""
        log = site.log()
        assert "database or disk is full\nThe disk is full" in log
        assert "Traceback" not in log
        assert "INSERT" not in log


def test_sign_up_waits_for_a_database_that_is_locked_for_a_moment(tmp_path: Path) -> None:
    with RecordingServer() as server, serving(tmp_path / "state", server.port) as site:
        form = site.form_time()
        writer = sqlite3.connect(tmp_path / "state" / DEFAULT_FILE, isolation_level=None)
        writer.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor() as pool:
            answer = pool.submit(site.sign_up, "ada@readers.example", time=form)
            time.sleep(1)
            assert not answer.done()
            assert site.get("/").status == 200
            writer.execute("ROLLBACK")
            assert answer.result().status == 303
        writer.close()
        _wait(lambda: server.accepted)
        assert site.state_of("ada@readers.example") == "pending"


def _wait(seen: Callable[[], object], seconds: float = 45.0) -> None:
    end = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)
