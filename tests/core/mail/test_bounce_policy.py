"""The policy about what came back: what each fact changes. Pure."""

from __future__ import annotations

from typing import Any

import pytest

from newsletter.core.mail.bounce_policy import BounceFacts, Effect, FoundBy, Papers, rule
from newsletter.core.mail.inbound import InboundClass
from newsletter.core.mail.reply_verdict import About, Reason, ReplyKind, ReplyVerdict

HARD = ReplyVerdict(about=About.RECIPIENT, kind=ReplyKind.HARD, reason=Reason.UNKNOWN_MAILBOX)
FULL = ReplyVerdict(about=About.RECIPIENT, kind=ReplyKind.SOFT, reason=Reason.FULL)
EXPIRED = ReplyVerdict(about=About.SERVER, kind=ReplyKind.SOFT, reason=Reason.UNREACHABLE)
BLOCKED = ReplyVerdict(about=About.US, kind=ReplyKind.OURS, reason=Reason.REPUTATION)
SPAM = ReplyVerdict(about=About.CONTENT, kind=ReplyKind.SOFT, reason=Reason.SPAM)
BOUNCE, COMPLAINT, REQUEST = InboundClass.BOUNCE, InboundClass.COMPLAINT, InboundClass.UNSUBSCRIBE


@pytest.mark.parametrize(
    ("kind", "facts", "effect", "papers"),
    [
        (BOUNCE, {"verdict": HARD}, Effect.SUPPRESSED, Papers.REFUSED),
        (BOUNCE, {"verdict": HARD, "named": False}, Effect.STRIKE, Papers.RETURN),
        (BOUNCE, {"verdict": FULL}, Effect.STRIKE, Papers.RETURN),
        (BOUNCE, {"verdict": EXPIRED}, Effect.RETURNED, Papers.RETURN),
        (BOUNCE, {"verdict": BLOCKED}, Effect.RETURNED, Papers.RETURN),
        (BOUNCE, {"verdict": SPAM}, Effect.RETURNED, Papers.RETURN),
        (BOUNCE, {"verdict": HARD, "found_by": FoundBy.ENVELOPE_ID}, Effect.SUPPRESSED, Papers.REFUSED),
        (BOUNCE, {"verdict": HARD, "found_by": FoundBy.PROVIDER}, Effect.SUPPRESSED, Papers.REFUSED),
        (BOUNCE, {"verdict": HARD, "found_by": FoundBy.HEADER}, Effect.LOOK, Papers.STAY),
        (BOUNCE, {"verdict": HARD, "found_by": FoundBy.MESSAGE_ID}, Effect.LOOK, Papers.STAY),
        (BOUNCE, {"verdict": HARD, "found_by": FoundBy.NOTHING}, Effect.LOOK, Papers.STAY),
        (BOUNCE, {"verdict": HARD, "unproven": "bad"}, Effect.LOOK, Papers.STAY),
        (BOUNCE, {"verdict": HARD, "erased": True}, Effect.NOTHING, Papers.STAY),
        (BOUNCE, {"verdict": HARD, "known_mail": False}, Effect.LOOK, Papers.STAY),
        (BOUNCE, {"verdict": HARD, "known_bounce": True}, Effect.NOTHING, Papers.STAY),
        (BOUNCE, {"verdict": HARD, "old": True}, Effect.NOTHING, Papers.STAY),
        (BOUNCE, {"verdict": HARD, "renewed": True}, Effect.NOTHING, Papers.STAY),
        (BOUNCE, {"verdict": HARD, "moved": True}, Effect.RETURNED, Papers.RETURN),
        (BOUNCE, {}, Effect.LOOK, Papers.STAY),
        (COMPLAINT, {"feedback": "abuse"}, Effect.SUPPRESSED, Papers.STAY),
        (COMPLAINT, {"feedback": "virus"}, Effect.SUPPRESSED, Papers.STAY),
        (COMPLAINT, {"feedback": "opt-out-list"}, Effect.LEFT, Papers.STAY),
        (COMPLAINT, {"found_by": FoundBy.MESSAGE_ID}, Effect.SUPPRESSED, Papers.STAY),
        (COMPLAINT, {"found_by": FoundBy.HEADER}, Effect.SUPPRESSED, Papers.STAY),
        (COMPLAINT, {"moved": True}, Effect.LEFT, Papers.STAY),
        (COMPLAINT, {"known_bounce": True}, Effect.NOTHING, Papers.STAY),
        (COMPLAINT, {"erased": True}, Effect.NOTHING, Papers.STAY),
        (COMPLAINT, {"found_by": FoundBy.NOTHING}, Effect.LOOK, Papers.STAY),
        (COMPLAINT, {"unproven": "bad"}, Effect.LOOK, Papers.STAY),
        (REQUEST, {}, Effect.LEFT, Papers.STAY),
        (REQUEST, {"moved": True}, Effect.LEFT, Papers.STAY),
        (REQUEST, {"found_by": FoundBy.MESSAGE_ID}, Effect.LEFT, Papers.STAY),
        (REQUEST, {"found_by": FoundBy.ADDRESS}, Effect.LEFT, Papers.STAY),
        (REQUEST, {"found_by": FoundBy.ADDRESS, "fits": False}, Effect.LOOK, Papers.STAY),
        (REQUEST, {"found_by": FoundBy.NOTHING}, Effect.LOOK, Papers.STAY),
        (InboundClass.AUTO_REPLY, {}, Effect.NOTHING, Papers.STAY),
        (InboundClass.DELIVERY_REPORT, {}, Effect.NOTHING, Papers.STAY),
        (InboundClass.OTHER, {}, Effect.LOOK, Papers.STAY),
    ],
)
def test_what_follows(kind: InboundClass, facts: dict[str, Any], effect: Effect, papers: Papers) -> None:
    given = {"found_by": FoundBy.RETURN_PATH, **facts}
    ruling = rule(BounceFacts(kind=kind, **given))
    assert (ruling.effect, ruling.papers) == (effect, papers)
    assert ruling.why
