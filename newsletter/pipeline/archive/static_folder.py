"""Keeps a folder of files up to date: writes what changed, whole or not at all, and removes what is gone.

A small file in the folder remembers from what each file was made, so that a later build need not make it.
"""

from __future__ import annotations

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
VERSION = 1  # of its form


def fingerprint(*parts: object) -> str:
    """A short text that differs where any part does."""
    return hashlib.blake2b(repr(parts).encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


@dataclass(slots=True)
class StaticFolder:
    """A folder with a static copy."""

    root: Path
    _known: dict[str, str] = field(default_factory=dict)  # fingerprint by file, of the build before
    _kept: dict[str, str] = field(default_factory=dict)  # of this build
    changed: int = 0

    @classmethod
    def opened(cls, root: Path) -> StaticFolder:
        """The folder at `root`, made where it is missing.

        Raises NewsletterError for a folder with files of somebody else, and for one that cannot be written.
        """
        folder = cls(root)
        try:
            root.mkdir(parents=True, exist_ok=True)
            if (root / MEMORY).exists():
                folder._known = _remembered(root / MEMORY)
            elif any(root.iterdir()):
                raise NewsletterError(
                    f"{root} holds files that no archive build made",
                    hint="Name a new or an empty folder.",
                )
        except OSError as error:
            raise _unwritable(root, error) from None
        return folder

    def has(self, file: str, made_from: str) -> bool:
        """Whether the build before made `file` from that."""
        return self._known.get(file) == made_from and (self.root / file).exists()

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
                self._write(path, data)
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
        """Remember something for the next build. Raises NewsletterError when it cannot be written."""
        path = self.root / f"{MEMORY}-{name}"
        try:
            self._write(path, zlib.compress(json.dumps(what, separators=(",", ":")).encode(), 1))
        except OSError as error:
            raise _unwritable(path, error) from None

    def __enter__(self) -> StaticFolder:
        """Nothing is to be done at the beginning."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Remember the files of a build that failed: the next one goes on from there."""
        if kind is not None and self._kept:
            with suppress(OSError):
                self._remember_files({**self._known, **self._kept})

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
        return len(self._kept)

    def _remember_files(self, files: Mapping[str, str]) -> None:
        memory = json.dumps({"version": VERSION, "files": files}, separators=(",", ":"))
        self._write(self.root / MEMORY, zlib.compress(memory.encode()))

    def _write(self, path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.partial")
        partial.write_bytes(data)
        os.replace(partial, path)  # noqa: PTH105 - a visitor finds the old file or the new one


def _remembered(file: Path) -> dict[str, str]:
    """What a build before made; nothing when its memory is damaged: then all is made again."""
    try:
        found = json.loads(zlib.decompress(file.read_bytes()))
        if found["version"] != VERSION:
            # Without the list of its files nothing could be removed, so they are made anew under their names.
            return dict.fromkeys(_strings(found["files"]), "")
        return {str(name): str(made_from) for name, made_from in found["files"].items()}
    except (zlib.error, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _strings(names: Iterable[object]) -> list[str]:
    return [str(name) for name in names]


def _is_inside(file: str) -> bool:
    """Whether a remembered name stays in the folder: somebody may have edited the memory."""
    path = PurePosixPath(file)
    return not path.is_absolute() and ".." not in path.parts


def _unwritable(path: Path, error: OSError) -> NewsletterError:
    return NewsletterError(
        f"cannot write {path}: {error.strerror}", hint="Name a folder that you may write to, with free space."
    )
