"""Decodes the bytes of a dump to text: checks size and kind, finds the encoding.

It knows no format and does not read the text.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from newsletter.core.errors import DumpRefusedError
from newsletter.core.papers.listing import Unread

_MB = 1024 * 1024  # bytes
MAX_SIZE = 20 * _MB  # bytes; a page of 50 papers has 80 kB, so a larger file is a mistake
MAX_LINES = 400_000  # four times the lines of a listing of MAX_SIZE; more is a log, or an attack
_CONTROLS = bytes({*range(9), *range(14, 32), 127} - {27})  # ESC is allowed: logs of terminals hold it
_CONTROL_SHARE = 0.005  # of all bytes; with more of them it is no text
_BOMS = (  # no UTF-32: browsers do not save it, and it is refused as binary
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_MAGIC = (
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"{\\rtf", "a rich text document"),
)
_AS_WINDOWS_1252 = {  # of a byte that is no UTF-8, as Python escapes it (PEP 383)
    0xDC00 + byte: bytes([byte]).decode("windows-1252", errors="replace") for byte in range(0x80, 0x100)
}
_AS_TEXT = "Save the page as plain text: select all of it, copy, and paste it into a .txt file."


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """A dump's text."""

    text: str
    unread: tuple[Unread, ...] = ()  # a broken character at the end


def check_size(size: int, *, name: str) -> None:
    """Raise DumpRefusedError when a file of `size` bytes is empty or larger than MAX_SIZE."""
    if size == 0:
        raise DumpRefusedError("the file is empty", hint=f"Save the page again. {_AS_TEXT}", file=name)
    if size > MAX_SIZE:
        raise DumpRefusedError(
            f"the file is too large for a listing: {size / _MB:,.1f} MB, at most {MAX_SIZE / _MB:.0f} MB",
            hint="Split it into one file per page, or check that it is the file you mean.",
            file=name,
        )


def decode(data: bytes, *, name: str) -> Decoded:
    """Return the text of `data`: by its byte order mark, else UTF-8, else Windows-1252.

    name: the file's name, for messages. Raises DumpRefusedError for an empty or too large file, and for bytes
    that are no text.
    """
    check_size(len(data), name=name)
    for magic, what in _MAGIC:
        if data.startswith(magic):
            raise DumpRefusedError(f"the file is {what}, not text", hint=_AS_TEXT, file=name)
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return _decode_as(data[len(bom) :], encoding, name=name)
    if b"\x00" in data[:4096] or _controls(data) > len(data) * _CONTROL_SHARE:
        raise DumpRefusedError("the file is binary, not text", hint=_AS_TEXT, file=name)
    return _decode_as(data, "utf-8", name=name)


def _decode_as(data: bytes, encoding: str, *, name: str) -> Decoded:
    try:
        return _checked(Decoded(text=data.decode(encoding)), name=name)
    except UnicodeDecodeError as error:
        if error.end == len(data) and error.reason in ("unexpected end of data", "truncated data"):
            text = data[: error.start].decode(encoding)
            line = text.count("\n") + 1
            cut = Unread(
                line=line,
                reason="the file ends in the middle of a character: the last entry may be cut short",
                text=text.rpartition("\n")[2][-200:],
            )
            return _checked(Decoded(text=text, unread=(cut,)), name=name)
        if encoding != "utf-8":
            text = data.decode(encoding, errors="replace")
            return _checked(Decoded(text=text), name=name)
    # Not UTF-8. With more valid multi-byte characters than broken bytes, two encodings are mixed.
    mixed = data.decode("utf-8", errors="surrogateescape")
    whole = mixed.encode("utf-8", "ignore").decode("utf-8")
    broken, valid = len(mixed) - len(whole), len(whole) - len(whole.encode("ascii", "ignore"))
    if valid > broken:
        return _checked(Decoded(text=mixed.translate(_AS_WINDOWS_1252)), name=name)
    text = data.decode("windows-1252", errors="replace")
    return _checked(Decoded(text=text), name=name)


def _controls(data: bytes) -> int:
    return len(data) - len(data.translate(None, _CONTROLS))


def _checked(decoded: Decoded, *, name: str) -> Decoded:
    """Refuse text that is blank, holds NULs, or has more lines than a listing can have."""
    if not decoded.text.strip():
        raise DumpRefusedError(
            "the file holds nothing but blanks", hint=f"Save the page again. {_AS_TEXT}", file=name
        )
    if "\x00" in decoded.text:
        raise DumpRefusedError("the file is binary, not text", hint=_AS_TEXT, file=name)
    if max(decoded.text.count("\n"), decoded.text.count("\r")) > MAX_LINES:
        raise DumpRefusedError(
            "the file has too many lines for a listing", hint="Check that it is the file you mean.", file=name
        )
    return decoded
