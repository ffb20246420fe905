"""Finds where a report in plain words ends and the message that it returns begins."""
# ruff: noqa: E501 - a pattern is read as a whole

from __future__ import annotations

import re

from newsletter.inbound.message import HeaderFields, InboundMessage, UnreadableMessageError, read_header

_NAMES = (
    r"(?:Received|Return-Path|From|To|Cc|Subject|Date|Message-ID|MIME-Version|Content-[\w-]+|X-[\w-]+|Delivered-To|"
    r"DKIM-Signature|DomainKey-Signature|Reply-To|Sender|References|In-Reply-To|List-[\w-]+|ARC-[\w-]+|Authentication-Results)"
)
_FIELD = re.compile(rf"^[ \t>]*{_NAMES}[ \t]*:", re.IGNORECASE)
_MARK = re.compile(
    r"^[ \t]*(?:"
    r"[-=_*#|]{2,}[ -]*(?:.{0,40}\b(?:copy of|original|returned|unsent|undelivered|header of|message header|message follows|message text|forwarded|your message was|kopie|ursprüngliche|message d'origine)\b.{0,60})"
    r"|(?:the |your )?(?:original|returned|undelivered|unsent) (?:e?-?mail|message)(?: headers?| text)?(?: as)? ?(?:follows|is (?:attached|included|below)|:)"
    r"|(?:below|included|here|following) is (?:a |the )?(?:copy|header|original).{0,60}"
    r"|message headers? follows?\b.{0,20}|a copy of (?:the|your) (?:original )?message.{0,40}:|the header of the (?:original )?message.{0,40}"
    r"|(?:die |der )?(?:ursprüngliche|originale?) (?:nachricht|e-?mail)\b.{0,40}|.{0,20}元のメッセージ.{0,20}|.{0,20}原信.{0,20}"
    r")[ \t]*[-=_*#:.|]*[ \t]*$",
    re.IGNORECASE,
)


def split_text(text: str, *, attached: bool = False) -> tuple[str, str]:
    """What a report says, and the message that it quotes behind it; the second may be empty.

    attached: the message comes as a part of its own, so that a few fields in the text only sum it up.
    """
    lines = text.split("\n")
    run = 0
    for number, line in enumerate(lines):
        if _MARK.match(line[:200]) and number:
            return "\n".join(lines[:number]), "\n".join(lines[number + 1 :])
        if _FIELD.match(line):
            run += 1
            if (run == 4 and not attached) or (
                run >= 2 and line.lstrip().lower().startswith(("received:", "return-path:"))
            ):
                start = _first_of_run(lines, number)
                return "\n".join(lines[:start]), "\n".join(lines[start:])
        elif not line[:1].isspace() or not line.strip():
            run = 0
    return text, ""


def returned_header(message: InboundMessage, quoted: str) -> HeaderFields:
    """The header of the message that is reported on, from its part or from the quotation."""
    part = message.returned
    body = part.body if part is not None else quoted.encode("utf-8", "replace")
    body = re.sub(rb"\A\s*\n", b"", body)
    head = body.partition(b"\n\n")[0]
    if part is None:
        lines = head.split(b"\n")
        margin = min(
            (len(line) - len(line.lstrip(b" >")) for line in lines if _FIELD.match(line.decode("latin-1"))),
            default=0,
        )
        head = b"\n".join(line[margin:] for line in lines)
    try:
        return read_header(head[:100_000])
    except UnreadableMessageError:
        return HeaderFields()


def _first_of_run(lines: list[str], last: int) -> int:
    start = last
    while start and (
        _FIELD.match(lines[start - 1]) or (lines[start - 1][:1].isspace() and lines[start - 1].strip())
    ):
        start -= 1
    while start < last and not _FIELD.match(lines[start]):
        start += 1
    return start
