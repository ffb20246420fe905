"""The Big List of Naughty Strings: what people and machines type into fields to see them break."""

from __future__ import annotations

import json

from tests import npm


def naughty_strings() -> list[str]:
    """All of them, in the list's order; the test is skipped where the list is not installed."""
    text = (npm.folder("big-list-of-naughty-strings") / "blns.json").read_text("utf-8")
    return [str(one) for one in json.loads(text)]
