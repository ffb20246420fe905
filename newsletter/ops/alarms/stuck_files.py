"""Finds files of the inbox that are not ingested, with their visible faults. Sets no limit of age."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from newsletter.core.alarms import StuckFile
from newsletter.sources.inbox_files import REFUSED_FOLDER, is_hidden, is_unfinished, reason_to_refuse

MAX_FILES = 25  # that are reported: a larger number has one cause


def find_stuck_files(inbox: Path) -> tuple[StuckFile, ...]:
    """The files of an inbox folder, then those of its folder `refused/`, by name.

    Empty when the folders cannot be read.
    """
    found = [_stuck(entry, _fault(entry)) for entry in _entries(inbox) if not is_hidden(entry.name)]
    found += [_stuck(entry, "no listing") for entry in _entries(inbox / REFUSED_FOLDER)]
    return tuple(stuck for stuck in found if stuck is not None)[:MAX_FILES]


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:  # the folder is missing or unreadable: ingesting from it reports that
        return []


def _fault(entry: os.DirEntry[str]) -> str:
    if is_unfinished(entry.name):
        return "its name says that it is still written"
    try:
        why = reason_to_refuse(entry.stat(follow_symlinks=False), entry.name)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return why or ("" if os.access(entry.path, os.R_OK) else "cannot be read: Permission denied")


def _stuck(entry: os.DirEntry[str], why: str) -> StuckFile | None:
    try:
        changed = entry.stat(
            follow_symlinks=False
        ).st_ctime  # when it was put here; a copy may keep its mtime
    except OSError:  # it has just been ingested
        return None
    return StuckFile(
        file=_shown(entry.name),
        path=_shown(entry.path),
        why=why,
        since=datetime.fromtimestamp(changed, UTC),
        is_refused=Path(entry.path).parent.name == REFUSED_FOLDER,
    )


def _shown(name: str) -> str:
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(character if character.isprintable() else "?" for character in text)
