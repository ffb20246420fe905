"""Messages that come back, as mail systems write them. Values only."""

from __future__ import annotations

from tests.smtp_servers.recording import AcceptedMail


def header_of(mail: AcceptedMail) -> bytes:
    return mail.data.partition(b"\r\n\r\n")[0]


def bounce(
    mail: AcceptedMail,
    status: str = "5.1.1",
    words: str = "550 5.1.1 no such user",
    *,
    to: str | None = None,
    failed: str | None = None,
    envid: str = "",
    said: str = "",
    return_path: str | None = None,
    number: int = 1,
) -> bytes:
    """A delivery status notification. to: where it goes; failed: the address that failed."""
    envelope = f"Original-Envelope-Id: {envid}\r\n" if envid else ""
    returned = f"Return-Path: <{mail.sender if return_path is None else return_path}>\r\n".encode()
    return (
        f"From: MAILER-DAEMON@mx.example\r\n"
        f"To: {mail.sender if to is None else to}\r\n"
        "Subject: Undelivered Mail Returned to Sender\r\n"
        f"Message-ID: <{number}.{status}@mx.example>\r\n"
        "MIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        f"--b\r\nContent-Type: text/plain\r\n\r\nIt could not be delivered.\r\n{said}\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        f"Reporting-MTA: dns; mx.example\r\n{envelope}\r\n"
        f"Final-Recipient: rfc822; {mail.recipient if failed is None else failed}\r\n"
        f"Action: failed\r\nStatus: {status}\r\nDiagnostic-Code: smtp; {words}\r\n\r\n"
        "--b\r\nContent-Type: text/rfc822-headers\r\n\r\n"
    ).encode() + (returned + header_of(mail) + b"\r\n\r\n--b--\r\n")


def complaint(
    mail: AcceptedMail, kind: str = "abuse", *, signed: bool = True, header: bytes | None = None
) -> bytes:
    """A feedback report (RFC 5965). signed: it names the return path. header: of the returned message."""
    sender = f"Original-Mail-From: <{mail.sender}>\r\n" if signed else ""
    return (
        "From: feedback@isp.example\r\nTo: fbl@papers.example.org\r\nSubject: FW: papers\r\n"
        "MIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nThis is a report.\r\n"
        "--b\r\nContent-Type: message/feedback-report\r\n\r\n"
        f"Feedback-Type: {kind}\r\nUser-Agent: fbl/1\r\nVersion: 1\r\n{sender}\r\n"
        "--b\r\nContent-Type: text/rfc822-headers\r\n\r\n"
    ).encode() + ((header_of(mail) if header is None else header) + b"\r\n\r\n--b--\r\n")


def letter(sender: str, to: str, subject: str, text: str = "", *headers: str) -> bytes:
    """A message that a person or a program wrote."""
    more = "".join(f"{header}\r\n" for header in headers)
    return f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\n{more}\r\n{text}\r\n".encode()
