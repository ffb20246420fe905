"""What a hard refusal means for the list: the address is suppressed, once, with the server's words.

Called in the transaction that records the refusal; who is to blame was decided before
(`newsletter.core.mail.retry`, and the brakes that stop a run when the relay, not the readers, seems wrong).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from newsletter.core.mail.values import Outcome
from newsletter.delivery.outbox.claims import ClaimedMail
from subscribers.lifecycle import suppression


@dataclass(frozen=True, slots=True)
class SuppressRefused:
    """Suppresses the recipients of mails that were refused for good, for the address's own sake."""

    suppression_key: bytes

    def __call__(self, connection: Connection, mail: ClaimedMail, outcome: Outcome, now: datetime) -> None:
        """Suppress the address of `mail`; `newsletter subscribers unsuppress` takes it back."""
        words = " ".join(str(part) for part in (outcome.code, outcome.status, outcome.text) if part)
        suppression.suppress(
            connection,
            address=mail.person.address,
            reason="bounce",
            how="bounce",
            now=now,
            key=self.suppression_key,
            note=words[:200].replace(mail.person.address, "the address"),
        )
