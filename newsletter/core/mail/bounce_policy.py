"""Decides what follows when a message of ours came back. It only decides; the pipeline acts.

The table is in docs/explanation/what-comes-back.md, “What follows”.
"""

from __future__ import annotations

from enum import StrEnum


class Effect(StrEnum):
    """What was done about one recipient of a message that came back."""

    SUPPRESSED = "suppressed"  # the address is mailed no more
    LEFT = "left"  # the reader asked to leave, or complained
    STRIKE = "strike"  # counted; several suppress
    RETURNED = "returned"  # only the papers came back: nobody is blamed
    LOOK = "look"  # kept for an admin: nobody can say what it means, or whom it is about
    NOTHING = "nothing"  # rightly: a vacation reply, a delay, a known bounce
