"""A Maildir is emptied once, survives faults of the database and of files, and costs nothing when idle."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from newsletter.core.errors import StorageError
from newsletter.inbound.intakes.maildir import AGAIN_AFTER, BATCH, MaildirIntake
from newsletter.inbound.limits import MOST_BYTES
from tests.inbound.intakes.doors import Door
from tests.inbound.made_messages import plain


class Clock:
    """Seconds that a test moves; never jumps by itself."""

    def __init__(self) -> None:
        self.now = 5_000.0

    def __call__(self) -> float:
        """The present second."""
        return self.now


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("new", "cur", "tmp"):
        (tmp_path / "Maildir" / name).mkdir(parents=True)
    return tmp_path / "Maildir"


def deliver(folder: Path, name: str, data: bytes) -> Path:
    """Deliver as a mail server does: write in tmp/, then rename."""
    (folder / "tmp" / name).write_bytes(data)
    return (folder / "tmp" / name).rename(folder / "new" / name)


def names(folder: Path, part: str) -> list[str]:
    return sorted(file.name for file in (folder / part).iterdir())


def test_messages_are_taken_once_in_order_and_marked_as_seen(folder: Path) -> None:
    door = Door()
    intake = MaildirIntake(folder, take=door)
    deliver(folder, "1700000002.V1I2M3.mx", b"second")
    deliver(folder, "1700000001.V1I1M3.mx", b"first")
    deliver(folder, "1700000003.V1I3M3.mx:2,F", b"flagged")
    assert [intake.step(), intake.step()] == [False, False]
    assert door.taken == [(data, "", "maildir") for data in (b"first", b"second", b"flagged")]
    assert names(folder, "new") == []
    assert names(folder, "cur") == [
        "1700000001.V1I1M3.mx:2,S",
        "1700000002.V1I2M3.mx:2,S",
        "1700000003.V1I3M3.mx:2,F",
    ]


def test_taken_messages_are_deleted_when_they_are_not_to_be_kept(folder: Path) -> None:
    door = Door()
    deliver(folder, "1", plain("Hello"))
    MaildirIntake(folder, take=door, keep=False).step()
    assert (len(door.taken), names(folder, "new"), names(folder, "cur")) == (1, [], [])


def test_messages_wait_while_the_database_is_busy_and_the_program_is_stopped(folder: Path) -> None:
    door = Door(busy=True)
    deliver(folder, "1", b"one")
    intake = MaildirIntake(folder, take=door)
    with pytest.raises(StorageError):
        intake.step()
    assert names(folder, "new") == ["1"]
    door.busy = False
    deliver(folder, "2", b"two")  # while no program runs
    MaildirIntake(folder, take=door).step()
    assert door.messages == [b"one", b"two"]


def test_one_message_with_an_unforeseen_fault_stays_and_stops_no_other(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    door = Door()
    for name, data in (("1", b"poison"), ("2", b"good"), ("3", b"fine")):
        deliver(folder, name, data)
    intake = MaildirIntake(folder, take=door)
    for _ in range(3):
        intake.step()
    assert (door.messages, names(folder, "new")) == ([b"good", b"fine"], ["1"])
    assert sum("left in the Maildir" in line for line in caplog.messages) == 1


def _unreadable(folder: Path) -> None:
    (folder / "new" / "0").mkdir()


def _link(folder: Path) -> None:
    (folder / "new" / "0").symlink_to("/etc/passwd")


def _pipe(folder: Path) -> None:
    os.mkfifo(folder / "new" / "0")


def _hidden(folder: Path) -> None:
    (folder / "new" / ".nfs0001").write_bytes(b"being deleted")


@pytest.mark.parametrize("put", [_unreadable, _link, _pipe, _hidden])
def test_what_is_no_message_is_left_alone(folder: Path, put: object) -> None:
    door = Door()
    assert callable(put)
    put(folder)
    deliver(folder, "1", b"good")
    MaildirIntake(folder, take=door).step()
    assert door.messages == [b"good"]
    assert len(names(folder, "new")) == 1


def test_a_file_that_could_not_be_taken_is_tried_again_after_a_while(folder: Path) -> None:
    door, clock = Door(), Clock()
    deliver(folder, "1", b"poison")
    intake = MaildirIntake(folder, take=door, monotonic=clock)
    intake.step()
    door.poison = b"another"
    clock.now += AGAIN_AFTER / 2
    intake.step()
    assert door.messages == []
    clock.now += AGAIN_AFTER
    intake.step()
    assert door.messages == [b"poison"]


def test_only_the_beginning_of_an_endless_message_is_read(folder: Path) -> None:
    door = Door()
    deliver(folder, "1", b"x" * (3 * MOST_BYTES))
    MaildirIntake(folder, take=door).step()
    assert [len(data) for data in door.messages] == [MOST_BYTES]


def test_many_messages_are_taken_in_batches(folder: Path) -> None:
    door = Door()
    for number in range(BATCH + 1):
        deliver(folder, f"{number:04}", b"m%d" % number)
    intake = MaildirIntake(folder, take=door)
    assert [intake.step(), intake.step()] == [True, False]
    assert door.messages == [b"m%d" % number for number in range(BATCH + 1)]


def test_a_folder_that_does_not_exist_is_made(tmp_path: Path) -> None:
    door = Door()
    intake = MaildirIntake(tmp_path / "deep" / "Maildir", take=door)
    intake.step()
    deliver(tmp_path / "deep" / "Maildir", "1", b"one")
    intake.step()
    assert door.messages == [b"one"]


def test_a_message_that_comes_during_a_look_is_not_overlooked(folder: Path) -> None:
    """A file system's clock has ticks: a second message within one does not change the folder's time."""
    door = Door()
    intake = MaildirIntake(folder, take=door)
    deliver(folder, "1", b"one")
    intake.step()
    before = (folder / "new").stat()
    deliver(folder, "2", b"two")
    os.utime(folder / "new", ns=(before.st_atime_ns, before.st_mtime_ns))
    intake.step()
    assert door.messages == [b"one", b"two"]


def test_a_folder_that_has_not_changed_is_not_listed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    door = Door()
    deliver(folder, "1", b"one")
    intake = MaildirIntake(folder, take=door, wall=lambda: (folder / "new").stat().st_mtime + 60)
    intake.step()
    intake.step()  # its own move changed the folder
    listed: list[object] = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(path) or scandir(path))
    intake.step()
    assert listed == []
    deliver(folder, "2", b"two")
    intake.step()
    assert len(listed) == 1


def test_a_maildir_that_cannot_be_used_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StorageError, match="cannot be used") as error:
        MaildirIntake(tmp_path / "file", take=Door()).step()
    assert "inbound.maildir.path" in error.value.hint
