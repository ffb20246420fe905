"""A newsletter whose mail comes back: real digests over a real SMTP server, and the door for what returns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import select, update

from newsletter.db.engine import reading, writing
from newsletter.db.schema import deliveries, inbound_recipients, reader_debts
from newsletter.delivery.message.verp import leave_address, signed_ids
from newsletter.pipeline.inbound.options import InboundOptions
from newsletter.pipeline.inbound.take import Taken, take
from subscribers import queries
from subscribers.queries import SubscriberView
from tests.pipeline.whole_newsletter import SUPPRESSION_KEY, WholeNewsletter, utc
from tests.smtp_servers.recording import AcceptedMail, RecordingServer

KEY = "a key of the tests, 32 octets or so"
INBOUND = "bounce@papers.example.org"


class PostOffice(WholeNewsletter):
    """A newsletter and what comes back to it."""

    def __init__(self, folder: Path, server: RecordingServer, *, url: str | None = None) -> None:
        super().__init__(folder, port=server.port, url=url, inbound_address=INBOUND)
        self.server = server
        self.options_in = InboundOptions(secret_keys=[KEY], suppression_key=SUPPRESSION_KEY)

    def digest(self, day: int, address: str = "ada@example.org") -> AcceptedMail:
        """Send the dump of this day of April 2026; the mail to this reader."""
        self.ingest_samples([day])
        self.send(f"2026-04-{day}T07:00")
        return self.mail_to(address)

    def mail_to(self, address: str) -> AcceptedMail:
        return [mail for mail in self.server.accepted if mail.recipient == address][-1]

    def take(self, data: bytes, at: str, **envelope: Any) -> Taken:
        return take(self.engine, data, source="file", now=utc(at), options=self.options_in, **envelope)

    def person(self, address: str = "ada@example.org") -> SubscriberView:
        with reading(self.engine) as connection:
            return queries.require(connection, address)

    def states(self) -> list[tuple[str, str | None, bool]]:
        """State, reason and whether it came back, of all deliveries."""
        d = deliveries.c
        with reading(self.engine) as connection:
            rows = connection.execute(select(d.state, d.reason, d.bounced_at).order_by(d.id))
            return [(row.state, row.reason, row.bounced_at is not None) for row in rows]

    def debts(self) -> list[tuple[str, str | None]]:
        """Kind and end of every debt that is a row, each once."""
        with reading(self.engine) as connection:
            rows = connection.execute(select(reader_debts.c.kind, reader_debts.c.ended).distinct())
            return sorted(((row.kind, row.ended) for row in rows), key=str)

    def log(self) -> list[tuple[str, str]]:
        """By what each recipient was found, and what was done."""
        r = inbound_recipients.c
        with reading(self.engine) as connection:
            rows = connection.execute(select(r.found_by, r.done).order_by(r.id))
            return [(row.found_by, row.done) for row in rows]

    def make_uncertain(self) -> None:
        """The latest delivery's outcome was never heard, as after a crash."""
        from newsletter.delivery.outbox import debts

        with writing(self.engine) as connection:
            latest = (
                connection.execute(select(deliveries.c.id).order_by(deliveries.c.id.desc())).scalars().first()
            )
            assert latest is not None
            connection.execute(update(deliveries).where(deliveries.c.id == latest).values(state="uncertain"))
            debts.recap(connection, [latest], now=utc("2026-04-13T07:00"))


def leave_recipient(mail: AcceptedMail) -> str:
    """The signed address to which the reader of a mail may write to leave."""
    return leave_address(INBOUND, signed_ids(mail.sender)[0])
