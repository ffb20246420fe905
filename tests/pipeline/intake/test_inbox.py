"""The inbox: complete files only, each once, whatever is done to them meanwhile."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from newsletter import samples
from newsletter.core.errors import StorageError
from newsletter.core.states import DumpStatus
from newsletter.pipeline.intake.inbox import QUIET_SECONDS, WATCHED_SECONDS, Inbox
from newsletter.pipeline.jobs import inbox_ingester
from tests.pipeline.intake.scenario import PrintedPaper, page
from tests.pipeline.intake.test_dumps import half_read_page
from tests.pipeline.whole_newsletter import WholeNewsletter, utc

NOW = utc("2026-04-13T06:00")
DUMP = samples.dumps()[0].read_bytes()
OTHER = samples.dumps()[1].read_bytes()


class InboxFolder:
    """An inbox on a real newsletter, and a clock that is turned by hand."""

    def __init__(self, folder: Path, url: str | None = None) -> None:
        self.office = WholeNewsletter(folder, port=1, url=url)
        self.folder = folder / "inbox"
        self.folder.mkdir()
        self.ticks = 0.0
        ingest = inbox_ingester(self.office.engine, archive=folder / "dumps", matcher=self.office.matcher)
        self.inbox = Inbox(self.folder, ingest=ingest, monotonic=lambda: self.ticks)

    def drop(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(data)
        return path

    def look(self, after: float = QUIET_SECONDS) -> list[tuple[str, DumpStatus]]:
        self.ticks += after
        return [(report.file, report.status) for report in self.inbox.scan(now=NOW)]

    def left(self) -> list[str]:
        return sorted(str(p.relative_to(self.folder)) for p in self.folder.rglob("*") if not p.is_dir())


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[InboxFolder]:
    desk = InboxFolder(tmp_path)
    yield desk
    desk.office.engine.dispose()


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "newsletter.inbox")
    return caplog


def _words(told: pytest.LogCaptureFixture) -> list[str]:
    found = [record.getMessage() for record in told.records]
    told.clear()
    return found


INGESTED, REFUSED, HELD = DumpStatus.INGESTED, DumpStatus.REFUSED, DumpStatus.HELD


def test_complete_dump_is_taken_at_the_second_look_and_put_aside(desk: InboxFolder) -> None:
    desk.drop("2026-04-13.txt", DUMP)
    assert desk.look() == []
    assert desk.look() == [("2026-04-13.txt", INGESTED)]
    assert (desk.left(), desk.look(), desk.look()) == (["taken/2026-04-13.txt"], [], [])


def test_two_looks_close_to_each_other_take_nothing(desk: InboxFolder) -> None:
    desk.drop("a.txt", DUMP)
    assert desk.look() == []
    assert desk.look(after=QUIET_SECONDS / 2) == []
    assert desk.look(after=QUIET_SECONDS / 4) == []
    assert desk.look(after=QUIET_SECONDS / 4) == [("a.txt", INGESTED)]


def test_dump_that_is_copied_in_slowly_is_read_once_it_is_whole(desk: InboxFolder) -> None:
    path = desk.folder / "a.txt"
    for end in range(0, len(DUMP), len(DUMP) // 5):
        with path.open("ab") as file:
            file.write(DUMP[end : end + len(DUMP) // 5])
        assert desk.look(after=QUIET_SECONDS - 1) == []
    assert desk.look() == [("a.txt", INGESTED)]
    assert (desk.folder / "taken" / "a.txt").read_bytes() == DUMP


def test_dump_that_somebody_holds_open_for_writing_waits(desk: InboxFolder) -> None:
    with (desk.folder / "a.txt").open("wb") as file:
        file.write(DUMP[:4000])
        file.flush()
        assert [desk.look() for _ in range(3)] == [[], [], []]
        file.write(DUMP[4000:])
    assert (desk.look(), desk.look()) == ([], [("a.txt", INGESTED)])


def test_dump_that_somebody_only_reads_does_not_wait(desk: InboxFolder) -> None:
    with desk.drop("a.txt", DUMP).open("rb"):
        assert (desk.look(), desk.look()) == ([], [("a.txt", INGESTED)])


def test_dump_that_grows_after_it_was_taken_is_looked_at_again(
    desk: InboxFolder, told: pytest.LogCaptureFixture
) -> None:
    half = DUMP.index(b"\n\n", len(DUMP) // 2)
    desk.drop("a.txt", DUMP[:half])
    assert (desk.look(), desk.look()) == ([], [("a.txt", INGESTED)])
    with (desk.folder / "taken" / "a.txt").open("ab") as file:
        file.write(DUMP[half:])
    assert (desk.look(), desk.look()) == ([], [("a.txt", INGESTED)])
    assert (desk.folder / "taken" / "a.txt").read_bytes() == DUMP
    assert "changed as it was taken; looked at again file='a.txt'" in _words(told)
    assert desk.look(after=WATCHED_SECONDS + 1) == []


def test_dump_that_is_deleted_is_reported(desk: InboxFolder, told: pytest.LogCaptureFixture) -> None:
    path = desk.drop("a.txt", DUMP)
    desk.look()
    path.unlink()
    assert (desk.look(), _words(told)) == ([], ["gone before it was taken file='a.txt'"])


def test_dump_that_is_replaced_waits_anew(desk: InboxFolder, told: pytest.LogCaptureFixture) -> None:
    desk.drop("a.txt", DUMP)
    desk.look()
    desk.drop(".b.txt", OTHER).rename(desk.folder / "a.txt")
    assert (desk.look(), _words(told)) == ([], ["replaced before it was taken file='a.txt'"])
    assert desk.look() == [("a.txt", INGESTED)]
    assert (desk.folder / "taken" / "a.txt").read_bytes() == OTHER


def test_dump_that_is_renamed_is_taken_under_its_new_name(
    desk: InboxFolder, told: pytest.LogCaptureFixture
) -> None:
    path = desk.drop("a.txt", DUMP)
    desk.look()
    path.rename(desk.folder / "b.txt")
    assert (desk.look(), _words(told)) == ([], ["gone before it was taken file='a.txt'"])
    assert desk.look() == [("b.txt", INGESTED)]


def test_what_cannot_be_read_is_reported_once_and_holds_up_nobody(
    desk: InboxFolder, told: pytest.LogCaptureFixture
) -> None:
    (desk.folder / "link.txt").symlink_to("nowhere")
    (desk.folder / "folder").mkdir()
    os.mkfifo(desk.folder / "pipe.txt")
    desk.drop("empty.txt", b"")
    desk.drop("z.txt", DUMP)
    desk.look()
    told.clear()
    assert desk.look() == [("z.txt", INGESTED)]
    assert [words for words in _words(told) if words.startswith("left")] == [
        "left in the inbox file='empty.txt' why='the file is empty'",
        "left in the inbox file='folder' why='a folder; put the files themselves here'",
        "left in the inbox file='link.txt' why='cannot be read: No such file or directory'",
        "left in the inbox file='pipe.txt' why='no regular file'",
    ]
    assert (desk.look(), _words(told)) == ([], [])
    desk.drop("empty.txt", OTHER)
    assert (desk.look(), desk.look()) == ([], [("empty.txt", INGESTED)])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_dump_without_permission_is_reported_and_taken_once_it_is_given(
    desk: InboxFolder, told: pytest.LogCaptureFixture
) -> None:
    path = desk.drop("a.txt", DUMP)
    path.chmod(0)
    assert (desk.look(), desk.look()) == ([], [])
    assert _words(told) == ["left in the inbox file='a.txt' why='cannot be read: Permission denied'"]
    path.chmod(0o600)
    assert (desk.look(), desk.look()) == ([], [("a.txt", INGESTED)])


def test_names_of_unfinished_files_are_left_alone(desk: InboxFolder) -> None:
    for name in (".a.txt.Xy12", "a.txt.part", "a.crdownload", "a.txt~", "a.tmp"):
        desk.drop(name, DUMP)
    before = desk.left()
    assert [desk.look() for _ in range(3)] == [[], [], []]
    assert desk.left() == before


def test_file_of_no_format_is_put_aside_as_refused(desk: InboxFolder, told: pytest.LogCaptureFixture) -> None:
    desk.drop("a.txt", b"\x00\x01\x02 nothing to read")
    assert (desk.look(), desk.look()) == ([], [("a.txt", REFUSED)])
    assert (desk.left(), told.records[-1].levelno) == (["refused/a.txt"], logging.WARNING)


def test_dump_of_which_a_third_cannot_be_read_is_held_and_reported(
    desk: InboxFolder, told: pytest.LogCaptureFixture
) -> None:
    desk.drop("a.txt", half_read_page())
    assert (desk.look(), desk.look()) == ([], [("a.txt", HELD)])
    assert told.records[-1].levelno == logging.WARNING
    assert desk.left() == ["taken/a.txt"]


def test_same_name_on_another_day_replaces_nothing(desk: InboxFolder) -> None:
    for data in (DUMP, OTHER):
        desk.drop("today.txt", data)
        assert (desk.look(), desk.look()) == ([], [("today.txt", INGESTED)])
    assert desk.left() == ["taken/today (2).txt", "taken/today.txt"]


def test_file_that_cannot_be_put_aside_is_taken_once(
    desk: InboxFolder, told: pytest.LogCaptureFixture
) -> None:
    desk.drop("taken", b"a file where the folder should be")
    desk.drop("a.txt", DUMP)
    assert (desk.look(), desk.look(), desk.look()) == ([], [("a.txt", INGESTED)], [])
    assert "left in the inbox file='a.txt' why='cannot be moved: File exists'" in _words(told)


def test_dump_that_could_not_be_stored_is_taken_later(desk: InboxFolder) -> None:
    desk.drop("a.txt", DUMP)
    archive = desk.office.folder / "dumps"
    archive.write_text("in the way")
    desk.look()
    with pytest.raises(StorageError):
        desk.look()
    assert desk.left() == ["a.txt"]
    archive.unlink()
    assert desk.look() == [("a.txt", INGESTED)]


def test_inbox_that_was_removed_is_made_again(desk: InboxFolder) -> None:
    desk.folder.rmdir()
    assert desk.look() == []
    assert desk.folder.is_dir()


@pytest.mark.dialects
def test_dump_that_the_database_cannot_hold_holds_up_none_behind_it(
    tmp_path: Path, database_url: str, told: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsletter.sources.printed_dates._MOST_COMMENTS", 10**12)  # as any oversight would
    desk = InboxFolder(tmp_path, database_url)
    desk.drop("2026-04-14.txt", page("Apr 14", PrintedPaper(title="Quantum Lattices", comments=99999999999)))
    desk.drop("2026-04-15.txt", OTHER)
    desk.look()
    taken = desk.look()
    assert ("2026-04-15.txt", INGESTED) in taken
    if "postgresql" in database_url:
        assert desk.left() == ["2026-04-14.txt", "taken/2026-04-15.txt"]
        assert "integer out of range" in _words(told)[0]
    assert desk.look() == []
    desk.office.engine.dispose()


def test_dump_whose_name_is_no_text_is_taken(desk: InboxFolder) -> None:
    (desk.folder / os.fsdecode(b"2026-04-14 caf\xe9.txt")).write_bytes(DUMP)
    desk.look()
    assert desk.look() == [("2026-04-14 caf\ufffd.txt", INGESTED)]


def test_what_goes_back_to_the_inbox_replaces_nothing(desk: InboxFolder) -> None:
    for name in ("a.txt", "a again.txt", "a again 2.txt"):
        desk.drop(name, DUMP if name == "a.txt" else name.encode())
    desk.look()
    with (desk.folder / "a again.txt").open("ab") as waits, (desk.folder / "a again 2.txt").open("ab"):
        desk.look()
        with (desk.folder / "taken/a.txt").open("ab") as writer:
            writer.write(b"more\n")
        desk.drop("a.txt", OTHER)
        waits.write(b"!")
        desk.look(after=1)
    assert (desk.folder / "a again.txt").read_bytes() == b"a again.txt!"
    assert (desk.folder / "a again 2.txt").read_bytes() == b"a again 2.txt"
    assert (desk.folder / "a.txt").read_bytes() == OTHER
    assert (desk.folder / "a again 3.txt").read_bytes() == DUMP + b"more\n"


def test_file_that_may_not_be_linked_goes_back_all_the_same(
    desk: InboxFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:  # what Linux says of another user's file
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    desk.drop("a.txt", DUMP)
    desk.look()
    desk.look()
    with (desk.folder / "taken/a.txt").open("ab") as writer:
        writer.write(b"more\n")
    desk.drop("a.txt", OTHER)
    desk.look(after=1)
    assert (desk.folder / "a.txt").read_bytes() == OTHER
    assert (desk.folder / "a again.txt").read_bytes() == DUMP + b"more\n"
    assert desk.look(after=1) == []
