"""What may be taken of an inbox folder, by names and by what `os.stat` says. Opens no file."""

from __future__ import annotations

import os
import stat

from newsletter.core.errors import DumpRefusedError
from newsletter.sources.decoding import check_size

TAKEN, REFUSED = "taken", "refused"  # folders inside the inbox
UNFINISHED = (".part", ".partial", ".filepart", ".crdownload", ".download", ".tmp", ".swp", "~")


def is_hidden(name: str) -> bool:
    """Whether the name says that the file is none of ours."""
    return name.startswith(".") or name in (TAKEN, REFUSED)


def is_unfinished(name: str) -> bool:
    """Whether the name says that somebody still writes it."""
    return name.endswith(UNFINISHED)


def unfit(found: os.stat_result, name: str) -> str:
    """Why this is nothing to take, whatever its contents; empty: it may be."""
    if stat.S_ISDIR(found.st_mode):
        return "a folder; put the files themselves here"
    if not stat.S_ISREG(found.st_mode):
        return "no regular file"
    try:
        check_size(found.st_size, name=name)
    except DumpRefusedError as error:
        return error.message
    return ""
