"""Cuts secrets out of the words of servers and programs before anybody stores or shows them.

Some servers quote the refused AUTH command, in which a password stands as base64; some programs print tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

CUT = "[…]"
PIECE = 8  # characters in a row of a secret that give it away
_LONG = re.compile(r"[A-Za-z0-9_\-.~+=]{20,}")


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """`text` without any piece of eight characters, or all, of one of `secrets`."""
    hidden = bytearray(len(text))
    for size, pieces in _pieces(tuple(secrets)):
        for at in range(len(text) - size + 1):
            if text[at : at + size] in pieces:
                hidden[at : at + size] = b"\1" * size
    if not any(hidden):
        return text
    shown = (char if not hidden[at] else "\0" for at, char in enumerate(text.replace("\0", " ")))
    return re.sub("\0+", CUT, "".join(shown))


@lru_cache(maxsize=64)  # a sender has few logins, and asks for each message
def _pieces(secrets: tuple[str, ...]) -> list[tuple[int, frozenset[str]]]:
    """The pieces to look for, by their length."""
    found: dict[int, set[str]] = {}
    for secret in filter(None, secrets):
        size = min(PIECE, len(secret))
        found.setdefault(size, set()).update(secret[at : at + size] for at in range(len(secret) - size + 1))
    return [(size, frozenset(pieces)) for size, pieces in found.items()]


def without_tokens(text: str) -> str:
    """`text` without long words of letters and digits, as tokens and generated passwords are.

    Ids with hyphens, by which a provider finds a request in its logs, stay.
    """

    def cut(found: re.Match[str]) -> str:
        word = found[0]
        mixed = any(map(str.islower, word)) and any(map(str.isupper, word))
        return CUT if any(map(str.isdigit, word)) and (mixed or word.isalnum()) else word

    return _LONG.sub(cut, text)
