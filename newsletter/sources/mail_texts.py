"""Takes the plain text out of saved mail: one message, an mbox, or text that is no mail at all."""

from __future__ import annotations

import email
import email.policy
import quopri
import re
from collections.abc import Iterator
from datetime import date
from email.message import EmailMessage
from zoneinfo import ZoneInfo

from newsletter.sources.dump_file import DumpFile

NEW_YORK = ZoneInfo("America/New_York")  # arXiv's own time, in which its days begin
MOST_PARTS = 100  # of one message; a mailing has one or two
_SOFT_BREAK = re.compile(r"[^=\s]=[ \t]*$", re.MULTILINE)
_BLANKS = re.compile(r"[ \t\r]+\n")  # at the ends of lines: what transport added (RFC 2045, section 6.7)
_HEADER = re.compile(rb"(?:From \S+ .*\r?\n)?(?:[A-Za-z][A-Za-z-]{1,40}: ?.*\r?\n(?:[ \t].*\r?\n)*){3}")
_MBOX = re.compile(rb"^From \S+ .*\d{4}\r?$\n", re.MULTILINE)


def mail_texts(dump: DumpFile) -> Iterator[tuple[date | None, str]]:
    """The day on which each message was sent, in New York, and its text; without mail the whole text."""
    data = dump.data.lstrip(b"\xef\xbb\xbf\r\n")
    if not _HEADER.match(data):  # saved by a program that changed the encoding or the line ends
        data = dump.text.lstrip("\ufeff\n").encode("utf-8", "replace")
    if not _HEADER.match(data):
        yield None, _pasted(dump.text)
        return
    for raw in _MBOX.split(data) if data.startswith(b"From ") else [data]:
        if not raw.strip():
            continue
        message = email.message_from_bytes(raw, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        yield _sent_on(message), _text(message)


def _pasted(text: str) -> str:
    """The text without a mail's header; it may still be quoted-printable (RFC 2045, section 6.7)."""
    if len(_SOFT_BREAK.findall(text[:20_000])) < 3:
        return text
    return quopri.decodestring(_BLANKS.sub("\n", text).encode("utf-8", "replace")).decode("utf-8", "replace")


def _sent_on(message: EmailMessage) -> date | None:
    try:
        sent = message["Date"].datetime
    except (AttributeError, ValueError, IndexError, TypeError):
        return None
    if sent is None:
        return None
    return (sent if sent.tzinfo is None else sent.astimezone(NEW_YORK)).date()  # type: ignore[no-any-return]


def _text(message: EmailMessage) -> str:
    parts: list[str] = []
    for number, part in enumerate(message.walk()):
        if number >= MOST_PARTS:
            break
        if part.get_content_type() == "text/plain":
            encoding = str(part.get("Content-Transfer-Encoding", "")).strip().lower()
            del part["Content-Transfer-Encoding"]
            part["Content-Transfer-Encoding"] = encoding or "8bit"
            if encoding == "quoted-printable":
                part.set_payload(_BLANKS.sub("\n", str(part.get_payload())))
            payload = part.get_payload(decode=True)
            data = payload if isinstance(payload, bytes) else b""
            try:
                parts.append(data.decode(part.get_content_charset("utf-8"), "replace"))
            except LookupError:
                parts.append(data.decode("utf-8", "replace"))
    return "\n".join(parts)
