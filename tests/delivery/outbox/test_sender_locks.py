from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine

from newsletter.core.errors import StorageError
from newsletter.db.engine import KeptConnection, open_engine, reading, writing
from newsletter.delivery.outbox.sender_locks import hold, is_dead, owning

HOLDER = """
import sys, time
from pathlib import Path
from newsletter.delivery.outbox.sender_locks import owning
with owning(Path(sys.argv[1])) as owner:
    print(owner, flush=True)
    time.sleep(60)
"""


def test_owner_lives_while_its_block_runs(tmp_path: Path) -> None:
    with owning(tmp_path / "locks") as one, owning(tmp_path / "locks") as two:
        assert one != two
        assert is_dead(one, tmp_path / "locks") is False
    assert is_dead(one, tmp_path / "locks") is True


def test_owner_is_dead_as_soon_as_its_process_is_killed(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    owner = process.stdout.readline().strip()
    process.stdout.close()
    assert is_dead(owner, tmp_path) is False
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert is_dead(owner, tmp_path) is True


def test_owner_of_another_folder_or_host_is_judged_by_its_lease(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    with owning(here), owning(there) as other:
        assert is_dead(other, here) is None
    assert is_dead("elsewhere-00000000-1-abc", here) is None
    assert is_dead("../../etc/passwd", here) is None


def test_owner_whose_host_was_renamed_is_known_by_its_lock_file(tmp_path: Path) -> None:
    (tmp_path / "oldname-00000000-1-abc.lock").touch()
    assert is_dead("oldname-00000000-1-abc", tmp_path) is True


HOLDER_IN_SESSION = """
import sys, time
from pathlib import Path
from newsletter.db.engine import KeptConnection, open_engine
from newsletter.delivery.outbox.sender_locks import hold, owning
ledger = KeptConnection(open_engine(sys.argv[2]))
with owning(Path(sys.argv[1]), in_session=True) as owner:
    with ledger.writing() as connection:
        hold(connection, owner)
    print(owner, flush=True)
    time.sleep(60)
"""


def await_death(engine: Engine, owner: str, folder: Path) -> None:
    """The server has to notice that a session ended."""
    end = time.monotonic() + 60
    while True:
        with reading(engine) as connection:
            if is_dead(owner, folder, connection):
                return
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.dialects
def test_owner_of_another_host_is_dead_as_soon_as_its_session_ends(tmp_path: Path, postgres_url: str) -> None:
    here, engine = tmp_path / "here", open_engine(postgres_url)
    here.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER_IN_SESSION, str(tmp_path / "there"), postgres_url],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    owner = process.stdout.readline().strip()
    process.stdout.close()
    with reading(engine) as connection, reading(engine) as another:
        assert (is_dead(owner, here), is_dead(owner, here, connection)) == (None, False)
        assert is_dead("elsewhere-00000000-1-abc", here, connection) is None, "of a release without the lock"
        assert is_dead("elsewhere-00000000-1-abc.session", here, connection) is True
        assert is_dead("elsewhere-00000000-1-abc.session", here, another) is True, "two may ask at once"
    process.send_signal(signal.SIGKILL)
    process.wait()
    await_death(engine, owner, here)
    engine.dispose()


@pytest.mark.dialects
def test_owner_holds_its_lock_again_on_a_connection_that_was_replaced(
    tmp_path: Path, postgres_url: str
) -> None:
    engine = open_engine(postgres_url)
    ledger = KeptConnection(engine)
    owner = "elsewhere-00000000-1-abc.session"
    for _ in range(2):
        with ledger.writing() as connection:
            hold(connection, owner)
            pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        with reading(engine) as other:
            assert is_dead(owner, tmp_path, other) is False
        with writing(engine) as other:
            other.exec_driver_sql(f"SELECT pg_terminate_backend({pid}, 10000)")
        with reading(engine) as other:
            assert is_dead(owner, tmp_path, other) is True
        with pytest.raises(StorageError), ledger.writing() as connection:
            connection.exec_driver_sql("SELECT 1")
    with ledger.writing() as connection:
        hold(connection, owner)
    ledger.discard()
    await_death(engine, owner, tmp_path)
    engine.dispose()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_owner_in_an_unwritable_folder_says_so(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="sender locks"), owning(tmp_path / "locks"):
        pass
