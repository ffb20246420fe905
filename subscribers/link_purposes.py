"""Defines the purposes of signed links and how long each is valid. Signs nothing; `subscribers.tokens` does.

Each purpose has its own salt, so that a link for one page opens no other. The unsubscribe link is not signed:
it is a stored random id and never expires.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from subscribers import tokens
from subscribers.errors import TokenForgedError

CONFIRM = "confirm"  # a sign-up; payload: ref, for (the ref of what it asks for)
ADDRESS = "address"  # a change of address; payload: ref, to (the ref of the new address)
PREFERENCES = "preferences"  # in every mail, so it may be forwarded; payload: ref
ACCOUNT = "account"  # change of address, export, erasure; payload: ref
READER = "reader"  # the archive with the topics that they follow; payload: ref, epoch
FEED = "feed"  # the feed of their mails, kept in a feed reader for years; payload: ref, epoch
FORM = "form"  # the time at which a form was shown; payload: empty

MAX_AGES = {
    CONFIRM: timedelta(hours=72),  # long enough for a weekend, short enough to be safe
    ADDRESS: timedelta(hours=72),
    PREFERENCES: timedelta(days=365),  # people keep old mail; they can ask for a new link
    ACCOUNT: timedelta(hours=1),
    READER: timedelta(days=365),  # it shows papers and changes nothing; revoked by `links_epoch`
    FEED: timedelta(days=3650),  # nobody changes the address of a feed; revoked like READER
    FORM: timedelta(days=1),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedLink:
    """A valid link."""

    ref: str  # of the subscriber
    to: str = ""  # of the pending subscriber at the new address
    asked: str = ""  # of what the sign-up asks for; empty: what an admin stored
    epoch: str = ""  # of the links to the archive
    signed_at: datetime  # UTC, whole seconds


def read(purpose: str, token: str, *, keys: Sequence[str], now: datetime) -> OpenedLink:
    """Check a token and read its payload. Raises TokenExpiredError and TokenForgedError."""
    payload, signed_at = tokens.read_with_time(purpose, token, keys=keys, now=now, max_age=MAX_AGES[purpose])
    ref, to, asked, epoch = (payload.get(name, "") for name in ("ref", "to", "for", "epoch"))
    if not all(isinstance(value, str) for value in (ref, to, asked, epoch)) or (purpose != FORM and not ref):
        raise TokenForgedError("this link is not one of ours", hint="Ask for a new one.")
    return OpenedLink(ref=ref, to=to, asked=asked, epoch=epoch, signed_at=signed_at)
