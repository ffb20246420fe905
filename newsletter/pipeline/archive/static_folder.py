"""Keeps a folder of files up to date: writes what changed, whole or not at all, and removes what is gone.

A small file in the folder remembers from what each file was made, so that a later build need not make it.
Another names what is being written: after a build that was killed, nothing stays that nobody knows of.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import zlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from newsletter.core.errors import NewsletterError

MEMORY = ".newsletter-archive"  # the file that remembers; zlib, for it is a few hundred kB
WRITTEN = f"{MEMORY}-written"  # names of files, a line each, that a build wrote and did not remember yet
VERSION = 1  # of the form of MEMORY


def fingerprint(*parts: object) -> str:
    """A short text that differs where any part does."""
    return hashlib.blake2b(repr(parts).encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


@dataclass(slots=True)
class StaticFolder:
    """A folder with a static copy."""

    root: Path
    _known: dict[str, str] = field(default_factory=dict)  # fingerprint by file, of the build before
    _kept: dict[str, str] = field(default_factory=dict)  # of this build
    _notes: dict[str, Mapping[str, Any]] = field(default_factory=dict)  # what else to remember, by name
    changed: int = 0
    _lock: int | None = None  # a descriptor; the operating system frees it when a build is killed

    @classmethod
    def opened(cls, root: Path) -> StaticFolder:
        """The folder at `root`, made where it is missing.

        Raises NewsletterError for a folder with files of somebody else, for one whose memory is damaged, for
        one that cannot be written, and for one into which another build writes now.
        """
        folder = cls(root)
        try:
            root.mkdir(parents=True, exist_ok=True)
            ours = any((root / name).exists() for name in (MEMORY, WRITTEN))
            if not ours and any(root.iterdir()):
                raise NewsletterError(
                    f"{root} holds files that no archive build made",
                    hint="Name a new or an empty folder.",
                )
            folder._lock = _locked(root)
            try:
                folder._known = {**_remembered(root / MEMORY), **_left(root)}
            except BaseException:
                folder._release()
                raise
        except OSError as error:
            raise _unwritable(root, error) from None
        return folder

    def has(self, file: str, made_from: str) -> bool:
        """Whether the build before made `file` from that."""
        return self._known.get(file) == made_from and (self.root / file).exists()

    def make_again(self, file: str) -> None:
        """Have the next `keep` make this file, whatever it was made from."""
        if file in self._known:
            self._known[file] = ""

    def keep(self, file: str, made_from: str | None, make: Callable[[], bytes]) -> None:
        """Have `file` in the folder. made_from: a fingerprint; None when `make` is quicker than to know.

        Raises NewsletterError when it cannot be written.
        """
        path = self.root / file
        if made_from is not None and self.has(file, made_from):
            self._kept[file] = made_from
            return
        data = make()
        self._kept[file] = made_from or ""
        try:
            if not path.exists() or path.read_bytes() != data:
                with (self.root / WRITTEN).open("a", encoding="utf-8") as written:
                    written.write(f"{file}\n")
                _write(path, data)
                self.changed += 1
        except OSError as error:
            raise _unwritable(path, error) from None

    def keep_all(self, prefix: str, made_from: str) -> bool:
        """Keep all files whose names begin so, if there are some and each was made from that."""
        before = [file for file in self._known if file.startswith(prefix)]
        if not before or any(self._known[file] != made_from for file in before):
            return False
        if not all((self.root / file).exists() for file in before):
            return False
        self._kept.update(dict.fromkeys(before, made_from))
        return True

    def recalled(self, name: str) -> dict[str, Any]:
        """What a build before remembered under a name; empty when there is nothing or it is damaged."""
        try:
            found = json.loads(zlib.decompress((self.root / f"{MEMORY}-{name}").read_bytes()))
        except (OSError, zlib.error, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def remember(self, name: str, what: Mapping[str, Any]) -> None:
        """Remember for the next build what the mapping holds at the end of this one."""
        self._notes[name] = what

    def __enter__(self) -> StaticFolder:
        """Nothing is to be done at the beginning."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Remember the files of a build that failed: the next one goes on from there. Let others build."""
        try:
            if kind is not None and self._kept:
                with suppress(OSError):
                    self._remember_files({**self._known, **self._kept})
        finally:
            self._release()

    def finish(self) -> int:
        """Remove what this build did not keep, and remember the rest. Returns the number of files."""
        try:
            gone = sorted(set(self._known).difference(self._kept))
            for file in gone:
                if _is_inside(file):
                    (self.root / file).unlink(missing_ok=True)
                    with suppress(OSError):  # other files are in it
                        (self.root / file).parent.rmdir()
            self.changed += len(gone)
            self._remember_files(self._kept)
        except OSError as error:
            raise _unwritable(self.root, error) from None
        self._release()
        return len(self._kept)

    def __del__(self) -> None:
        """Let others build into a folder that was opened and left."""
        self._release()

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _remember_files(self, files: Mapping[str, str]) -> None:
        for name, what in self._notes.items():
            note = json.dumps(what, separators=(",", ":")).encode()
            _write(self.root / f"{MEMORY}-{name}", zlib.compress(note, 1))
        memory = json.dumps({"version": VERSION, "files": files}, separators=(",", ":"))
        _write(self.root / MEMORY, zlib.compress(memory.encode()))
        (self.root / WRITTEN).unlink(missing_ok=True)


def _locked(root: Path) -> int:
    """A descriptor that keeps other builds out of the folder until it is closed."""
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise NewsletterError(
            f"another build writes into {root} now", hint="Wait until it is done, and build again."
        ) from None
    except OSError:
        pass  # a file system without locks, such as some network shares
    return descriptor


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = _partial(path)
    try:
        partial.write_bytes(data)
        os.replace(partial, path)  # noqa: PTH105 - a visitor finds the old file or the new one
    except OSError:
        with suppress(OSError):
            partial.unlink()
        raise


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.partial")


def _left(root: Path) -> dict[str, str]:
    """The files that a build wrote before it was killed: nobody knows from what. Removes halves of files."""
    try:
        names = (root / WRITTEN).read_text("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return {}
    for name in filter(_is_inside, names):
        _partial(root / name).unlink(missing_ok=True)
    return dict.fromkeys(filter(_is_inside, names), "")


def _remembered(file: Path) -> dict[str, str]:
    """What a build before made; nothing where none came to its end.

    Raises NewsletterError for a damaged memory: without it nobody knows which files have to go.
    """
    try:
        found = json.loads(zlib.decompress(file.read_bytes()))
        if found["version"] != VERSION:
            # Without the list of its files nothing could be removed, so they are made anew under their names.
            return dict.fromkeys(_strings(found["files"]), "")
        return {str(name): str(made_from) for name, made_from in found["files"].items()}
    except FileNotFoundError:
        return {}
    except (zlib.error, ValueError, KeyError, TypeError, AttributeError):
        raise NewsletterError(
            f"{file} is damaged: it named the files of the last build",
            hint="Remove what that build made, or name a new folder, and build again.",
        ) from None


def _strings(names: Iterable[object]) -> list[str]:
    return [str(name) for name in names]


def _is_inside(file: str) -> bool:
    """Whether a remembered name stays in the folder: somebody may have edited the memory."""
    path = PurePosixPath(file)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts


def _unwritable(path: Path, error: OSError) -> NewsletterError:
    return NewsletterError(
        f"cannot write {path}: {error.strerror}", hint="Name a folder that you may write to, with free space."
    )
