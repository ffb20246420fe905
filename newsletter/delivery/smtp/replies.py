"""Reads SMTP replies out of a byte stream, however it was split; sizes are bounded.

It knows nothing of commands: `newsletter.delivery.smtp.session` knows which reply answers which command.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

MAX_LINE = 4096  # bytes; RFC 5321 4.5.3.1.5 says 512, real servers write more
MAX_REPLY = 65_536  # bytes in all lines of one reply: an endless multi-line reply ends here
MAX_TEXT = 500  # characters of the server's words that are kept

_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])([^\r]*))?\r?\Z")
_CODES = {b"%d" % code: code for code in range(200, 600)}
_STATUS = re.compile(rb"([245])\.(\d{1,3})\.(\d{1,3})(?= |$)")


class UnreadableReplyError(ValueError):
    """The server sent something that is no SMTP reply, or too long a reply."""


class Reply(NamedTuple):  # four are made for each message: a dataclass takes three times as long
    """One whole reply, of one or several lines."""

    code: int  # 200 to 599
    lines: tuple[bytes, ...]  # the text behind the code, one for each line, without CRLF

    @property
    def status(self) -> str | None:
        """The enhanced code (RFC 3463), when there is one and its class agrees with the reply's."""
        return _status(self.code // 100, self.lines[-1].partition(b" ")[0])

    @property
    def text(self) -> str:
        """The server's words without the codes: printable, one line, at most MAX_TEXT characters."""
        words = []
        for line in self.lines:
            found = _STATUS.match(line)
            words.append(line[found.end() :] if found else line)
        return printable(b" ".join(words))


@lru_cache(maxsize=256)  # servers use few
def _status(kind: int, word: bytes) -> str | None:
    found = _STATUS.fullmatch(word)
    return word.decode("ascii") if found is not None and int(found[1]) == kind else None


def printable(raw: bytes) -> str:
    """`raw` as one line of printable text, cut to MAX_TEXT characters."""
    text = raw[: 8 * MAX_TEXT].decode("utf-8", "replace")
    if not text.isprintable():
        text = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(text.split())[:MAX_TEXT]


class ReplyReader:
    """Collects bytes and hands out whole replies."""

    __slots__ = ("_buffer", "_code", "_lines", "_position", "_size")

    def __init__(self) -> None:
        self._buffer = b""
        self._position = 0
        self._lines: list[bytes] = []
        self._code = 0
        self._size = 0

    @property
    def leftover(self) -> bool:
        """Whether bytes are left that were not returned as a reply."""
        return self._position < len(self._buffer) or bool(self._lines)

    def feed(self, data: bytes) -> None:
        """Add bytes from the network."""
        self._buffer = self._buffer[self._position :] + data if self.leftover else data
        self._position = 0

    def next(self) -> Reply | None:
        """The next whole reply, or None when more bytes are needed. Raises UnreadableReplyError."""
        while True:
            end = self._buffer.find(b"\n", self._position, self._position + MAX_LINE)
            if end < 0:
                if len(self._buffer) - self._position >= MAX_LINE:
                    raise UnreadableReplyError(f"a reply line of more than {MAX_LINE} bytes")
                return None
            line = self._buffer[self._position : end]
            self._position = end + 1
            reply = self._take(line)
            if reply is not None:
                return reply

    def _take(self, line: bytes) -> Reply | None:
        if not self._lines and line[3:4] == b" " and (code := _CODES.get(line[:3])) is not None:
            words = line[4:-1] if line[-1:] == b"\r" else line[4:]  # nearly every reply is one such line
            if b"\r" not in words:
                return Reply(code, (words,))
        found = _LINE.match(line)
        if found is None:
            raise UnreadableReplyError(f"not an SMTP reply: {printable(line)[:80]!r}")
        number = int(found[1])
        words = found[3] or b""
        if not self._lines and found[2] != b"-":
            return Reply(number, (words,))
        if self._lines and number != self._code:  # RFC 5321 4.2.1: each line carries the same code
            raise UnreadableReplyError(f"a reply whose lines say {self._code} and {number}")
        self._code = number
        self._size += len(line)
        if self._size > MAX_REPLY:
            raise UnreadableReplyError(f"a reply of more than {MAX_REPLY} bytes")
        self._lines.append(words)
        if found[2] == b"-":
            return None
        reply = Reply(number, tuple(self._lines))
        self._lines.clear()
        self._size = 0
        return reply
