"""Reports by RFC 3464 and RFC 6533: who failed, how hard, and what they name."""
# ruff: noqa: E501 - messages as they come

from __future__ import annotations

import pytest

from newsletter.inbound.parse import parse
from tests.inbound.made_messages import OURS, dsn

A = "Final-Recipient: rfc822; ada@readers.example\n"
FAILED = f"{A}Action: failed\n"


@pytest.mark.parametrize(
    ("fields", "kind", "reason", "status"),
    [
        (
            f"{FAILED}Status: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 User unknown\n",
            "hard",
            "unknown-mailbox",
            "5.1.1",
        ),
        (f"{FAILED}Status: 5.2.2\n", "soft", "full", "5.2.2"),
        # A mere 5.0.0: the words say more.
        (
            f"{FAILED}Status: 5.0.0\nDiagnostic-Code: smtp; 550 5.1.1 No such user\n",
            "hard",
            "unknown-mailbox",
            "5.1.1",
        ),
        (
            f"{FAILED}Status: 5.0.0\nDiagnostic-Code: smtp;\n 552 mailbox is full\n",
            "soft",
            "full",
            "5.0.0",
        ),
        (
            f"{FAILED}Status: 5.0.0\nDiagnostic-Code: X-Notes; User ada not listed in Domino Directory\n",
            "hard",
            "unknown-mailbox",
            "5.0.0",
        ),
        (
            f"{FAILED}Status: 5.4.4\nDiagnostic-Code: X-Postfix; Host not found\n",
            "hard",
            "unknown-domain",
            "5.4.4",
        ),
        # 4.x that failed after all tries.
        (
            f"{FAILED}Status: 4.4.1\nDiagnostic-Code: X-Postfix; connect to mx.example: Connection timed out\n",
            "soft",
            "unreachable",
            "4.4.1",
        ),
        (f"{FAILED}Status: 4.4.7\n", "soft", None, "4.4.7"),
        (
            f"{FAILED}Status: 5.7.1\nDiagnostic-Code: smtp; 554 5.7.1 Client host blocked using bl.example\n",
            "ours",
            "reputation",
            "5.7.1",
        ),
        # Said after the recipient was accepted: a filter.
        (
            f"{FAILED}Status: 5.0.0\nDiagnostic-Code: smtp; 550 User unknown (in reply to end of DATA command)\n",
            "soft",
            None,
            "5.0.0",
        ),
        # The program that stores mail failed, whatever it adds.
        *(
            (
                f"{FAILED}Status: 5.1.1\nDiagnostic-Code: X-Unix; {words}: No such user\n",
                "soft",
                "busy",
                "5.1.1",
            )
            for words in (
                'procmail: Couldn\'t create "/var/spool/mail/ada"',
                "maildrop: Unable to open mailbox",
                "mail.local: cannot lock /var/mail/ada",
                "deliver: failed to write to the mail file",
            )
        ),
        # Exchange and others write no Status, or another word for the action.
        (f"{A}Action: expired\nStatus: \nDiagnostic-Code: Connection timed out\n", "soft", "unreachable", ""),
        (f"{A}Status: 5.1.10\n", "hard", "unknown-mailbox", "5.1.10"),
    ],
)
def test_failed_recipient(fields: str, kind: str, reason: str | None, status: str) -> None:
    report = parse(dsn(fields))
    assert (report.kind, report.form, len(report.recipients)) == ("bounce", "rfc3464", 1)
    one = report.recipients[0]
    assert (one.address, one.kind, one.status) == ("ada@readers.example", kind, status)
    assert reason is None or one.reason == reason


@pytest.mark.parametrize(
    ("recipient", "kind", "address", "original"),
    [
        (
            "Final-Recipient: rfc822;<ada@readers.example>",
            "message/delivery-status",
            "ada@readers.example",
            "",
        ),
        (
            "Original-Recipient: rfc822;ada@readers.example\nFinal-Recipient: rfc822;a.l@office.example",
            "message/delivery-status",
            "a.l@office.example",
            "ada@readers.example",
        ),
        (
            "Original-Recipient: rfc822;a+2Bb@readers.example",
            "message/delivery-status",
            "a+b@readers.example",
            "",
        ),
        (
            "Original-Recipient: rfc822;ada@readers.example\nFinal-Recipient: rfc822;@hub.example:ada@store7",
            "message/delivery-status",
            "ada@readers.example",
            "",
        ),
        (
            "Final-Recipient: utf-8; ж@пример.example",
            "message/global-delivery-status",
            "ж@пример.example",
            "",
        ),
        (
            r"Final-Recipient: utf-8; \x{E4}da@readers.example",
            "message/global-delivery-status",
            "äda@readers.example",
            "",
        ),
        (
            'Final-Recipient: rfc822; "a. b"@readers.example',
            "message/delivery-status",
            '"a. b"@readers.example',
            "",
        ),
        (
            "Final-Recipient: rfc822; .a..b.@readers.example",
            "message/delivery-status",
            ".a..b.@readers.example",
            "",
        ),
        ("Final-Recipient: rfc822; ada", "message/delivery-status", "ada@readers.example", ""),
        ("Final-Recipient: X400; /S=Ada/O=Readers/", "message/delivery-status", "ada@readers.example", ""),
    ],
)
def test_address(recipient: str, kind: str, address: str, original: str) -> None:
    report = parse(dsn(f"{recipient}\nAction: failed\nStatus: 5.1.1\n", kind=kind))
    assert [(one.address, one.original) for one in report.recipients] == [(address, original)]


def test_several_recipients_only_failed_ones_count() -> None:
    fields = "\n".join(
        f"Final-Recipient: rfc822; {name}@readers.example\nAction: {action}\nStatus: {status}\n"
        for name, action, status in (
            ("a", "failed", "5.1.1"),
            ("b", "delayed", "4.4.1"),
            ("c", "delivered", "2.0.0"),
            ("d", "failed", "5.2.2"),
            ("a", "failed", "5.1.1"),
        )
    )
    report = parse(dsn(fields))
    assert [(one.address[0], one.kind) for one in report.recipients] == [("a", "hard"), ("d", "soft")]


@pytest.mark.parametrize(
    ("action", "status"),
    [
        ("delivered", "2.0.0"),
        ("relayed", "2.1.9"),
        ("expanded", "2.0.0"),
        ("delayed", "4.4.1"),
        ("", "4.4.1"),
    ],
)
def test_report_without_failure_is_no_bounce(action: str, status: str) -> None:
    report = parse(dsn(f"{A}Action: {action}\nStatus: {status}\n"))
    assert (report.kind, report.recipients) == ("delivery-report", ())
    assert report.concerned == ("ada@readers.example",)
    assert report.action == (action or "delayed")


def test_names_of_delivery() -> None:
    names = parse(dsn(f"{FAILED}Status: 5.1.1\n", said="Ask bounce+8.ff.99@news.example why.\n")).names
    assert names.envelope_ids == ("7.ab12.0123456789",)
    assert names.return_paths == (OURS,)  # nothing that stands in the words
    assert names.message_ids == ("d1@news.example",)
    assert names.header("Feedback-ID") == "digest:newsletter:news.example"


def test_fields_pasted_into_the_text_are_read() -> None:
    said = "It failed:\n\nReporting-MTA: dns; mx.example\n\n" + FAILED + "Status: 5.1.1\n"
    data = dsn("", said=said).replace(b"message/delivery-status", b"text/plain")
    assert [one.address for one in parse(data).recipients] == ["ada@readers.example"]


def test_report_in_a_report_is_read() -> None:
    inner = dsn(f"{FAILED}Status: 5.1.1\n").decode()
    outer = dsn("", about="", said="The following had errors:\n", returned=inner.replace("b/1", "b/2"))
    report = parse(outer)
    assert [one.address for one in report.recipients] == ["ada@readers.example"]


def test_report_without_content_type_is_read() -> None:
    data = dsn(f"{FAILED}Status: 5.1.1\n")
    head, _, body = data.partition(b"\n\n")
    bare = b"\n".join(line for line in head.split(b"\n") if not line.startswith(b"Content-Type"))
    assert [one.status for one in parse(bare + b"\n\n" + body).recipients] == ["5.1.1"]


@pytest.mark.parametrize("kind", ["text/plain; name=details.txt", "application/octet-stream"])
def test_fields_under_another_type_are_read(kind: str) -> None:
    report = parse(dsn(f"{FAILED}Status: 5.1.1\n", kind=kind))
    assert [(one.address, one.kind) for one in report.recipients] == [("ada@readers.example", "hard")]


def test_fields_with_empty_lines_between_them_are_one_group() -> None:
    group = "Final-Recipient: rfc822; {}@readers.example\n\nAction: failed\n\nStatus: {}\n\n"
    report = parse(dsn(group.format("ada", "5.1.1") + group.format("bob", "5.2.2")))
    assert [(one.address[:3], one.status) for one in report.recipients] == [
        ("ada", "5.1.1"),
        ("bob", "5.2.2"),
    ]
