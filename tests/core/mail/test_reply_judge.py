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
