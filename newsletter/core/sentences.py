"""Makes a sentence of words that may begin with a name. Knows no message."""

from __future__ import annotations

import re

_PLAIN_WORD = re.compile(r"[^\W\d_]+(?=[ ,;:!?]|$)")  # no address, file, host or key


def as_sentence(words: str, *, named: bool = False) -> str:
    """`words` with a capital at the beginning, unless they begin with a name such as `notes.txt`.

    named: they surely begin with a name, however it looks.
    """
    return words[:1].upper() + words[1:] if not named and _PLAIN_WORD.match(words) else words
