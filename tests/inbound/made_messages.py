"""Makes messages that come back, in the forms of many mail systems. All names are made up."""
# ruff: noqa: E501 - messages as they come

from __future__ import annotations

OURS = "bounce+7.ab12.0123456789@news.example"
DIGEST = """Return-Path: <{ours}>
Received: from news.example (news.example [192.0.2.1]) by mx.example; Mon, 2 Mar 2026 07:00:00 +0000
From: Papers <papers@news.example>
To: {to}
Subject: 12 papers
Message-ID: <d1@news.example>
Feedback-ID: digest:newsletter:news.example
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

Papers.
"""


def digest(to: str = "ada@readers.example") -> str:
    """The message that is reported on."""
    return DIGEST.format(ours=OURS, to=to)


def plain(
    text: str,
    *,
    sender: str = "Mail Delivery System <MAILER-DAEMON@mx.example>",
    subject: str = "Undelivered Mail Returned to Sender",
    more: str = "Return-Path: <>\n",
    charset: str = "utf-8",
    to: str = OURS,
) -> bytes:
    """A message of one text."""
    return (
        f"{more}From: {sender}\nTo: {to}\nSubject: {subject}\nMessage-ID: <r1@mx.example>\n"
        f"Content-Type: text/plain; charset={charset}\n\n{text}"
    ).encode(charset)


def dsn(
    fields: str,
    *,
    said: str = "Your message could not be delivered.\n",
    about: str = "Reporting-MTA: dns; mx.example\nOriginal-Envelope-Id: 7.ab12.0123456789\n",
    kind: str = "message/delivery-status",
    returned: str | None = None,
) -> bytes:
    """A report by RFC 3464."""
    return (
        f"Return-Path: <>\nFrom: MAILER-DAEMON@mx.example\nTo: {OURS}\nSubject: Delivery Status Notification\n"
        "Message-ID: <r1@mx.example>\nMIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b/1"\n\n'
        f"This is a MIME message.\n\n--b/1\nContent-Type: text/plain; charset=utf-8\n\n{said}\n"
        f"--b/1\nContent-Type: {kind}\n\n{about}\n{fields}\n"
        f"--b/1\nContent-Type: message/rfc822\n\n{digest() if returned is None else returned}\n--b/1--\n"
    ).encode()


def feedback(kind: str, more: str = "") -> bytes:
    """A report by RFC 5965."""
    return (
        "From: feedback@provider.example\nTo: abuse@news.example\nSubject: a report\nMIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="f"\n\n'
        "--f\nContent-Type: text/plain\n\nThis is a report.\n\n"
        f"--f\nContent-Type: message/feedback-report\n\nFeedback-Type: {kind}\nUser-Agent: X/1\nVersion: 1\n{more}\n"
        f"--f\nContent-Type: message/rfc822\n\n{digest()}\n--f--\n"
    ).encode()
