"""Reads webhooks of Brevo, which know a secret; it signs nothing. One request may hold several events.

https://developers.brevo.com/docs/transactional-webhooks
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from newsletter.core.mail.inbound import InboundReport
from newsletter.inbound.intakes.webhooks import said
from newsletter.inbound.intakes.webhooks.hook import (
    MOST_EVENTS,
    PostedNotice,
    ProviderEvent,
    RefusedNoticeError,
    as_data,
    check_secret,
    read_json,
    words,
)

NAME = "brevo"
BOUNCES = {  # by event; names differ between its lists, so letters alone count
    "hardbounce": said.NO_SUCH_MAILBOX,
    "softbounce": "",
    "invalidemail": said.BAD_ADDRESS,
    "invalid": said.BAD_ADDRESS,
    "blocked": said.SUPPRESSED,
}
COMPLAINTS = {"spam", "complaint"}
LEAVING = {"unsubscribed", "unsubscribe"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BrevoHook:
    """The webhook of one Brevo account."""

    secret: str = field(repr=False)
    refusal: int = 403

    def events(self, notice: PostedNotice) -> Sequence[ProviderEvent]:
        """See Hook."""
        check_secret(notice, self.secret)
        posted = read_json(notice.body)
        events = posted if isinstance(posted, list) else [posted]
        if len(events) > MOST_EVENTS or not all(isinstance(event, dict) for event in events):
            raise RefusedNoticeError("it is no event")
        return [found for event in events if (found := _event(event)) is not None]


def _event(event: dict[str, Any]) -> ProviderEvent | None:
    kind = re.sub(r"[^a-z]", "", words(event, "event").lower())
    report = _report(kind, event)
    if report is None:
        return None
    # `id` is that of the webhook, the same for all events.
    parts = (kind, words(event, "email"), words(event, "message-id"), words(event, "ts_event"))
    return ProviderEvent(key=":".join((NAME, *parts)), report=report, data=as_data(event))


def _report(kind: str, event: dict[str, Any]) -> InboundReport | None:
    address, subject = words(event, "email"), words(event, "subject")
    names = said.named(ids=(words(event, "message-id"),), senders=(words(event, "sender_email"),))
    if kind in COMPLAINTS:
        return said.complaint(NAME, names, [address], subject=subject)
    if kind in LEAVING:
        return said.wish_to_leave(NAME, names, address, subject=subject)
    if kind not in BOUNCES:
        return None
    reason = words(event, "reason")
    return said.bounce(NAME, names, address, diagnostic=reason, meaning=BOUNCES[kind], subject=subject)
