"""Takes the plain text out of saved mail: one message, an mbox, or text that is no mail at all."""

from __future__ import annotations

import email
import email.policy
import quopri
import re
from collections import Counter
from collections.abc import Iterator
from datetime import date
from email.message import Message
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo

from newsletter.sources.dump_file import DumpFile
from newsletter.sources.limits import check_number

NEW_YORK = ZoneInfo("America/New_York")  # arXiv's own time, in which its days begin
MOST_PARTS = 100  # of one message; a mailing has one or two
MOST_MESSAGES = 5_000  # of a file
DEEPEST = 30  # messages and lists of parts in one another
LONGEST_HEADER = 200_000  # bytes of a message before its text; signatures and hops have 20,000
LONGEST_FIELD = 1_000  # characters; only fields with dates, types and encodings are read
MOST_DASHED = 10_000  # lines that may begin a part; papers of a mailing have such lines, too
_NESTING = re.compile(rb"multipart/|message/", re.IGNORECASE)
_BODY = re.compile(rb"\r?\n\r?\n")
_SOFT_BREAK = re.compile(r"[^=\s]=[ \t]*$", re.MULTILINE)
_BLANKS = re.compile(
    rb"(?<![ \t\r])[ \t\r]+\n"
)  # at the ends of lines: what transport added (RFC 2045, section 6.7)
_HEADER = re.compile(rb"(?:From \S+ .*\r?\n)?(?:[A-Za-z][A-Za-z-]{1,40}: ?.*\r?\n(?:[ \t].*\r?\n)*+){3}")
_MBOX = re.compile(rb"^From \S+ .*\d{4}\r?$\n", re.MULTILINE)


def mail_texts(dump: DumpFile) -> Iterator[tuple[date | None, str]]:
    """The day on which each message was sent, in New York, and its text; without mail the whole text."""
    data = dump.data.lstrip(b"\xef\xbb\xbf\r\n")
    if not _HEADER.match(data):  # saved by a program that changed the encoding or the line ends
        data = dump.text.lstrip("\ufeff\n").encode("utf-8", "replace")
    if not _HEADER.match(data):
        yield None, _pasted(dump.text)
        return
    found = _MBOX.split(data, MOST_MESSAGES + 1) if data.startswith(b"From ") else [data]
    messages = [raw for raw in found if raw and not raw.isspace()]
    check_number(len(messages), "mails", most=MOST_MESSAGES, name=dump.name)
    for raw in messages:
        _check(raw, name=dump.name)
        message = email.message_from_bytes(raw, policy=email.policy.compat32)
        yield _sent_on(message), _text(message)


def _check(raw: bytes, *, name: str) -> None:
    """Raise DumpRefusedError for a mail whose parts or header would cost the parser much."""
    body = _BODY.search(raw)
    header = body.start() if body else len(raw)
    check_number(header, "bytes in the header of a mail", most=LONGEST_HEADER, name=name)
    nested = sum(1 for _ in _NESTING.finditer(raw))
    if nested:
        check_number(nested, "mails and lists of parts in a mail", most=DEEPEST, name=name)
        check_number(raw.count(b"\n--"), "lines that may begin a part of a mail", most=MOST_DASHED, name=name)


def _pasted(text: str) -> str:
    """The text without a mail's header; it may still be quoted-printable (RFC 2045, section 6.7)."""
    if len(_SOFT_BREAK.findall(text[:20_000])) < 3:
        return text
    return quopri.decodestring(_BLANKS.sub(b"\n", text.encode("utf-8", "replace"))).decode("utf-8", "replace")


def _sent_on(message: Message) -> date | None:
    try:
        sent = parsedate_to_datetime(_field(message, "Date"))
        return (sent if sent.tzinfo is None else sent.astimezone(NEW_YORK)).date()
    except (ValueError, IndexError, TypeError, OverflowError):
        return None


def _field(message: Message, name: str) -> str:
    """The value of a field of the header; empty when there is none, or when it is too long to be real."""
    value = str(message.get(name, "")).strip()
    return value if len(value) <= LONGEST_FIELD else ""


def _text(message: Message) -> str:
    parts: list[str] = []
    for number, part in enumerate(message.walk()):
        if number >= MOST_PARTS:
            break
        if "Content-Type" in part and not _field(part, "Content-Type"):
            continue
        if part.get_content_type() == "text/plain":
            encoding = _field(part, "Content-Transfer-Encoding").lower()
            del part["Content-Transfer-Encoding"]
            quoted = (
                encoding == "quoted-printable"
            )  # the library reads it wrongly where it has bytes above 127
            part["Content-Transfer-Encoding"] = "8bit" if quoted else encoding or "8bit"
            if encoding == "base64":
                part.set_payload(_base64_lines(str(part.get_payload())))
            payload = part.get_payload(decode=True)
            data = payload if isinstance(payload, bytes) else b""
            if quoted:
                data = quopri.decodestring(_BLANKS.sub(b"\n", data))
            try:
                parts.append(data.decode(part.get_content_charset("utf-8") or "utf-8", "replace"))
            except LookupError:
                parts.append(data.decode("utf-8", "replace"))
    return "\n".join(parts)


def _base64_lines(payload: str) -> str:
    """The lines of base64 without others: all but the last have one length (RFC 2045, section 6.8)."""
    lines = [line.strip() for line in payload.split("\n") if line.strip()]
    usual = max(Counter(map(len, lines)).items(), key=lambda item: item[1], default=(0, 0))[0]
    return "\n".join(line for line in lines[:-1] if len(line) == usual) + "\n" + "".join(lines[-1:])
