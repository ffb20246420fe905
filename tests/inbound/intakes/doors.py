"""A door that keeps what it is handed, and can be closed like a busy database."""

from __future__ import annotations

from dataclasses import dataclass, field

from newsletter.core.errors import StorageError


@dataclass
class Door:
    """Takes messages until it is busy; a message with a poisoned text makes it fail in an unforeseen way."""

    taken: list[tuple[bytes, str, str]] = field(default_factory=list)
    senders: list[str | None] = field(default_factory=list)
    busy: bool = False
    poison: bytes = b"poison"

    def __call__(self, data: bytes, /, *, recipient: str, source: str, sender: str | None = None) -> object:
        """Keep one message."""
        if self.busy:
            raise StorageError("the database says: database is locked", hint="Try again.")
        if self.poison in data:
            raise ValueError("unforeseen")
        self.senders.append(sender)
        self.taken.append((data, recipient, source))
        return len(self.taken)

    @property
    def messages(self) -> list[bytes]:
        """What came, in order."""
        return [data for data, _, _ in self.taken]
