"""Takes complete files from the inbox folder. It does not read listings: `newsletter.pipeline.intake.ingest`.

A file is complete when two scans, QUIET_SECONDS apart, find it unchanged and no process is known to write to
it. Ingested files move to `taken/`, files of no known format to `refused/`; none is deleted. The bytes of a
file are read whole or not at all, also when it changes meanwhile.
"""

from __future__ import annotations

import errno
import logging
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path

from newsletter.core.errors import NewsletterError, StorageError, UnstorableError
from newsletter.core.states import DumpStatus
from newsletter.pipeline.intake.dump_report import DumpReport
from newsletter.sources.inbox_files import (
    REFUSED_FOLDER,
    TAKEN_FOLDER,
    is_hidden,
    is_unfinished,
    reason_to_refuse,
)

QUIET_SECONDS = 15.0  # without a change: longer than the pauses of a copy over a poor network
WATCHED_SECONDS = 3600.0  # for so long a taken file is watched: a process may still write to it

log = logging.getLogger("newsletter.inbox")

IngestBytes = Callable[[bytes, str, datetime], DumpReport]


@dataclass(frozen=True, slots=True)
class FileState:
    """Identity, size and times of a file: different after each change."""

    device: int
    inode: int
    size: int
    mtime: int  # ns
    ctime: int  # ns; changes also when a writer resets mtime

    @classmethod
    def of(cls, found: os.stat_result) -> FileState:
        """The state in a result of `os.stat`."""
        return cls(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)

    @property
    def contents(self) -> tuple[int, int, int, int]:
        """The part of the state that a rename keeps."""
        return self.device, self.inode, self.size, self.mtime


@dataclass(slots=True)
class _SeenFile:
    state: FileState
    since: float  # monotonic seconds
    reported: bool = False  # its problem is in the log; not again while the state stays


class Inbox:
    """One inbox folder and the findings of earlier scans. For one thread."""

    def __init__(
        self, folder: Path, *, ingest: IngestBytes, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """ingest: takes bytes, file name and instant. monotonic: seconds of a clock that never jumps."""
        self._folder = folder
        self._ingest_bytes = ingest
        self._monotonic = monotonic
        self._seen: dict[str, _SeenFile] = {}
        self._taken: dict[Path, _SeenFile] = {}

    def scan(self, *, now: datetime) -> list[DumpReport]:
        """Scan the folder once; returns reports of ingested and refused files, by name. now: aware.

        Raises StorageError when the folder, the database or the archive cannot be used; then the files stay.
        """
        self._watch_taken()
        try:
            found = {entry.name: entry for entry in os.scandir(self._folder)}
        except FileNotFoundError:
            self._folder.mkdir(parents=True, exist_ok=True)
            found = {}
        except OSError as error:
            raise StorageError(
                f"the inbox cannot be read: {error.strerror}", hint="Check its permissions."
            ) from error
        for name in sorted(self._seen.keys() - found.keys()):
            if not self._seen.pop(name).reported:
                log.warning("gone before it was taken file=%r", name)
        reports = []
        for name in sorted(found):
            if not is_hidden(name) and not is_unfinished(name):
                data = self._read_if_complete(name)
                report = None if data is None else self._ingest(name, data, now)
                if report is not None:
                    reports.append(report)
        return reports

    def _read_if_complete(self, name: str) -> bytes | None:
        """The bytes of a file, or None when it is not complete yet."""
        path = self._folder / name
        try:
            found = path.lstat()
            state, trouble = FileState.of(found), reason_to_refuse(found, name)
        except OSError as error:  # gone again
            state, trouble = FileState(0, 0, 0, 0, 0), f"cannot be read: {error.strerror}"
        seen = self._seen.get(name)
        if seen is None or seen.state != state:
            if seen is not None and seen.state.inode != state.inode:
                log.info("replaced before it was taken file=%r", name)
            self._seen[name] = seen = _SeenFile(state, self._monotonic())
        if seen.reported or self._monotonic() - seen.since < QUIET_SECONDS:
            return None
        if trouble:
            self._report(seen, name, trouble)
            return None
        if _is_written(state):
            return None
        try:
            return _read_whole(path, state)
        except OSError as error:
            self._report(seen, name, f"cannot be read: {error.strerror}")
            return None

    def _report(self, seen: _SeenFile, name: str, trouble: str) -> None:
        if not seen.reported:
            log.warning("left in the inbox file=%r why=%r", name, trouble)
            seen.reported = True

    def _ingest(self, name: str, data: bytes, now: datetime) -> DumpReport | None:
        """Ingest the bytes of a file, then move it out of the inbox."""
        try:
            report = self._ingest_bytes(data, name, now)
        except UnstorableError as error:
            self._report(self._seen[name], name, error.message)
            return None
        except NewsletterError:
            raise
        except Exception as error:  # one dump with an unforeseen fault must not stop the others
            log.exception("dump could not be taken in file=%r", name)
            self._report(self._seen[name], name, f"unexpected {type(error).__name__}")
            return None
        refused = report.status is DumpStatus.REFUSED
        write = log.warning if refused or report.status is DumpStatus.HELD else log.info
        write(
            "dump %s file=%r entries=%d new=%d%s",
            report.status.value,
            name,
            report.entries,
            report.new,
            f" why={report.error!r}" if report.error else "",
        )
        seen = self._seen[name]
        try:
            put = self._put_aside(name, seen.state, REFUSED_FOLDER if refused else TAKEN_FOLDER)
        except OSError as error:
            # Its bytes are stored. Keep it as reported, or the next scan would ingest it again.
            self._report(seen, name, f"cannot be moved: {error.strerror}")
            return report
        self._seen.pop(name)
        if put is not None and not refused:
            self._taken[put] = _SeenFile(FileState.of(put.stat()), self._monotonic())
        return report

    def _put_aside(self, name: str, state: FileState, folder: str) -> Path | None:
        """Move the file that was read; None when another file has taken its place, which stays for a scan."""
        folder_path = self._folder / folder
        folder_path.mkdir(exist_ok=True)
        if folder_path.is_symlink():  # it would lead to a folder that is not for dumps
            raise OSError(errno.ELOOP, f"the folder {folder} is a link")
        target, number = folder_path / name, 1
        while target.exists():
            number += 1
            target = folder_path / f"{Path(name).stem} ({number}){Path(name).suffix}"
        source = self._folder / name
        try:
            source.rename(target)
        except FileNotFoundError:  # deleted meanwhile; its bytes were read
            return None
        if FileState.of(target.stat()).contents != state.contents:
            self._put_back(target, source)
            return None
        return target

    def _put_back(self, target: Path, source: Path) -> None:
        log.info("changed as it was taken; looked at again file=%r", source.name)
        for free in _names(source):
            try:
                _move(target, free)
            except FileExistsError:  # another file came meanwhile
                continue
            return

    def _watch_taken(self) -> None:
        """Move a taken file back into the inbox when a process went on writing to it."""
        for path, seen in list(self._taken.items()):
            try:
                changed = FileState.of(path.stat()).contents != seen.state.contents
            except OSError:  # an admin removed it
                del self._taken[path]
                continue
            if changed:
                try:
                    self._put_back(path, self._folder / path.name)
                except OSError as error:
                    name = f"{TAKEN_FOLDER}/{path.name}"
                    self._report(seen, name, f"cannot be moved back: {error.strerror}")
                else:
                    del self._taken[path]
            elif self._monotonic() - seen.since > WATCHED_SECONDS:
                del self._taken[path]


def _names(wanted: Path) -> Iterator[Path]:
    """The wanted name, then similar ones."""
    yield wanted
    yield wanted.with_name(f"{wanted.stem} again{wanted.suffix}")
    yield from (wanted.with_name(f"{wanted.stem} again {number}{wanted.suffix}") for number in count(2))


def _move(source: Path, target: Path) -> None:
    """Rename a file without replacing another. Raises FileExistsError, OSError."""
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:  # another user's file (Linux: fs.protected_hardlinks), or a disk without links
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        source.rename(target)
    else:
        source.unlink()


def _read_whole(path: Path, state: FileState) -> bytes | None:
    """The bytes, or None when the file changed meanwhile. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as file:
        if FileState.of(os.fstat(file.fileno())) != state:
            return None
        data = file.read()
        return data if FileState.of(os.fstat(file.fileno())) == state and len(data) == state.size else None


def _is_written(state: FileState) -> bool:
    """Whether a process is known to have the file open for writing.

    Linux shows the processes of our own user; other systems show none.
    """
    try:
        processes = [name for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208
    except OSError:
        return False
    for process in processes:
        folder = f"/proc/{process}/fd"
        try:
            descriptors = os.listdir(folder)  # noqa: PTH208
        except OSError:  # of another user, or it has just ended
            continue
        for descriptor in descriptors:
            try:
                found = os.stat(f"{folder}/{descriptor}")  # noqa: PTH116
                if (found.st_dev, found.st_ino) != (state.device, state.inode):
                    continue
                info = Path(f"/proc/{process}/fdinfo/{descriptor}").read_text("ascii")
            except (OSError, UnicodeDecodeError):
                continue
            flags = next((line for line in info.splitlines() if line.startswith("flags:")), "flags: 0")
            if int(flags.split()[1], 8) & os.O_ACCMODE != os.O_RDONLY:
                return True
    return False
