"""Reads messages from files, folders, Maildirs, mboxes and standard input, for the command line."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from newsletter.inbound.limits import MOST_BYTES

_MBOX_START = b"From "  # begins each message of an mbox (RFC 4155)
_LINE = 65_536  # octets that are read of a line at a time


def read_messages(files: Sequence[str]) -> Iterator[tuple[str, bytes | OSError]]:
    """Each message with its file's name, cut at MOST_BYTES, or why a file cannot be read.

    Of a folder all files that are not hidden, by name; of a Maildir those in `new` and `cur`; of an mbox each
    message, in order. `-` is one message, or an mbox, on standard input.
    """
    for file in files:
        if file == "-":
            yield from _of_stream("-", sys.stdin.buffer)
            continue
        path = Path(file)
        try:
            inside = _files_in(path) if path.is_dir() else [path]
        except OSError as error:
            yield file, error
            continue
        for one in inside:
            try:
                with one.open("rb") as stream:
                    yield from _of_stream(str(one), stream)
            except OSError as error:
                yield str(one), error


def _files_in(folder: Path) -> list[Path]:
    is_maildir = all((folder / name).is_dir() for name in ("new", "cur", "tmp"))
    roots = [folder / "new", folder / "cur"] if is_maildir else [folder]
    found = [path for root in roots for path in sorted(root.rglob("*"))]
    return [path for path in found if not path.name.startswith(".") and not path.is_dir()]


def _of_stream(name: str, stream: BinaryIO) -> Iterator[tuple[str, bytes]]:
    first = stream.readline(_LINE)
    if not first.startswith(_MBOX_START):
        yield name, (first + stream.read(MOST_BYTES))[:MOST_BYTES]
        return
    size, after_empty = 0, False
    lines: list[bytes] = []
    while line := stream.readline(_LINE):
        if after_empty and line.startswith(_MBOX_START):
            yield name, b"".join(lines)
            size, lines = 0, []
        elif size < MOST_BYTES:
            lines.append(line[1:] if line.startswith(b">From ") else line)
            size += len(line)
        after_empty = not line.strip()
    yield name, b"".join(lines)
