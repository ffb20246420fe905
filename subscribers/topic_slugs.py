"""Checks the topic slugs of a request against the known ones. Does not know what a topic means."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable

from subscribers.addresses import quoted
from subscribers.errors import UnknownTopicError

MAX_NAMED = 5  # unknown topics that a message names
MAX_SLUG = 64  # characters; nothing longer is compared with the known slugs


def checked(slugs: Iterable[str], known: Collection[str]) -> tuple[str, ...]:
    """`slugs` in order, without blanks and repeats. Raises UnknownTopicError, which names the unknown."""
    found: dict[str, None] = {}
    unknown: dict[str, None] = {}
    for slug in slugs:
        wanted = slug.strip().lower()
        if wanted:
            (found if wanted in known else unknown)[wanted if wanted in known else slug.strip()] = None
    if unknown:
        near = [
            match
            for slug in list(unknown)[:MAX_NAMED]
            for match in difflib.get_close_matches(slug.lower()[:MAX_SLUG], known, n=1)
        ]
        hint = f"Did you mean {' and '.join(dict.fromkeys(near))}? " if near else ""
        named = ", ".join(quoted(slug) for slug in list(unknown)[:MAX_NAMED])
        more = f" and {len(unknown) - MAX_NAMED} more" if len(unknown) > MAX_NAMED else ""
        raise UnknownTopicError(
            f"there is no topic {named}{more}", hint=f"{hint}There are {', '.join(known)}."
        )
    return tuple(found)
