"""Reports in plain words: the shapes of many mail systems, and languages."""
# ruff: noqa: E501 - messages as they come

from __future__ import annotations

import pytest

from newsletter.inbound.parse import parse
from tests.inbound.made_messages import OURS, digest, plain

A = "ada@readers.example"
B = "bob@other.example"
FORMS = {
    "postfix": (f"This is the mail system at host mx.example.\n\n<{A}>: host mx.readers.example[192.0.2.9] said: 550 5.1.1\n    <{A}>: Recipient address rejected: User unknown (in reply to RCPT TO command)\n", [(A, "hard")]),
    "qmail": (f"Hi. This is the qmail-send program at mx.example.\nI'm afraid I wasn't able to deliver your message to the following addresses.\n\n<{A}>:\n192.0.2.9 does not like recipient.\nRemote host said: 550 no such user\nGiving up on 192.0.2.9.\n\n<{B}>:\nSorry, I couldn't find any host named other.example. (#5.1.2)\n\n--- Below this line is a copy of the message.\n\n", [(A, "hard"), (B, "hard")]),
    "exim": (f"This message was created automatically by mail delivery software.\n\nThe following address(es) failed:\n\n  {A}\n    SMTP error from remote mail server after RCPT TO:<{A}>:\n    host mx.readers.example [192.0.2.9]: 552 5.2.2 Mailbox full\n  {B}\n    Unrouteable address\n\n------ This is a copy of the message, including all the headers. ------\n\n", [(A, "soft"), (B, "hard")]),
    "sendmail": (f"   ----- The following addresses had permanent fatal errors -----\n<{A}>\n    (reason: 550 5.1.1 User unknown)\n\n   ----- Transcript of session follows -----\n... while talking to mx.readers.example.:\n>>> RCPT To:<{A}>\n<<< 550 5.1.1 User unknown\n550 5.1.1 <{A}>... User unknown\n\n", [(A, "hard")]),
    "exchange 5.5": (f"Your message\n\n  To:      {A}\n  Subject: Papers\n\ndid not reach the following recipient(s):\n\n{A} on Mon, 2 Mar 2026 07:00:01 -0500\n    The recipient name is not recognized\n    MSEXCH:IMS:Readers:SITE:HOST 0 (000C05A6) Unknown Recipient\n", [(A, "hard")]),
    "exchange": (f"Delivery has failed to these recipients or groups:\n\n{A}<mailto:{A}>\nThe email address you entered couldn't be found.\n\nDiagnostic information for administrators:\n\nGenerating server: mx.example\n\n{A}\n#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##\n", [(A, "hard")]),
    "domino": (f"Your message\n\n  Subject: Papers\n\nwas not delivered to:\n\n  {A}\n\nbecause:\n\n  User ada ({A}) not listed in Domino Directory\n", [(A, "hard")]),
    "notes": (f"------- Failure Reasons  --------\n\nUser not listed in public Name & Address Book\n{A}\n\n------- Returned Message --------\n", [(A, "hard")]),
    "groupwise": (f"The message that you sent was undeliverable to the following:\n\t{A} (mailbox is full)\n", [(A, "soft")]),
    "gmail": (f"Delivery to the following recipient failed permanently:\n\n     {A}\n\nTechnical details of permanent failure: \nGoogle tried to deliver your message, but it was rejected.\n\nThe error that the other server returned was:\n550 5.1.1 no such user\n\n----- Original message -----\n", [(A, "hard")]),
    "yahoo": (f"Sorry, we were unable to deliver your message to the following address.\n\n<{A}>:\n552 5.2.2 This message is larger than the current system limit or the recipient's mailbox is full.\n\n--- Below this line is a copy of the message.\n", [(A, "soft")]),
    "mailenable": (f"Message could not be delivered to some recipients.\nThe following recipient(s) could not be reached:\n\n\tRecipient: [SMTP:{A}]\n\tReason: Remote SMTP Server Returned: 550 5.1.1 unknown user\n", [(A, "hard")]),
    "mdaemon": (f"The attached message had PERMANENT fatal delivery errors!\n\nFailed address: {A}\n\n--- Session Transcript ---\n --> RCPT To:<{A}>\n <-- 550 5.1.1 mailbox not found\n", [(A, "hard")]),
    "mercury": (f"The mail system could not deliver your message.\n\n*** {A}\n    Reason: 550 5.1.1 no such mailbox\n", [(A, "hard")]),
    "opensmtpd": (f"    An error has occurred while attempting to deliver a message for\n    the following list of recipients:\n\n{A}: 550 5.2.2 mailbox full\n{B}: 550 5.1.1 no such user\n\n    Below is a copy of the original message:\n\n", [(A, "soft"), (B, "hard")]),
    "dragonfly": (f"This is the DragonFly Mail Agent at mx.example.\n\nThere was an error delivering your mail to <{A}>.\n\nCould not deliver for the last 432000 seconds. Giving up.\n\nMessage headers follow.\n\n", [(A, "soft")]),
    "zoho": (f"This message was created automatically by mail delivery software.\n A message that you sent could not be delivered to one or more of its recipients. This is a permanent error. \n\n{A} Invalid Address, ERROR_CODE :550, ERROR_CODE :5.1.1 User Unknown\n", [(A, "hard")]),
    "gmx": (f"This message was created automatically by mail delivery software.\nThe following address failed:\n\n\"{A}\":\nSMTP error from remote server after RCPT command:\nhost: mx.readers.example\n5.1.1 User Unknown\n", [(A, "hard")]),
    "imail": (f"Unknown user: {A}\n\nOriginal message follows.\n\n", [(A, "hard")]),
    "imail, full": (f"User mailbox exceeds allowed size: {A}\n\nOriginal message follows.\n\n", [(A, "soft")]),
    "interscan": (f"Unable to deliver message to <{A}>.\n\nSent >>> RCPT TO:<{A}>\nReceived <<< 550 5.1.1 user unknown\n", [(A, "hard")]),
    "communigate": (f"Failed to deliver to '<{A}>'\nSMTP module(domain readers.example) reports:\n host mx.readers.example says:\n 550 5.1.1 unknown user\n", [(A, "hard")]),
    "marshal": (f"Your message could not be delivered because of\n\n550 5.1.1 User unknown\n\nThe following recipients were affected:\n    {A}\n", [(A, "hard")]),
    "smail": (f"|------------------------- Failed addresses follow: ---------------------|\n <{A}> ... unknown host\n|------------------------- Message text follows: ------------------------|\n", [(A, "hard")]),
    "james": (f"Hi. This is the James mail server at mx.example.\nI'm afraid I wasn't able to deliver your message to the following addresses.\n\n{A}\n\nError message below:\n550 5.1.1 no such user\n", [(A, "hard")]),
    "smtp service": (f"The email below could not be delivered to the following user:\n\nAda <{A}>\n\nOld message:\n", [(A, "soft")]),
    "earthlink": (f"Sorry, unable to deliver your message to {A} for the following reason:\n\n552 Quota violation for {A}\n\nA copy of the original message below this line:\n", [(A, "soft")]),
    "netscape": (f"This Message was undeliverable due to the following reason:\n\nThe following destination addresses were unknown:\n\nSMTP <{A}>\n\nPlease reply to <postmaster@mx.example>\n", [(A, "hard")]),
    "lsmtp": (f"--> Error description:\nError-for:  {A}\nError-Code: 3\nError-Text: 550 5.1.1 unknown user\nError-end: One error reported.\n", [(A, "hard")]),
    "compuserve": (f"Your message could not be delivered as addressed.\n\n? EMDNPI - Invalid receiver address: {A}\n", [(A, "hard")]),
    "prodigy": (f"User's mailbox is full: <{A}>\nUnable to deliver mail.\n", [(A, "soft")]),
    "barracuda": (f"Your message to: {A}\nwas blocked by our Spam Firewall. It has NOT BEEN DELIVERED.\n", [(A, "ours")]),
    "symantec": (f"This is a delivery failure.\n\nThe message to <{A}> could not be delivered: 550 5.1.1 Invalid recipient\n", [(A, "hard")]),
    "lyris": (f"Failed delivery to {A}: host unknown\n", [(A, "hard")]),
    "ezmlm": (f"Hi! This is the ezmlm program.\nHere are the bounces:\n\n<{A}>:\nSorry, no mailbox here by that name. (#5.1.1)\n", [(A, "hard")]),
    "kddi": (f"Your mail sent on: Mon, 2 Mar 2026\n     Could not be delivered to: <{A}>\n     As their mailbox is full.\n", [(A, "soft")]),
    "amazon": (f"An error occurred while trying to deliver the mail to the following recipients:\n{A}\n\n550 5.1.1 no such user\n", [(A, "hard")]),
    "chinese": (f"抱歉，您的邮件被退回来了\n\n收件人：{A}\n退信原因：550 用户不存在\n", [(A, "hard")]),
    "korean": (f"메일 전송에 실패 하였습니다\n\n받는사람 : {A}\n\n550 5.1.1 unknown\n", [(A, "hard")]),
    "italian": (f"Il messaggio non è stato consegnato a: {A}\nMotivo: casella piena\n", [(A, "soft")]),
    "portuguese": (f"Sua mensagem não pôde ser entregue ao destinatário:\n\n{A}\n\nusuário inexistente\n", [(A, "hard")]),
    "german": (f"Die folgende Nachricht konnte nicht zugestellt werden:\n\n  {A}\n    Postfach ist voll\n", [(A, "soft")]),
    "french": (f"Votre message n'a pas pu être remis au destinataire suivant :\n\n<{A}>: utilisateur inconnu\n", [(A, "hard")]),
    "spanish": (f"No se ha podido entregar su mensaje a:\n\n<{A}>: el buzón está lleno\n", [(A, "soft")]),
    "japanese": (f"次の宛先へのメッセージはエラーのため送信できませんでした。\n\n<{A}>: 550 5.1.1 宛先不明\n", [(A, "hard")]),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("quotes", [True, False])
def test_form(form: str, quotes: bool) -> None:
    text, expected = FORMS[form]
    report = parse(plain(text + ("\n" + digest(f"{A}, {B}" if len(expected) > 1 else A) if quotes else "")))
    assert [(one.address, str(one.kind)) for one in report.recipients] == expected
    assert report.kind == "bounce"
    assert report.names.message_ids == (("d1@news.example",) if quotes else ())


def test_failed_recipients_of_the_header_count_alone() -> None:
    text = f"Something failed for cc@others.example.\n\n  {A}\n    mailbox is full\n"
    report = parse(plain(text, more=f"X-Failed-Recipients: {A}, {B}\n"))
    assert [one.address for one in report.recipients] == [A, B]


def test_recipient_of_the_returned_message_counts_where_no_line_names_one() -> None:
    report = parse(plain(f"550 5.1.1 User unknown\n\n----- Original message -----\n{digest()}"))
    assert [(one.address, one.kind) for one in report.recipients] == [(A, "hard")]


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Warning: could not send message for past 4 hours", f"THIS IS A WARNING MESSAGE ONLY\n\n<{A}>... Deferred\nWill keep trying\n"),
        ("Delivery Status Notification (Delay)", f"Delivery to the following recipient has been delayed:\n\n  {A}\n\nMessage will be retried for 2 more day(s)\n"),
        ("Warning: message 1abc delayed 24 hours", f"A message that you sent has not yet been delivered to\n\n  {A}\n\nNo action is required on your part.\n"),
        ("Delayed Mail (still being retried)", f"## THIS IS A WARNING ONLY. ##\n\n<{A}>: connect to mx: Connection timed out\n"),
        ("Delayed mail", f"A message is delayed for more than 4 hours.\n\n{A}: 421 busy\n"),
        ("Mail delivery delayed", f"Zustellung verzögert: {A}\n"),
        ("Successful mail delivery report", f"<{A}>: delivery via mx: 250 Ok\n"),
        ("Message status - Delivered", f"Your message was successfully delivered to {A}\n"),
    ],
)  # fmt: skip
def test_report_of_delay_or_success_is_no_bounce(subject: str, text: str) -> None:
    report = parse(plain(text, subject=subject))
    assert (report.kind, report.recipients) == ("delivery-report", ())


def test_own_addresses_are_no_recipients() -> None:
    text = f"For help write to postmaster@mx.example or <{OURS}>.\n\n<{A}>: 550 5.1.1 unknown user\n"
    assert [one.address for one in parse(plain(text)).recipients] == [A]


def test_message_that_a_list_holds_reached_nobody() -> None:
    text = "Your mail to 'all@lists.example' with the subject\n\n    12 papers\n\nIs being held until the list moderator can review it for approval.\n"
    sender, more = "all-bounces@lists.example", "Precedence: bulk\nReturn-Path: <>\n"
    report = parse(
        plain(text, subject="Your message to All awaits moderator approval", sender=sender, more=more)
    )
    assert [(one.address, one.kind == "hard") for one in report.recipients] == [("all@lists.example", False)]
