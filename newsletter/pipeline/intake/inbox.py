"""Takes dumps from the inbox folder, complete files only. What they say is for
`newsletter.pipeline.intake.ingest`.

A file is complete when two looks, QUIET apart, find it unchanged and nobody holds it open for writing as far
as can be told. What was taken goes to `taken/`, what no format fits to `refused/`: nothing that somebody
dropped is deleted. Whatever happens to a file in between, its bytes are read whole or not at all.
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

QUIET = 15.0  # seconds without a change: longer than the pauses of a copy over a poor network
WATCHED = 3600.0  # seconds that a taken file is looked at: whoever still writes to it was not done

log = logging.getLogger("newsletter.inbox")

Take = Callable[[bytes, str, datetime], DumpReport]


@dataclass(frozen=True, slots=True)
class FileState:
    """What tells one state of a file from the next."""

    device: int
    inode: int
    size: int
    mtime: int  # ns
    ctime: int  # ns; also changes where a writer sets mtime back

    @classmethod
    def of(cls, found: os.stat_result) -> FileState:
        """The mark of what `os.stat` found."""
        return cls(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)

    @property
    def contents(self) -> tuple[int, int, int, int]:
        """What stays when a file is renamed."""
        return self.device, self.inode, self.size, self.mtime


@dataclass(slots=True)
class _Seen:
    mark: FileState
    since: float  # monotonic seconds
    told: bool = False  # its trouble was reported, and is while the mark stays


class Inbox:
    """One inbox folder, and what earlier looks found there. Not for several threads at once."""

    def __init__(self, folder: Path, *, take: Take, ticks: Callable[[], float] = time.monotonic) -> None:
        """take: ingests the bytes of a file of that name as of an instant. ticks: seconds that never jump."""
        self._folder = folder
        self._take = take
        self._ticks = ticks
        self._seen: dict[str, _Seen] = {}
        self._taken: dict[Path, _Seen] = {}

    def look(self, *, now: datetime) -> list[DumpReport]:
        """One look; returns what was taken or refused, in the order of names. now: aware, of the ingest.

        Raises StorageError when the folder, the database or the archive cannot be used: files stay then.
        """
        self._look_after_taken()
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
            if not self._seen.pop(name).told:
                log.warning("gone before it was taken file=%r", name)
        reports = []
        for name in sorted(found):
            if not is_hidden(name) and not is_unfinished(name):
                data = self._consider(name)
                report = None if data is None else self._ingest(name, data, now)
                if report is not None:
                    reports.append(report)
        return reports

    def _consider(self, name: str) -> bytes | None:
        """The bytes of a file that is complete now, or None."""
        path = self._folder / name
        try:
            found = path.stat()
            mark, trouble = FileState.of(found), reason_to_refuse(found, name)
        except OSError as error:  # gone again, or a link to nothing
            mark, trouble = FileState(0, 0, 0, 0, 0), f"cannot be read: {error.strerror}"
        seen = self._seen.get(name)
        if seen is None or seen.mark != mark:
            if seen is not None and seen.mark.inode != mark.inode:
                log.info("replaced before it was taken file=%r", name)
            self._seen[name] = seen = _Seen(mark, self._ticks())
        if seen.told or self._ticks() - seen.since < QUIET:
            return None
        if trouble:
            self._tell(seen, name, trouble)
            return None
        if _is_written(mark):
            return None
        try:
            return _read_whole(path, mark)
        except OSError as error:
            self._tell(seen, name, f"cannot be read: {error.strerror}")
            return None

    def _tell(self, seen: _Seen, name: str, trouble: str) -> None:
        if not seen.told:
            log.warning("left in the inbox file=%r why=%r", name, trouble)
            seen.told = True

    def _ingest(self, name: str, data: bytes, now: datetime) -> DumpReport | None:
        """Take a file's bytes in and put it aside."""
        try:
            report = self._take(data, name, now)
        except UnstorableError as error:
            self._tell(self._seen[name], name, error.message)
            return None
        except NewsletterError:
            raise
        except Exception as error:  # one dump that trips the parser must not hold up those behind it
            log.exception("dump could not be taken in file=%r", name)
            self._tell(self._seen[name], name, f"unexpected {type(error).__name__}")
            return None
        refused = report.status is DumpStatus.REFUSED
        told = log.warning if refused or report.status is DumpStatus.HELD else log.info
        told(
            "dump %s file=%r entries=%d new=%d%s",
            report.status.value,
            name,
            report.entries,
            report.new,
            f" why={report.error!r}" if report.error else "",
        )
        seen = self._seen[name]
        try:
            put = self._put_aside(name, seen.mark, REFUSED_FOLDER if refused else TAKEN_FOLDER)
        except OSError as error:
            # Its bytes are known; it stays as told, or the next look would take it once more.
            self._tell(seen, name, f"cannot be moved: {error.strerror}")
            return report
        self._seen.pop(name)
        if put is not None and not refused:
            self._taken[put] = _Seen(FileState.of(put.stat()), self._ticks())
        return report

    def _put_aside(self, name: str, mark: FileState, folder: str) -> Path | None:
        """Move what was read; what has come in its place since stays, to be looked at anew."""
        aside = self._folder / folder
        aside.mkdir(exist_ok=True)
        target, number = aside / name, 1
        while target.exists():
            number += 1
            target = aside / f"{Path(name).stem} ({number}){Path(name).suffix}"
        source = self._folder / name
        try:
            source.rename(target)
        except FileNotFoundError:  # deleted since: its bytes were read
            return None
        if FileState.of(target.stat()).contents != mark.contents:
            self._put_back(target, source)
            return None
        return target

    def _put_back(self, target: Path, source: Path) -> None:
        log.info("changed as it was taken; looked at again file=%r", source.name)
        for free in _names(source):
            try:
                _move(target, free)
            except FileExistsError:  # it has come since
                continue
            return

    def _look_after_taken(self) -> None:
        """Whoever goes on writing to a file that was taken gets it back in the inbox."""
        for path, seen in list(self._taken.items()):
            try:
                changed = FileState.of(path.stat()).contents != seen.mark.contents
            except OSError:  # an admin tidied up
                del self._taken[path]
                continue
            if changed:
                try:
                    self._put_back(path, self._folder / path.name)
                except OSError as error:
                    self._tell(seen, f"{TAKEN_FOLDER}/{path.name}", f"cannot be moved back: {error.strerror}")
                else:
                    del self._taken[path]
            elif self._ticks() - seen.since > WATCHED:
                del self._taken[path]


def _names(wanted: Path) -> Iterator[Path]:
    """The name that is wanted, then others like it."""
    yield wanted
    yield wanted.with_name(f"{wanted.stem} again{wanted.suffix}")
    yield from (wanted.with_name(f"{wanted.stem} again {number}{wanted.suffix}") for number in count(2))


def _move(source: Path, target: Path) -> None:
    """Rename, but over nothing. Raises FileExistsError, OSError."""
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:  # another user's file (Linux: fs.protected_hardlinks), or a disk that knows no links
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        source.rename(target)
    else:
        source.unlink()


def _read_whole(path: Path, mark: FileState) -> bytes | None:
    """The bytes, or None when the file changed meanwhile. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        if FileState.of(os.fstat(file.fileno())) != mark:
            return None
        data = file.read()
        return data if FileState.of(os.fstat(file.fileno())) == mark and len(data) == mark.size else None


def _is_written(mark: FileState) -> bool:
    """Whether a process has the file open for writing, of those that Linux shows us (our own user's, as a
    rule); elsewhere nothing can be told."""
    try:
        processes = [name for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208
    except OSError:
        return False
    for process in processes:
        folder = f"/proc/{process}/fd"
        try:
            descriptors = os.listdir(folder)  # noqa: PTH208
        except OSError:  # another user's, or it has just ended
            continue
        for descriptor in descriptors:
            try:
                found = os.stat(f"{folder}/{descriptor}")  # noqa: PTH116
                if (found.st_dev, found.st_ino) != (mark.device, mark.inode):
                    continue
                info = Path(f"/proc/{process}/fdinfo/{descriptor}").read_text("ascii")
            except (OSError, UnicodeDecodeError):
                continue
            flags = next((line for line in info.splitlines() if line.startswith("flags:")), "flags: 0")
            if int(flags.split()[1], 8) & os.O_ACCMODE != os.O_RDONLY:
                return True
    return False
