"""The inbox: complete files only, each once, whatever is done to them meanwhile."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable, Iterator
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
        self.newsletter = WholeNewsletter(folder, port=1, url=url)
        self.folder = folder / "inbox"
        self.folder.mkdir()
        self.ticks = 0.0
        ingest = inbox_ingester(
            self.newsletter.engine, archive=folder / "dumps", matcher=self.newsletter.matcher
        )
        self.inbox = Inbox(self.folder, ingest=ingest, monotonic=lambda: self.ticks)

    def drop(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(data)
        return path

    def scan(self, after: float = QUIET_SECONDS) -> list[tuple[str, DumpStatus]]:
        self.ticks += after
        return [(report.file, report.status) for report in self.inbox.scan(now=NOW)]

    def left(self) -> list[str]:
        return sorted(str(p.relative_to(self.folder)) for p in self.folder.rglob("*") if not p.is_dir())


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[InboxFolder]:
    inbox = InboxFolder(tmp_path)
    yield inbox
    inbox.newsletter.engine.dispose()


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "newsletter.inbox")
    return caplog


def _words(logged: pytest.LogCaptureFixture) -> list[str]:
    found = [record.getMessage() for record in logged.records]
    logged.clear()
    return found


INGESTED, REFUSED, HELD = DumpStatus.INGESTED, DumpStatus.REFUSED, DumpStatus.HELD


def test_complete_dump_is_taken_at_the_second_look_and_put_aside(inbox: InboxFolder) -> None:
    inbox.drop("2026-04-13.txt", DUMP)
    assert inbox.scan() == []
    assert inbox.scan() == [("2026-04-13.txt", INGESTED)]
    assert (inbox.left(), inbox.scan(), inbox.scan()) == (["taken/2026-04-13.txt"], [], [])


def test_two_looks_close_to_each_other_take_nothing(inbox: InboxFolder) -> None:
    inbox.drop("a.txt", DUMP)
    assert inbox.scan() == []
    assert inbox.scan(after=QUIET_SECONDS / 2) == []
    assert inbox.scan(after=QUIET_SECONDS / 4) == []
    assert inbox.scan(after=QUIET_SECONDS / 4) == [("a.txt", INGESTED)]


def test_dump_that_is_copied_in_slowly_is_read_once_it_is_whole(inbox: InboxFolder) -> None:
    path = inbox.folder / "a.txt"
    for end in range(0, len(DUMP), len(DUMP) // 5):
        with path.open("ab") as file:
            file.write(DUMP[end : end + len(DUMP) // 5])
        assert inbox.scan(after=QUIET_SECONDS - 1) == []
    assert inbox.scan() == [("a.txt", INGESTED)]
    assert (inbox.folder / "taken" / "a.txt").read_bytes() == DUMP


def test_dump_that_somebody_holds_open_for_writing_waits(inbox: InboxFolder) -> None:
    with (inbox.folder / "a.txt").open("wb") as file:
        file.write(DUMP[:4000])
        file.flush()
        assert [inbox.scan() for _ in range(3)] == [[], [], []]
        file.write(DUMP[4000:])
    assert (inbox.scan(), inbox.scan()) == ([], [("a.txt", INGESTED)])


def test_dump_that_somebody_only_reads_does_not_wait(inbox: InboxFolder) -> None:
    with inbox.drop("a.txt", DUMP).open("rb"):
        assert (inbox.scan(), inbox.scan()) == ([], [("a.txt", INGESTED)])


def test_dump_that_grows_after_it_was_taken_is_looked_at_again(
    inbox: InboxFolder, logged: pytest.LogCaptureFixture
) -> None:
    half = DUMP.index(b"\n\n", len(DUMP) // 2)
    inbox.drop("a.txt", DUMP[:half])
    assert (inbox.scan(), inbox.scan()) == ([], [("a.txt", INGESTED)])
    with (inbox.folder / "taken" / "a.txt").open("ab") as file:
        file.write(DUMP[half:])
    assert (inbox.scan(), inbox.scan()) == ([], [("a.txt", INGESTED)])
    assert (inbox.folder / "taken" / "a.txt").read_bytes() == DUMP
    assert "changed as it was taken; looked at again file='a.txt'" in _words(logged)
    assert inbox.scan(after=WATCHED_SECONDS + 1) == []


def test_dump_that_is_deleted_is_reported(inbox: InboxFolder, logged: pytest.LogCaptureFixture) -> None:
    path = inbox.drop("a.txt", DUMP)
    inbox.scan()
    path.unlink()
    assert (inbox.scan(), _words(logged)) == ([], ["gone before it was taken file='a.txt'"])


def test_dump_that_is_replaced_waits_anew(inbox: InboxFolder, logged: pytest.LogCaptureFixture) -> None:
    inbox.drop("a.txt", DUMP)
    inbox.scan()
    inbox.drop(".b.txt", OTHER).rename(inbox.folder / "a.txt")
    assert (inbox.scan(), _words(logged)) == ([], ["replaced before it was taken file='a.txt'"])
    assert inbox.scan() == [("a.txt", INGESTED)]
    assert (inbox.folder / "taken" / "a.txt").read_bytes() == OTHER


def test_dump_that_is_renamed_is_taken_under_its_new_name(
    inbox: InboxFolder, logged: pytest.LogCaptureFixture
) -> None:
    path = inbox.drop("a.txt", DUMP)
    inbox.scan()
    path.rename(inbox.folder / "b.txt")
    assert (inbox.scan(), _words(logged)) == ([], ["gone before it was taken file='a.txt'"])
    assert inbox.scan() == [("b.txt", INGESTED)]


def test_what_cannot_be_read_is_reported_once_and_holds_up_nobody(
    inbox: InboxFolder, logged: pytest.LogCaptureFixture
) -> None:
    (inbox.folder / "link.txt").symlink_to("nowhere")
    (inbox.folder / "folder").mkdir()
    os.mkfifo(inbox.folder / "pipe.txt")
    inbox.drop("empty.txt", b"")
    inbox.drop("z.txt", DUMP)
    inbox.scan()
    logged.clear()
    assert inbox.scan() == [("z.txt", INGESTED)]
    assert [words for words in _words(logged) if words.startswith("left")] == [
        "left in the inbox file='empty.txt' why='the file is empty'",
        "left in the inbox file='folder' why='a folder; put the files themselves here'",
        "left in the inbox file='link.txt' why='a link; put the file itself here'",
        "left in the inbox file='pipe.txt' why='no regular file'",
    ]
    assert (inbox.scan(), _words(logged)) == ([], [])
    inbox.drop("empty.txt", OTHER)
    assert (inbox.scan(), inbox.scan()) == ([], [("empty.txt", INGESTED)])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_dump_without_permission_is_reported_and_taken_once_it_is_given(
    inbox: InboxFolder, logged: pytest.LogCaptureFixture
) -> None:
    path = inbox.drop("a.txt", DUMP)
    path.chmod(0)
    assert (inbox.scan(), inbox.scan()) == ([], [])
    assert _words(logged) == ["left in the inbox file='a.txt' why='cannot be read: Permission denied'"]
    path.chmod(0o600)
    assert (inbox.scan(), inbox.scan()) == ([], [("a.txt", INGESTED)])


def test_names_of_unfinished_files_are_left_alone(inbox: InboxFolder) -> None:
    for name in (".a.txt.Xy12", "a.txt.part", "a.crdownload", "a.txt~", "a.tmp"):
        inbox.drop(name, DUMP)
    before = inbox.left()
    assert [inbox.scan() for _ in range(3)] == [[], [], []]
    assert inbox.left() == before


def test_file_of_no_format_is_put_aside_as_refused(
    inbox: InboxFolder, logged: pytest.LogCaptureFixture
) -> None:
    inbox.drop("a.txt", b"\x00\x01\x02 nothing to read")
    assert (inbox.scan(), inbox.scan()) == ([], [("a.txt", REFUSED)])
    assert (inbox.left(), logged.records[-1].levelno) == (["refused/a.txt"], logging.WARNING)


def test_dump_of_which_a_third_cannot_be_read_is_held_and_reported(
    inbox: InboxFolder, logged: pytest.LogCaptureFixture
) -> None:
    inbox.drop("a.txt", half_read_page())
    assert (inbox.scan(), inbox.scan()) == ([], [("a.txt", HELD)])
    assert logged.records[-1].levelno == logging.WARNING
    assert inbox.left() == ["taken/a.txt"]


def test_same_name_on_another_day_replaces_nothing(inbox: InboxFolder) -> None:
    for data in (DUMP, OTHER):
        inbox.drop("today.txt", data)
        assert (inbox.scan(), inbox.scan()) == ([], [("today.txt", INGESTED)])
    assert inbox.left() == ["taken/today (2).txt", "taken/today.txt"]


def test_file_that_cannot_be_put_aside_is_taken_once(
    inbox: InboxFolder, logged: pytest.LogCaptureFixture
) -> None:
    inbox.drop("taken", b"a file where the folder should be")
    inbox.drop("a.txt", DUMP)
    assert (inbox.scan(), inbox.scan(), inbox.scan()) == ([], [("a.txt", INGESTED)], [])
    assert "left in the inbox file='a.txt' why='cannot be moved: File exists'" in _words(logged)


def test_dump_that_could_not_be_stored_is_taken_later(inbox: InboxFolder) -> None:
    inbox.drop("a.txt", DUMP)
    archive = inbox.newsletter.folder / "dumps"
    archive.write_text("in the way")
    inbox.scan()
    with pytest.raises(StorageError):
        inbox.scan()
    assert inbox.left() == ["a.txt"]
    archive.unlink()
    assert inbox.scan() == [("a.txt", INGESTED)]


def test_inbox_that_was_removed_is_made_again(inbox: InboxFolder) -> None:
    inbox.folder.rmdir()
    assert inbox.scan() == []
    assert inbox.folder.is_dir()


@pytest.mark.dialects
def test_dump_that_the_database_cannot_hold_holds_up_none_behind_it(
    tmp_path: Path, database_url: str, logged: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsletter.sources.printed_dates._MOST_COMMENTS", 10**12)  # as any oversight would
    inbox = InboxFolder(tmp_path, database_url)
    inbox.drop("2026-04-14.txt", page("Apr 14", PrintedPaper(title="Quantum Lattices", comments=99999999999)))
    inbox.drop("2026-04-15.txt", OTHER)
    inbox.scan()
    taken = inbox.scan()
    assert ("2026-04-15.txt", INGESTED) in taken
    if "postgresql" in database_url:
        assert inbox.left() == ["2026-04-14.txt", "taken/2026-04-15.txt"]
        assert "integer out of range" in _words(logged)[0]
    assert inbox.scan() == []
    inbox.newsletter.engine.dispose()


def test_dump_whose_name_is_no_text_is_taken(inbox: InboxFolder) -> None:
    (inbox.folder / os.fsdecode(b"2026-04-14 caf\xe9.txt")).write_bytes(DUMP)
    inbox.scan()
    assert inbox.scan() == [("2026-04-14 caf\ufffd.txt", INGESTED)]


def test_what_goes_back_to_the_inbox_replaces_nothing(inbox: InboxFolder) -> None:
    for name in ("a.txt", "a again.txt", "a again 2.txt"):
        inbox.drop(name, DUMP if name == "a.txt" else name.encode())
    inbox.scan()
    with (inbox.folder / "a again.txt").open("ab") as waits, (inbox.folder / "a again 2.txt").open("ab"):
        inbox.scan()
        with (inbox.folder / "taken/a.txt").open("ab") as writer:
            writer.write(b"more\n")
        inbox.drop("a.txt", OTHER)
        waits.write(b"!")
        inbox.scan(after=1)
    assert (inbox.folder / "a again.txt").read_bytes() == b"a again.txt!"
    assert (inbox.folder / "a again 2.txt").read_bytes() == b"a again 2.txt"
    assert (inbox.folder / "a.txt").read_bytes() == OTHER
    assert (inbox.folder / "a again 3.txt").read_bytes() == DUMP + b"more\n"


def test_file_that_may_not_be_linked_goes_back_all_the_same(
    inbox: InboxFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:  # what Linux says of another user's file
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    inbox.drop("a.txt", DUMP)
    inbox.scan()
    inbox.scan()
    with (inbox.folder / "taken/a.txt").open("ab") as writer:
        writer.write(b"more\n")
    inbox.drop("a.txt", OTHER)
    inbox.scan(after=1)
    assert (inbox.folder / "a.txt").read_bytes() == OTHER
    assert (inbox.folder / "a again.txt").read_bytes() == DUMP + b"more\n"
    assert inbox.scan(after=1) == []


def _link_to_a_dump(folder: Path, outside: Path) -> None:
    (folder / "a.txt").symlink_to(outside)


def _link_to_a_folder(folder: Path, outside: Path) -> None:
    (folder / "a.txt").symlink_to(outside.parent)


def _link_within(folder: Path, outside: Path) -> None:
    (folder / "taken").mkdir()
    (folder / "taken/old.txt").write_bytes(outside.read_bytes())
    (folder / "a.txt").symlink_to("taken/old.txt")


def _link_to_a_link(folder: Path, outside: Path) -> None:
    (folder / ".b").symlink_to(outside)
    (folder / "a.txt").symlink_to(".b")


def _link_to_itself(folder: Path, outside: Path) -> None:
    (folder / "a.txt").symlink_to("a.txt")


def _link_to_endless_data(folder: Path, outside: Path) -> None:
    (folder / "a.txt").symlink_to("/dev/zero")


def _hard_link(folder: Path, outside: Path) -> None:
    os.link(outside, folder / "a.txt")


@pytest.mark.parametrize(
    "plant",
    [
        _link_to_a_dump,
        _link_to_a_folder,
        _link_within,
        _link_to_a_link,
        _link_to_itself,
        _link_to_endless_data,
        _hard_link,
    ],
)
def test_links_are_not_followed_but_reported(
    inbox: InboxFolder, logged: pytest.LogCaptureFixture, tmp_path: Path, plant: Callable[[Path, Path], None]
) -> None:
    outside = tmp_path / "outside/secret.txt"
    outside.parent.mkdir()
    outside.write_bytes(DUMP)
    plant(inbox.folder, outside)
    assert [inbox.scan() for _ in range(3)] == [[], [], []]
    (words,) = [words for words in _words(logged) if words.startswith("left")]
    assert "link" in words
    assert outside.read_bytes() == DUMP
    (inbox.folder / "a.txt").unlink()
    inbox.drop("a.txt", DUMP)  # the file itself is taken
    assert (inbox.scan(), inbox.scan()) == ([], [("a.txt", INGESTED)])


def test_link_that_takes_the_place_of_a_dump_is_not_read(inbox: InboxFolder, tmp_path: Path) -> None:
    outside = tmp_path / "secret.txt"
    outside.write_bytes(OTHER)
    path = inbox.drop("a.txt", DUMP)
    assert inbox.scan() == []
    path.unlink()
    path.symlink_to(outside)
    assert [inbox.scan() for _ in range(3)] == [[], [], []]


@pytest.mark.parametrize("name", ["taken", "refused"])
def test_nothing_is_put_into_a_folder_behind_a_link(
    inbox: InboxFolder, logged: pytest.LogCaptureFixture, tmp_path: Path, name: str
) -> None:
    outside = tmp_path / "templates"
    outside.mkdir()
    (inbox.folder / name).symlink_to(outside)
    inbox.drop("a.txt", DUMP if name == "taken" else b"no listing at all\n" * 20)
    inbox.scan()
    inbox.scan()
    assert list(outside.iterdir()) == []
    assert f"left in the inbox file='a.txt' why='cannot be moved: the folder {name} is a link'" in _words(
        logged
    )
