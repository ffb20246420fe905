from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from newsletter.core.errors import StorageError
from newsletter.delivery.outbox.sender_locks import is_dead, owning

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


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_owner_in_an_unwritable_folder_says_so(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="sender locks"), owning(tmp_path / "locks"):
        pass
