"""Whom replies are about: those that large servers document, in every phase."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from newsletter.core.mail.reply_judge import judge, read_reply
from newsletter.core.mail.reply_verdict import About, Reason, ReplyKind, ReplyVerdict

DOCUMENTED = [
    json.loads(line)
    for line in Path(__file__).with_name("provider_replies.jsonl").read_text("utf-8").splitlines()
]


def verdict_of(reply: str, phase: str = "rcpt") -> ReplyVerdict:
    read = read_reply(reply)
    return judge(phase, read.code, read.status, read.text)


@pytest.mark.parametrize("row", DOCUMENTED, ids=lambda row: f"{row['server']}: {row['reply'][:50]}")
def test_documented_reply_means_what_its_server_says(row: dict[str, str]) -> None:
    verdict = verdict_of(row["reply"], row["phase"])
    assert (verdict.about, verdict.kind, verdict.reason) == (row["about"], row["kind"], row["reason"])


def test_before_a_recipient_is_named_no_documented_reply_is_about_one_or_about_a_message() -> None:
    blamed = [
        (phase, row["reply"])
        for row in DOCUMENTED
        for phase in ("greeting", "ehlo", "starttls", "auth", "mail")
        if (verdict := verdict_of(row["reply"], phase)).about is About.RECIPIENT
        or (verdict.about is About.CONTENT and verdict.reason is not Reason.TOO_LARGE)
    ]
    assert blamed == []


def test_no_documented_reply_is_about_a_message_that_the_server_has_not_seen() -> None:
    blamed = [
        row["reply"]
        for row in DOCUMENTED
        if (verdict := verdict_of(row["reply"], "rcpt")).about is About.CONTENT
        and verdict.reason is not Reason.TOO_LARGE
    ]
    assert blamed == []


@pytest.mark.parametrize(
    "reply",
    [
        "550 5.1.2 Relay not allowed.",
        "550 5.1.1 <news@example.com>: Sender address rejected: User unknown in local sender table",
        "550 5.1.2 Sender domain not found",
        "550 5.1.1 <reader@example.org>: Relay access denied",
    ],
)
@pytest.mark.parametrize("phase", ["rcpt", "data", "dot", ""])
def test_no_code_of_a_mailbox_turns_a_refusal_of_us_against_the_reader(reply: str, phase: str) -> None:
    assert verdict_of(reply, phase).about is About.US


def test_documented_refusal_about_us_counts_against_no_reader_in_any_phase() -> None:
    blamed = [
        (phase, row["reply"])
        for row in DOCUMENTED
        if row["about"] == About.US
        for phase in ("rcpt", "data", "dot", "")
        if verdict_of(row["reply"], phase).about is About.RECIPIENT
    ]
    assert blamed == []


def test_only_documented_dead_mailboxes_are_final_in_any_phase() -> None:
    final = [
        (phase, row["reply"])
        for row in DOCUMENTED
        if row["kind"] != ReplyKind.HARD
        for phase in ("rcpt", "data", "dot", "")
        if verdict_of(row["reply"], phase).kind is ReplyKind.HARD
    ]
    assert final == []


@pytest.mark.parametrize("phase", ["greeting", "ehlo", "auth", "mail"])
@pytest.mark.parametrize(
    "words", ["No", "Rejected", "5.1.1 User unknown", "5.7.1 Go away", "mailbox unavailable"]
)
def test_no_5xx_before_the_recipient_is_named_counts_against_the_recipient(phase: str, words: str) -> None:
    verdict = verdict_of(f"550 {words}", phase)
    assert (verdict.about is not About.RECIPIENT, verdict.kind is ReplyKind.OURS) == (True, True)


@pytest.mark.parametrize("words", ["5.1.1 User unknown", "5.1.10 Recipient not found", "No such user here"])
def test_the_same_words_are_final_at_rcpt_and_wait_as_a_4xx(words: str) -> None:
    assert verdict_of(f"550 {words}").kind is ReplyKind.HARD
    waiting = verdict_of(f"450 {words.replace('5.1.', '4.1.')}")
    assert (waiting.kind, waiting.certain) == (ReplyKind.SOFT, False)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        ("550 5.1.1 <billing@nosuch.example>: Recipient address rejected: User unknown", ReplyKind.HARD),
        ("450 4.1.2 <upgrade@nosuch.example>: Recipient address rejected: Domain not found", ReplyKind.SOFT),
        ("550 <payments@sandbox.example>: Recipient address rejected: User unknown", ReplyKind.HARD),
        ("550 5.2.1 This account has been disabled due to inactivity", ReplyKind.SOFT),
        ("550 5.2.1 account joe@x.example is suspended for inactivity", ReplyKind.SOFT),
        ("550 5.2.1 The user's account is disabled for payment reasons", ReplyKind.SOFT),
        ("552 5.2.2 User has exceeded the daily quota for this mailbox", ReplyKind.SOFT),
    ],
)
def test_address_or_words_about_a_mailbox_are_no_words_about_our_account(reply: str, kind: ReplyKind) -> None:
    verdict = verdict_of(reply)
    assert (verdict.about, verdict.kind) == (About.RECIPIENT, kind)


@pytest.mark.parametrize("phase", ["greeting", "mail", "rcpt", "dot"])
@pytest.mark.parametrize(
    "words",
    [
        "This server employs greylisting as a means of reducing spam. Your message has been delayed",
        "Gray-listed: suspected spam source, come back",
        "4.7.1 Liste grise (anti-spam), merci de reessayer",
        "4.7.1 Sie stehen auf der Graulist, Spamverdacht",
        "4.7.1 Client host blocked using grey.rbl",
    ],
)
def test_a_4xx_that_says_greylisting_is_greylisting_even_with_words_of_spam(words: str, phase: str) -> None:
    assert verdict_of(f"451 {words}", phase).reason is Reason.GREYLISTED


@pytest.mark.parametrize("phase", ["rcpt", "dot"])
@pytest.mark.parametrize(
    "reply",
    [
        "550 User news@example.com has exceeded its 24-hour sending limit. Messages to 251 recipients of 250",
        "552 Message would take you over your relay quota of 500 Current quota used: 487",
        "550 Domain example.com has exceeded the max defers and failures per hour (5/5 (100%)) allowed",
        "502 5.7.0 Your SMTP account is not yet activated",
        "550 5.2.2 Submission quota exceeded",
        "554 5.7.1 <a@example.org>: Recipient address rejected: Email Sending Quota Exceeded",
    ],
)
def test_limit_or_state_of_our_account_is_ours_even_in_words_of_a_mailbox(reply: str, phase: str) -> None:
    verdict = verdict_of(reply, phase)
    assert (verdict.about, verdict.kind, verdict.reason) == (About.US, ReplyKind.OURS, Reason.QUOTA)


@pytest.mark.parametrize(
    "reply",
    [
        "554 5.7.1 news@example.com: Sender address rejected: Blocked by this recipient (GE)",
        "550 5.7.1 You have been blocked by the recipient",
        "550 Recipient has blocked you",
        "550 5.7.129 RESOLVER.RST.RestrictedToRecipientsPermission; not authorized to send to recipient",
        "550 5.7.1 Sender is on the user's block list",
    ],
)
def test_a_block_by_one_owner_is_a_strike_of_that_recipient_alone(reply: str) -> None:
    verdict = verdict_of(reply)
    assert (verdict.about, verdict.kind) == (About.RECIPIENT, ReplyKind.SOFT)


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("Account closed", ReplyKind.HARD),
        ("5.7.1 <a@example.org>: Recipient address rejected: Mailbox deleted", ReplyKind.HARD),
        ("Domain example.org does not accept mail (nullMX)", ReplyKind.HARD),
        ("5.1.6 user no longer on system", ReplyKind.HARD),
        ("5.2.1 This mailbox is disabled", ReplyKind.SOFT),
        ("This account is suspended", ReplyKind.SOFT),
        ("<a@example.org>: inactive user", ReplyKind.SOFT),
        ("The account may not exist", ReplyKind.SOFT),
        ("5.2.0 Recipient unavailable", ReplyKind.SOFT),
    ],
)
def test_closed_is_final_and_disabled_is_not(words: str, kind: ReplyKind) -> None:
    verdict = verdict_of(f"550 {words}")
    assert (verdict.about, verdict.kind) == (About.RECIPIENT, kind)


def test_words_that_nobody_knows_are_uncertain_in_every_phase() -> None:
    verdicts = {phase: verdict_of("550 Zut", phase) for phase in ("mail", "rcpt", "dot")}
    assert {phase: (verdict.about, verdict.certain) for phase, verdict in verdicts.items()} == {
        "mail": (About.US, False),
        "rcpt": (About.RECIPIENT, False),
        "dot": (About.CONTENT, False),
    }


def test_a_lost_connection_is_about_nobody() -> None:
    verdict = judge("data", None, None, "connection lost")
    assert (verdict.about, verdict.reason) == (About.SERVER, Reason.UNREACHABLE)


@pytest.mark.parametrize(
    ("reply", "read"),
    [
        ("550 5.1.1 no", (550, "5.1.1", "no")),
        ("550-5.1.1 no 550 5.1.1 such user", (550, "5.1.1", "no such user")),
        ("smtp; 554 5.7.1 no", (554, "5.7.1", "no")),
        ("554", (554, None, "")),
        ("5.2.2 full", (None, "5.2.2", "full")),
        ("User unknown, see 550 errors", (None, None, "User unknown, see 550 errors")),
        ("550 #5.1.0 Address rejected.", (550, "5.1.0", "Address rejected.")),
    ],
)
def test_read_reply_finds_codes_and_joins_lines(reply: str, read: tuple[int | None, str | None, str]) -> None:
    line = read_reply(reply)
    assert (line.code, line.status, line.text) == read
