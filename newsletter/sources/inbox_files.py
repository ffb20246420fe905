"""Decides by name and `os.lstat` which files of an inbox folder may be ingested. It opens none."""

from __future__ import annotations

import os
import stat

from newsletter.core.errors import DumpRefusedError
from newsletter.sources.decoding import check_size

TAKEN_FOLDER, REFUSED_FOLDER = "taken", "refused"  # folders inside the inbox
UNFINISHED = (".part", ".partial", ".filepart", ".crdownload", ".download", ".tmp", ".swp", "~")


def is_hidden(name: str) -> bool:
    """Whether the name is hidden or one of the folders of this program."""
    return name.startswith(".") or name in (TAKEN_FOLDER, REFUSED_FOLDER)


def is_unfinished(name: str) -> bool:
    """Whether the name is one that programs give to a file which they still write."""
    return name.endswith(UNFINISHED)


def reason_to_refuse(found: os.stat_result, name: str) -> str:
    """Why the file is refused whatever its contents are; empty when it may be ingested.

    found: of the entry itself. Others may write into the inbox; a link would show us files that are not
    theirs.
    """
    if stat.S_ISLNK(found.st_mode):
        return "a link; put the file itself here"
    if stat.S_ISDIR(found.st_mode):
        return "a folder; put the files themselves here"
    if not stat.S_ISREG(found.st_mode):
        return "no regular file"
    if found.st_nlink > 1:
        return "a hard link: the file has another name, too; put a copy here"
    try:
        check_size(found.st_size, name=name)
    except DumpRefusedError as error:
        return error.message
    return ""
