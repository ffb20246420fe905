"""Sees what lies in the inbox and is not taken: told by how long it lies there, whoever failed to take it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from newsletter.core.alarms import StuckFile
from newsletter.sources.inbox_files import REFUSED_FOLDER, is_hidden, is_unfinished, reason_to_refuse

MOST = 25  # that are named; more have one cause


def leftovers(inbox: Path) -> tuple[StuckFile, ...]:
    """What lies in an inbox folder, and in `refused/` in it, by name; empty when they cannot be read."""
    found = [_left(entry, _why(entry)) for entry in _entries(inbox) if not is_hidden(entry.name)]
    found += [_left(entry, "no listing") for entry in _entries(inbox / REFUSED_FOLDER)]
    return tuple(left for left in found if left is not None)[:MOST]


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:  # not there yet, or closed to us: whoever takes from it says so
        return []


def _why(entry: os.DirEntry[str]) -> str:
    if is_unfinished(entry.name):
        return "its name says that it is still written"
    try:
        why = reason_to_refuse(entry.stat(), entry.name)
    except OSError as error:  # a link to nothing
        return f"cannot be read: {error.strerror}"
    return why or ("" if os.access(entry.path, os.R_OK) else "cannot be read: Permission denied")


def _left(entry: os.DirEntry[str], why: str) -> StuckFile | None:
    try:
        changed = entry.stat(follow_symlinks=False).st_ctime  # of being put here; a copy may keep its mtime
    except OSError:  # taken just now
        return None
    name = entry.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return StuckFile(
        file="".join(character if character.isprintable() else "?" for character in name),
        why=why,
        since=datetime.fromtimestamp(changed, UTC),
        is_refused=Path(entry.path).parent.name == REFUSED_FOLDER,
    )
