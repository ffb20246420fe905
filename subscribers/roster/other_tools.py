"""What other programs' exports say about people, in our words. It can hold people back, never let them in.

Nothing is read or stored here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from functools import lru_cache

from subscribers.errors import PreferenceError, SubscriberError
from subscribers.preferences import Preferences, changed
from subscribers.queries import LISTED, State

# How Mailchimp, listmonk, Mailman and their like call what somebody is: letters and digits in lower case.
# Who is "disabled" there got no mail there and is not asked here either.
STATUS = {
    "confirmed": State.CONFIRMED,
    "subscribed": State.CONFIRMED,
    "enabled": State.CONFIRMED,
    "active": State.CONFIRMED,
    "pending": State.PENDING,
    "unconfirmed": State.PENDING,
    "nonsubscribed": State.PENDING,
    "transactional": State.PENDING,
    "unknown": State.PENDING,
    "unsubscribed": State.UNSUBSCRIBED,
    "disabled": State.UNSUBSCRIBED,
    "inactive": State.UNSUBSCRIBED,
    "archived": State.UNSUBSCRIBED,
    "byuser": State.UNSUBSCRIBED,
    "bymoderator": State.UNSUBSCRIBED,
    "byadmin": State.UNSUBSCRIBED,
    "suppressed": State.SUPPRESSED,
    "blocklisted": State.SUPPRESSED,
    "blacklisted": State.SUPPRESSED,
    "cleaned": State.SUPPRESSED,
    "bounced": State.SUPPRESSED,
    "bouncing": State.SUPPRESSED,
    "bybounce": State.SUPPRESSED,
    "bybounces": State.SUPPRESSED,
    "complained": State.SUPPRESSED,
}
_NO = ("", "no", "n", "false", "0", "never")  # in a column about leaving: they have not
_HELD = (State.CONFIRMED, State.PENDING, State.UNSUBSCRIBED, State.SUPPRESSED)  # ever further back


def strictest(*states: State | None) -> State | None:
    """Of what is said about one person that which holds them back furthest; None: nothing is said."""
    said = [state for state in states if state is not None]
    return max(said, key=_HELD.index) if said else None


def stated(cells: Mapping[str, str]) -> State | None:
    """What a row says somebody is; None when it says nothing. Raises SubscriberError for an unknown word."""
    said: State | None = None
    if own := cells.get("state"):
        if own.lower() not in LISTED:
            raise SubscriberError(f"there is no state {own!r}", hint=f"There are {', '.join(LISTED)}.")
        said = State(own.lower())
    for field in ("status", "subscription"):
        if word := cells.get(field):
            said = strictest(said, status(word))
    if cells.get("left_at", "").lower() not in _NO:
        said = strictest(said, State.UNSUBSCRIBED)
    if cells.get("cleaned_at", "").lower() not in _NO:
        said = strictest(said, State.SUPPRESSED)
    return said


def status(word: str) -> State:
    """Another program's word in ours. Raises SubscriberError for one that is not known."""
    state = STATUS.get(_plain(word))
    if state is None:
        raise SubscriberError(
            f"the status {word!r} is not known",
            hint="If it does not say who may be mailed, rename or remove that column.",
        )
    return state


def full_name(cells: Mapping[str, str]) -> str:
    """The name that a row gives, of one column or of two. Mailman encodes what is not ASCII (RFC 2047)."""
    name = cells.get("name") or f"{cells.get('first_name', '')} {cells.get('last_name', '')}"
    return decoded(name) if "=?" in name else name


def decoded(name: str) -> str:
    """A name without its encoded words (RFC 2047)."""
    try:
        return str(make_header(decode_header(name)))
    except (HeaderParseError, LookupError, ValueError):  # as it stands, then
        return name


def titles(names: Mapping[str, str]) -> dict[str, str]:
    """The topics by what a list or a tag of them may be called. names: slug → title."""
    return {_plain(title): slug for slug, title in names.items()} | {_plain(slug): slug for slug in names}


def tagged(cell: str, called: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What a cell of tags or lists names: each name with its topic's slug, or with "": none of ours.

    Reads `a;b`, `a,b`, Mailchimp's `"a","b"` and JSON's `["a", "b"]`. called: of `titles`.
    """
    if slug := called.get(_plain(cell)):
        yield cell, slug
        return
    for part in re.split(r"[;,|\n]", cell.strip("[]{}")):
        if name := part.strip(" \"'"):
            yield name, called.get(_plain(name), "")


@lru_cache(maxsize=4096)
def is_zone(name: str) -> bool:
    """Whether that is a time zone."""
    try:
        changed(Preferences(), {"timezone": name})
    except PreferenceError:
        return False
    return True


def _plain(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())
