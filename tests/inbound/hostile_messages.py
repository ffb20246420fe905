"""Makes messages that could cost a parser much time or memory, of any size."""

from __future__ import annotations

from collections.abc import Callable

from tests.sources.hostile_files import HOSTILE as LISTINGS

HEAD = b"Return-Path: <>\nFrom: MAILER-DAEMON@mx.example\nSubject: Undelivered Mail Returned to Sender\n"
REPORT = HEAD + b'Content-Type: multipart/report; report-type=delivery-status; boundary="x"\n\n'
STATUS = REPORT + b"--x\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\n"
GROUP = b"Final-Recipient: rfc822; a%d@readers.example\nAction: failed\nStatus: 5.1.1\n\n"


def _fill(unit: bytes, *, head: bytes, tail: bytes = b"") -> Callable[[int], bytes]:
    return lambda size: head + unit * max(size // len(unit), 1) + tail


def _groups(size: int) -> bytes:
    return STATUS + b"".join(GROUP % number for number in range(size // len(GROUP)))


def _depth(size: int) -> bytes:
    level = b"Content-Type: multipart/report; boundary=b%d\n\n--b%d\n"
    return HEAD + b"".join(level % (n, n) for n in range(size // len(level))) + b"\n550 no\n"


def _reports(size: int) -> bytes:
    level = b"Content-Type: multipart/report; boundary=b%d\n\n--b%d\nContent-Type: message/rfc822\n\n"
    return HEAD + b"".join(level % (n, n) for n in range(size // len(level))) + b"Subject: x\n\nx\n"


HOSTILE: dict[str, Callable[[int], bytes]] = {
    **{name: make for name, make in LISTINGS.items() if name.startswith("mail:")},
    "parts": _fill(b"--x\nContent-Type: text/plain\n\n<a@b.example>: 550 no\n", head=REPORT),
    "empty parts": _fill(b"--x\n", head=REPORT),
    "nested parts": _depth,
    "nested reports": _reports,
    "groups": _groups,
    "one group of fields": _fill(
        b"Diagnostic-Code: smtp; 550 no\n", head=STATUS + b"Final-Recipient: rfc822; a@b.example\n"
    ),
    "a long diagnostic": _fill(
        b"550 5.1.1 ", head=STATUS + b"Final-Recipient: rfc822; a@b.example\nDiagnostic-Code: "
    ),
    "folded diagnostic": _fill(
        b" 550\n", head=STATUS + b"Final-Recipient: rfc822; a@b.example\nDiagnostic-Code: x\n"
    ),
    "torn groups": _fill(b"Action: failed\n\nStatus: 5.1.1\n\n", head=STATUS),
    "fields": _fill(b"X-A: b\n", head=HEAD, tail=b"\n550\n"),
    "a long field": _fill(b"=?utf-8?q?a?= ", head=HEAD + b"X-Failed-Recipients: ", tail=b"\n\n550\n"),
    "failed recipients": _fill(b"a@b.example, ", head=HEAD + b"X-Failed-Recipients: ", tail=b"\n\n550\n"),
    "recipients": _fill(b"<a@b.example>: 550 5.1.1 no\n", head=HEAD + b"\n"),
    "addresses": _fill(b"a@b.example ", head=HEAD + b"\n"),
    "signs": _fill(b"@", head=HEAD + b"\n"),
    "letters": _fill(b"a", head=HEAD + b"\n", tail=b"@b.example"),
    "dots": _fill(b"a.", head=HEAD + b"\n<a@", tail=b">"),
    "labels": _fill(b"Recipient: ", head=HEAD + b"\n"),
    "deliver": _fill(b"delivery to ", head=HEAD + b"\n"),
    "blanks": _fill(b" ", head=HEAD + b"\n", tail=b"x"),
    "empty lines": _fill(b"\n", head=HEAD + b"\nx", tail=b"x"),
    "digits": _fill(b"5", head=HEAD + b"\n", tail=b"x"),
    "codes": _fill(b"550 5.1.1 ", head=HEAD + b"\n<a@b.example>: "),
    "dashes": _fill(b"-", head=HEAD + b"\n", tail=b"\n"),
    "marks": _fill(b"----- copy of \n", head=HEAD + b"\n"),
    "quoted fields": _fill(b"Subject: x\n \n", head=HEAD + b"\n"),
    "angles": _fill(b"<", head=HEAD + b"Content-Type: text/html\n\n"),
    "tags": _fill(b"<br>", head=HEAD + b"Content-Type: text/html\n\n"),
    "styles": _fill(b"<style>", head=HEAD + b"Content-Type: text/html\n\n"),
    "comments": _fill(b"<!--", head=HEAD + b"Content-Type: text/html\n\n"),
    "styles on lines": _fill(b"<style>\n", head=HEAD + b"Content-Type: text/html\n\n"),
    "comments on lines": _fill(b"<!--\n", head=HEAD + b"Content-Type: text/html\n\n"),
    "reports on lines": _fill(b"the message delivery to address\n", head=HEAD + b"\n"),
    "signs on lines": _fill(b"<a@b.example\n", head=HEAD + b"\n"),
    "words on a line": _fill(b"user delivery to recipient a@b ", head=HEAD + b"\n"),
    "groups of digits": _fill(b"5.1.1 550 ", head=HEAD + b"\n<a@b.example>: "),
    "failures": _fill(b"delivery a a a a ", head=HEAD + b"\n", tail=b"@"),
    "blanks and names": _fill(b" \n  Subject", head=HEAD + b"\n"),
    "greater signs": _fill(b">", head=HEAD + b"\n", tail=b" Subject: x"),
    "labels on lines": _fill(b"recipient address: \n", head=HEAD + b"\n"),
    "entities": _fill(b"&amp;", head=HEAD + b"Content-Type: text/html\n\n"),
    "boundaries": _fill(b"--\n", head=HEAD + b"\n"),
    "parameters": _fill(b"; a=b", head=HEAD + b"Content-Type: text/plain", tail=b"\n\nx\n"),
    "references": _fill(b"<a@b.example> ", head=HEAD + b"References: ", tail=b"\n\nx\n"),
    "json": _fill(b"[", head=HEAD + b'\n{"notificationType":'),
    "json: recipients": _fill(
        b'{"emailAddress":"a@b.example"},',
        head=HEAD + b'\n{"notificationType":"Bounce","bounce":{"bouncedRecipients":[',
        tail=b"{}]}}",
    ),
    "stop": _fill(b"please ", head=b"From: a@b.example\nSubject: ", tail=b"\n\n"),
    "polite": _fill(b"could you please ", head=b"From: a@b.example\nSubject: x\n\n", tail=b"x\n"),
    "wishes": _fill(b"remove my e-mail address i want to ", head=b"From: a@b.example\n\n", tail=b"x\n"),
    "unsubscribe": _fill(b"unsubscribe me ", head=b"From: a@b.example\n\n"),
    "base64": _fill(b"YUBiLmV4YW1wbGUK", head=HEAD + b"Content-Transfer-Encoding: base64\n\n"),
    "quoted-printable": _fill(b"=40", head=HEAD + b"Content-Transfer-Encoding: quoted-printable\n\n"),
    "zeros": _fill(b"\0", head=HEAD + b"\n"),
    "returns": _fill(b"\r", head=HEAD + b"\n"),
}
