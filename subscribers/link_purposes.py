"""The signed links to the pages: what each is for, how long it is good, and who follows it.

One purpose, one salt: a link for one page opens no other (`subscribers.tokens`). The unsubscribe link is none
of them: it is a stored random id and never expires.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from subscribers import tokens
from subscribers.errors import TokenForgedError

CONFIRM = "confirm"  # a sign-up; payload: ref
ADDRESS = "address"  # a change of address; payload: ref, to (the ref of the new address)
PREFERENCES = "preferences"  # may be forwarded with a mail; payload: ref
ACCOUNT = "account"  # change of address, export, erasure; payload: ref
FORM = "form"  # when a form was handed out; payload: empty

AGES = {
    CONFIRM: timedelta(hours=72),  # long enough for a weekend, short enough to be safe
    ADDRESS: timedelta(hours=72),
    PREFERENCES: timedelta(days=365),  # in mail that people keep; a new one is mailed to who asks
    ACCOUNT: timedelta(hours=1),
    FORM: timedelta(days=1),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedLink:
    """A link that is good."""

    ref: str  # of the subscriber it was made for
    to: str = ""  # of the subscriber at the new address
    signed_at: datetime  # UTC, whole seconds


def read(purpose: str, token: str, *, keys: Sequence[str], now: datetime) -> OpenedLink:
    """The pass that a token is. Raises TokenExpiredError and TokenForgedError."""
    payload, signed_at = tokens.opened(purpose, token, keys=keys, now=now, max_age=AGES[purpose])
    ref, to = payload.get("ref", ""), payload.get("to", "")
    if not isinstance(ref, str) or not isinstance(to, str) or (purpose != FORM and not ref):
        raise TokenForgedError("this link is not one of ours", hint="Ask for a new one.")
    return OpenedLink(ref=ref, to=to, signed_at=signed_at)
