"""Translates what exports of other tools say about people. Reads and stores nothing.

Another tool's word can only restrict a person; it never counts as consent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from functools import lru_cache

from subscribers.errors import PreferenceError, SubscriberError
from subscribers.preferences import Preferences, changed
from subscribers.queries import LISTED_STATES, State

# The words of Mailchimp, listmonk, Mailman and others for a state: letters and digits in lower case.
# A person who is "disabled" there got no mail there, and gets no request to confirm here.
STATE_BY_STATUS = {
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
_NO = ("", "no", "n", "false", "0", "never")  # in a column of dates: it did not happen
_STRICTNESS = (State.CONFIRMED, State.PENDING, State.UNSUBSCRIBED, State.SUPPRESSED)  # from the least strict


def strictest(*states: State | None) -> State | None:
    """The strictest of these states, for one person; None when there is none."""
    given = [state for state in states if state is not None]
    return max(given, key=_STRICTNESS.index) if given else None


def state_of_row(cells: Mapping[str, str]) -> State | None:
    """The state that a row gives; None when it gives none. Raises SubscriberError for an unknown word."""
    found: State | None = None
    if own := cells.get("state"):
        if own.lower() not in LISTED_STATES:
            raise SubscriberError(f"there is no state {own!r}", hint=f"There are {', '.join(LISTED_STATES)}.")
        found = State(own.lower())
    for field in ("status", "subscription"):
        if word := cells.get(field):
            found = strictest(found, state_of_word(word))
    if cells.get("left_at", "").lower() not in _NO:
        found = strictest(found, State.UNSUBSCRIBED)
    if cells.get("cleaned_at", "").lower() not in _NO:
        found = strictest(found, State.SUPPRESSED)
    return found


def state_of_word(word: str) -> State:
    """The state that another tool's word means. Raises SubscriberError for an unknown word."""
    state = STATE_BY_STATUS.get(_letters_and_digits(word))
    if state is None:
        raise SubscriberError(
            f"the status {word!r} is not known",
            hint="If it does not say who may be mailed, rename or remove that column.",
        )
    return state


def full_name(cells: Mapping[str, str]) -> str:
    """The name in a row, from one column or two. Mailman encodes names that are not ASCII (RFC 2047)."""
    name = cells.get("name") or f"{cells.get('first_name', '')} {cells.get('last_name', '')}"
    return decoded(name) if "=?" in name else name


def decoded(name: str) -> str:
    """A name with its encoded words decoded (RFC 2047)."""
    try:
        return str(make_header(decode_header(name)))
    except (HeaderParseError, LookupError, ValueError):  # not decodable: keep the text
        return name


def titles(names: Mapping[str, str]) -> dict[str, str]:
    """Slugs of topics by what a list or tag may call them. names: titles by slug."""
    return {_letters_and_digits(title): slug for slug, title in names.items()} | {
        _letters_and_digits(slug): slug for slug in names
    }


def tagged(cell: str, topic_names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each name in a cell of tags or lists, with the slug of its topic, or "" where there is none.

    Reads `a;b`, `a,b`, Mailchimp's `"a","b"` and JSON's `["a", "b"]`. topic_names: of `titles`.
    """
    if slug := topic_names.get(_letters_and_digits(cell)):
        yield cell, slug
        return
    for part in re.split(r"[;,|\n]", cell.strip("[]{}")):
        if name := part.strip(" \"'"):
            yield name, topic_names.get(_letters_and_digits(name), "")


@lru_cache(maxsize=4096)
def is_time_zone(name: str) -> bool:
    """Whether this is the name of a time zone."""
    try:
        changed(Preferences(), {"timezone": name})
    except PreferenceError:
        return False
    return True


def _letters_and_digits(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())
