"""Checks the topic slugs of a request against the known ones. Does not know what a topic means."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable

from subscribers.errors import UnknownTopicError


def checked(slugs: Iterable[str], known: Collection[str]) -> tuple[str, ...]:
    """`slugs` in order, without blanks and repeats. Raises UnknownTopicError, which names the known."""
    found: dict[str, None] = {}
    for slug in slugs:
        wanted = slug.strip().lower()
        if not wanted:
            continue
        if wanted not in known:
            near = difflib.get_close_matches(wanted, known, n=1)
            hint = f"Did you mean {near[0]}? " if near else ""
            raise UnknownTopicError(
                f"there is no topic {slug.strip()!r}", hint=f"{hint}There are {', '.join(known)}."
            )
        found[wanted] = None
    return tuple(found)
