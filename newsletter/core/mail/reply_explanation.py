"""Explains replies: whom each is about, and what follows from it, in words.

It reads replies as a person or a script hands them in. What really happens is `newsletter.core.mail.retry`'s.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from newsletter.core.mail.reply_judge import read_reply
from newsletter.core.mail.retry import Meaning, meaning_of, verdict_of
from newsletter.core.mail.values import Outcome, Verdict

PHASES = ("greeting", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "dot")

_THEN = {
    Meaning.HARD: "the address is suppressed, unless the server refuses most others as well",
    Meaning.STRIKE: "the papers come again once; three such messages over four days suppress the address",
    Meaning.LATER: "the message is tried again, first after 5 to 15 minutes",
    Meaning.GREYLISTED: "the message is tried again after 5 to 15 minutes; nobody else waits for it",
    Meaning.NEXT: "the message goes out on the next connection",
    Meaning.POLICY: "the message waits, attempts unspent; after three such replies its domain rests",
    Meaning.OURS: "the server rests and all messages wait, attempts unspent; another server may take over",
    Meaning.BACK_OFF: "the server gets a pause and all messages wait, attempts unspent",
    Meaning.RETURN: "the papers come again",
}


def explain(reply: str, phase: str = "") -> dict[str, str]:
    """The row of one reply: about, kind, reason, then. phase: one of PHASES; empty: not known.

    Raises ValueError for an empty reply, one that accepts, and an unknown phase.
    """
    if phase and phase not in PHASES:
        raise ValueError(f"no such phase: {phase!r}; it is one of {', '.join(PHASES)}")
    read = read_reply(reply)
    if not reply.strip():
        raise ValueError("the reply is empty")
    code = read.code or (550 if not (read.status or "5").startswith("4") else 450)
    if code < 400:
        raise ValueError(f"{code} accepts; only a 4xx or 5xx says why not")
    outcome = Outcome(
        verdict=Verdict.REJECTED if code >= 500 else Verdict.DEFERRED,
        phase=phase,
        code=code,
        status=read.status,
        text=read.text,
    )
    verdict = verdict_of(outcome)
    return {
        "about": verdict.about.value,
        "kind": verdict.kind.value,
        "reason": verdict.reason.value,
        "then": _THEN[meaning_of(outcome)],
    }


def explain_lines(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The row of each JSON line `{"phase", "reply"}`, in order; `{"error"}` for a line that is none."""
    for line in lines:
        try:
            asked = json.loads(line)
            if not isinstance(asked, dict) or not isinstance(asked.get("reply"), str):
                raise ValueError('not an object with a text "reply"')
            phase = asked.get("phase") or ""
            if not isinstance(phase, str):
                raise ValueError('"phase" is no text')
            yield explain(asked["reply"], phase)
        except (ValueError, RecursionError) as error:
            yield {"error": str(error) or "not JSON"}
