"""Defines what every intake is, and the door that it hands messages to."""

from __future__ import annotations

from typing import Protocol


class Take(Protocol):
    """The door for messages. It returns when the message is stored, also one that cannot be read.

    The same message a second time changes nothing. recipient, sender: of the envelope; recipient is empty,
    and sender None, where the intake does not know it.
    Raises NewsletterError when nothing could be stored: the message must be handed in again later.
    """

    def __call__(
        self, data: bytes, /, *, recipient: str, source: str, sender: str | None = None
    ) -> object: ...


class Intake(Protocol):
    """One way in, for one thread."""

    name: str  # of its job
    interval: float  # seconds between two steps

    def step(self) -> bool:
        """Take what is there, up to a bound; returns whether there may be more at once.

        Raises NewsletterError when it cannot go on; nothing is lost by that.
        """

    def close(self) -> None:
        """End it. What was not taken stays with its sender, or where it lies."""
