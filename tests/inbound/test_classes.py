"""What is no bounce: complaints, replies of programs, wishes to leave, and the rest."""
# ruff: noqa: E501 - messages as they come

from __future__ import annotations

import pytest

from newsletter.inbound.parse import parse
from tests.inbound.made_messages import OURS, feedback, plain

READER = "Ada <ada@readers.example>"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("abuse", "complaint"),
        ("fraud", "complaint"),
        ("opt-out", "complaint"),
        ("ABUSE", "complaint"),
        ("not-spam", "other"),
        ("auth-failure", "other"),
        ("dmarc", "other"),
    ],
)
def test_feedback(kind: str, expected: str) -> None:
    report = parse(
        feedback(kind, "Original-Rcpt-To: ada@readers.example\nOriginal-Mail-From: <" + OURS + ">\n")
    )
    assert (report.kind, report.recipients, report.feedback) == (expected, (), kind.lower())
    assert report.concerned == ("ada@readers.example",)
    assert report.names.return_paths[-1] == OURS
    assert report.names.message_ids == ("d1@news.example",)


def test_feedback_without_recipient_takes_that_of_the_message() -> None:
    assert parse(feedback("abuse")).concerned == ("ada@readers.example",)


@pytest.mark.parametrize(
    ("subject", "text", "more"),
    [
        ("Out of Office: 12 papers", "I am away until Monday. In urgent cases write to bob@readers.example.", ""),
        ("Automatic reply: 12 papers", "I could not reach my mail.", "Return-Path: <>\n"),
        ("Re: 12 papers", "I am on vacation and have limited access to my email.", "Return-Path: <>\n"),
        ("Re: 12 papers", "Thank you.", "Auto-Submitted: auto-replied (vacation)\n"),
        ("12 papers", "Thank you.", "X-Autoreply: yes\n"),
        ("12 papers", "Danke.", "Precedence: auto_reply\n"),
        ("Abwesenheitsnotiz: 12 papers", "Ich bin nicht im Büro. Vertretung: <bob@readers.example>: Zimmer 5.", "Return-Path: <>\n"),
        ("Réponse automatique : 12 papers", "Je suis absent.", ""),
        ("Respuesta automática: 12 papers", "Estoy de vacaciones.", ""),
        ("自動返信: 12 papers", "不在にしております。", ""),
        ("Ticket received [#1]", "We have received your mail. Delivery of our answer may take a day.", ""),
    ],
)  # fmt: skip
def test_reply_of_a_program(subject: str, text: str, more: str) -> None:
    report = parse(plain(text, subject=subject, sender=READER, more=more))
    assert (report.kind, report.recipients, report.sender) == ("auto-reply", (), "ada@readers.example")


@pytest.mark.parametrize(
    ("subject", "text", "to"),
    [
        ("unsubscribe", "", OURS),
        ("Re: 12 papers", "unsubscribe\n\n> papers\n", OURS),
        ("Re: 12 papers", "Please unsubscribe me.\n\nThank you\n", OURS),
        ("Please remove me from this list", "", OURS),
        ("Stop", "", OURS),
        ("AW: 12 papers", "Bitte abmelden\n", OURS),
        ("Abmeldung", "", OURS),
        ("Désabonnement", "", OURS),
        ("", "me désinscrire", OURS),
        ("Darme de baja", "", OURS),
        ("", "Cancelar inscrição", OURS),
        ("", "disiscrivimi", OURS),
        ("отписаться", "", OURS),
        ("", "配信停止", OURS),
        ("", "退订", OURS),
        ("Re: 12 papers", "Hallo,\n\nbitte nehmen Sie mich aus dem Verteiler.\n\nDanke\n", OURS),
        ("Re: 12 papers", "Hi, please unsubscribe me from this newsletter. Thanks\n", OURS),
        ("Re: 12 papers", "Please take me off this list.\n", OURS),
        ("Re: 12 papers", "I no longer wish to receive these emails.\n", OURS),
        ("Re: 12 papers", "Merci de me désabonner", OURS),
        ("Re: 12 papers", "Quiero darme de baja.", OURS),
        ("anything", "", "unsubscribe+7.ab12.0123@news.example"),
    ],
)
def test_wish_to_leave(subject: str, text: str, to: str) -> None:
    report = parse(plain(text, subject=subject, sender=READER, more="", to=to))
    assert (report.kind, report.sender) == ("unsubscribe", "ada@readers.example")


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Re: 12 papers", "Thanks, I liked the third.\nWhy is there no link to unsubscribe in the text?\n"),
        ("A question", "How do I change topics? I do not want to leave.\n"),
        ("Re: 12 papers", "Great\n\n> Unsubscribe\n> unsubscribe\n"),
        ("Re: 12 papers", "On Mon, 2 Mar 2026 Papers wrote:\nUnsubscribe\n"),
        ("Re: delivery problem", "My mail could not be delivered. Ask bob@readers.example\n"),
        ("Re: 12 papers", "Please stop by our booth.\n"),
        ("A robot", "One.\nTwo.\nThree.\nFour.\nStop\nFive.\n"),
        ("", ""),
    ],
)
def test_anything_else_is_other(subject: str, text: str) -> None:
    report = parse(plain(text, subject=subject, sender=READER, more=""))
    assert (report.kind, report.recipients) == ("other", ())
    assert report.why


@pytest.mark.parametrize(
    ("notice", "expected", "recipients"),
    [
        ('{"notificationType":"Bounce","bounce":{"bounceType":"Permanent","bouncedRecipients":[{"emailAddress":"ada@readers.example","status":"5.1.1","action":"failed","diagnosticCode":"smtp; 550 5.1.1 user unknown"}]},"mail":{"source":"papers@news.example"}}', "bounce", [("ada@readers.example", "hard")]),
        ('{"notificationType":"Bounce","bounce":{"bounceType":"Transient","bounceSubType":"MailboxFull","bouncedRecipients":[{"emailAddress":"ada@readers.example"}]}}', "bounce", [("ada@readers.example", "soft")]),
        ('{"notificationType":"Complaint","complaint":{"complainedRecipients":[{"emailAddress":"ada@readers.example"}]}}', "complaint", []),
        ('{"notificationType":"Delivery","delivery":{"recipients":["ada@readers.example"]}}', "delivery-report", []),
    ],
)  # fmt: skip
def test_amazon_notice(notice: str, expected: str, recipients: list[tuple[str, str]]) -> None:
    report = parse(plain(notice, subject="AWS Notification Message", sender="no-reply@sns.example", more=""))
    assert report.kind == expected
    assert [(one.address, one.kind) for one in report.recipients] == recipients


def _receipt(disposition: str, said: str) -> bytes:
    return (
        "Return-Path: <>\nFrom: Postmaster <postmaster@readers.example>\nSubject: Automatically rejected mail\n"
        "Auto-Submitted: auto-replied\n"
        'Content-Type: multipart/report; report-type=disposition-notification; boundary="m"\n\n'
        f"--m\nContent-Type: text/plain\n\n{said}\n"
        "--m\nContent-Type: message/disposition-notification\n\nReporting-UA: readers.example; Dovecot\n"
        f"Final-Recipient: rfc822; ada@readers.example\nDisposition: {disposition}\n\n--m--\n"
    ).encode()


@pytest.mark.parametrize(
    ("disposition", "said", "expected", "reasons"),
    [
        ("manual-action/MDN-sent-manually; displayed", "Your mail was read.", "delivery-report", []),
        (
            "manual-action/MDN-sent-automatically; deleted",
            "It was deleted without being read.",
            "delivery-report",
            [],
        ),
        (
            "automatic-action/MDN-sent-automatically; deleted",
            "Your message to <ada@readers.example> was automatically rejected:\nQuota exceeded (mailbox full)",
            "bounce",
            ["full"],
        ),
    ],
)
def test_disposition_notification(disposition: str, said: str, expected: str, reasons: list[str]) -> None:
    report = parse(_receipt(disposition, said))
    assert (report.kind, [one.reason for one in report.recipients]) == (expected, reasons)
