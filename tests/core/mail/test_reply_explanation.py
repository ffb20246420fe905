"""`smtp explain`: the answer to each line, in order, and an error for a line that is none."""

from __future__ import annotations

import pytest

from newsletter.core.mail.reply_explanation import explain, explain_lines


def test_explain_says_whom_a_reply_is_about_and_what_follows() -> None:
    assert explain("550 5.4.5 Daily user sending quota exceeded", "mail") == {
        "about": "us",
        "kind": "ours",
        "reason": "quota",
        "then": "the server rests and all messages wait, attempts unspent; another server may take over",
    }
    assert explain("550 No such user here")["kind"] == "hard"
    assert explain("User unknown")["kind"] == "hard"  # as a bounce may quote it, without any code
    assert explain("4.2.2 mailbox full")["then"] == "the message is tried again, first after 5 to 15 minutes"


@pytest.mark.parametrize("phase", ["mail", "rcpt"])
def test_explain_tells_the_phases_apart(phase: str) -> None:
    assert explain("550 5.7.1 No", phase)["about"] == "us"
    assert explain("550 No", phase)["about"] == {"mail": "us", "rcpt": "recipient"}[phase]


@pytest.mark.parametrize(
    ("reply", "phase", "words"),
    [("", "", "the reply is empty"), ("250 ok", "dot", "accepts"), ("550 no", "lunch", "no such phase")],
)
def test_explain_refuses_what_is_no_refusal(reply: str, phase: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        explain(reply, phase)


def test_explain_lines_answers_each_line_in_order() -> None:
    lines = [
        '{"phase": "rcpt", "reply": "550 5.1.1 no"}',
        "no json",
        '["550"]',
        '{"reply": 5}',
        '{"phase": 5, "reply": "550"}',
        '{"reply": "451 4.7.1 Greylisted"}',
        "[" * 5000,
    ]
    answers = list(explain_lines(lines))
    assert [answer.get("reason", "error") for answer in answers] == [
        "unknown-mailbox",
        "error",
        "error",
        "error",
        "error",
        "greylisted",
        "error",
    ]
    assert all(answer["error"] for answer in answers if "error" in answer)
