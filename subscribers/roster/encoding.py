"""Detects the encoding of a file from its bytes. Does not read what the text says.

A byte order mark decides. Without one it is UTF-8 if all or most of the file is, else Windows-1252, which
contains nearly all of ISO 8859-1.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import BinaryIO

from subscribers.errors import RosterError

HEAD_SIZE = 65_536  # bytes; longer than any header
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it starts with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_PACKED = (
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook", "Unpack it, or save the sheet as CSV (UTF-8)."),
    (b"\x1f\x8b", "compressed", "Unpack it first."),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook", "Save the sheet as CSV (UTF-8)."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """How to decode a file."""

    name: str  # Python's
    skip: int = 0  # bytes of the byte order mark
    lossy: bool = False  # bytes that cannot be decoded read as U+FFFD


_NO_CHARSETS = ("idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "utf-7")


def named(name: str) -> Encoding:
    """The encoding that somebody names. Raises RosterError for a name that is none of a file."""
    try:
        "".encode(name)
        if codecs.lookup(name).name.replace("_", "-") in (known.replace("_", "-") for known in _NO_CHARSETS):
            raise LookupError
    except (LookupError, ValueError):
        raise RosterError(
            f"there is no encoding {name!r}", hint="Such as utf-8, iso-8859-2, koi8-r, shift_jis, gbk."
        ) from None
    return Encoding(name=name, lossy=True)


def find(name: str, file: BinaryIO) -> Encoding:
    """The encoding of an open file. name: for messages. Raises RosterError for a file that is not text."""
    head = file.read(HEAD_SIZE)
    for magic, what, hint in _PACKED:
        if head.startswith(magic):
            raise RosterError(f"{name} is {what}", hint=hint)
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return Encoding(name=encoding, skip=len(mark), lossy=True)
    if b"\x00" in head:
        if len(head) > 3 and not any(head[1:200:2]):
            return Encoding(name="utf-16-le", lossy=True)
        if len(head) > 3 and not any(head[0:200:2]):
            return Encoding(name="utf-16-be", lossy=True)
        if b"\x00" in head.partition(b"\n")[0] or not _utf8(head, whole=False):
            raise RosterError(f"{name} is no text", hint="Save it as CSV (UTF-8).")
    return _guess(head, file)


def _guess(head: bytes, file: BinaryIO) -> Encoding:
    start = file.tell() - len(head)
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        chunk = head
        while chunk:
            decoder.decode(chunk)
            chunk = file.read(HEAD_SIZE)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        file.seek(start)
        return _mostly(file)
    return Encoding(name="utf-8")


def _mostly(file: BinaryIO) -> Encoding:
    """The encoding that most non-ASCII characters of the file agree with."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    good = bad = 0
    while chunk := file.read(HEAD_SIZE):
        text = decoder.decode(chunk)
        if not text.isascii():
            wrong = text.count("\ufffd")
            bad += wrong
            good += len(text) - len(text.encode("ascii", "ignore")) - wrong
    return Encoding(name="utf-8" if good > bad else "cp1252", lossy=True)


def _utf8(head: bytes, *, whole: bool) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=whole)
    except UnicodeDecodeError:
        return False
    return True
