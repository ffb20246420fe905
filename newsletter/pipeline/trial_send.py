"""Sends one sample to any address, outside the ledger. It stores nothing, and no paper counts as given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Engine

from newsletter.core.mail.values import Builder, Content, Envelope, Outcome, Prepared, Recipient
from newsletter.core.states import MailKind
from newsletter.db.engine import reading
from newsletter.delivery.outbox.claims import ClaimedMail
from newsletter.delivery.smtp.relay import Relay
from newsletter.delivery.smtp.transport import send_batch
from newsletter.pipeline.compose.options import SendOptions
from newsletter.pipeline.content.sample_digest import SampleDigest
from newsletter.pipeline.preview import preview, sample_envelope
from subscribers import queries


def send_test(
    engine: Engine,
    options: SendOptions,
    *,
    address: str,
    now: datetime,
    builder: Builder,
    links: Callable[[ClaimedMail], Mapping[str, str]],
    relays: Sequence[Relay],
    base_url: str,
    sample_digest: SampleDigest,
) -> Outcome:
    """Send a reader the digest that they would get at `now` (aware); any other address the latest digest.

    A newsletter without digests sends the sample of shipped papers. Returns the outcome. The Message-ID is
    new each time. Raises RelayError when the server cannot be used.
    """
    with reading(engine) as connection:
        reader = queries.find(connection, address)
    if reader is not None and reader.state is queries.State.CONFIRMED:
        shown = preview(
            engine,
            options,
            subscriber_id=reader.id,
            now=now,
            builder=_TrialBuilder(builder, now),
            links=links,
            sample_digest=sample_digest,
        )
        envelope = shown.envelope
    else:
        my = {
            "greeting": "Good day.",
            "because": "This is a sample, sent by hand: you are on no list.",
            **dict.fromkeys(("unsubscribe_url", "preferences_url", "pause_url", "web_url"), f"{base_url}/"),
        }
        envelope = sample_envelope(
            engine, address=address, now=now, builder=builder, my=my, sample_digest=sample_digest
        )
    (outcome,) = send_batch(relays, [replace(envelope, delivery_id=0)])
    return outcome


@dataclass(frozen=True, slots=True)
class _TrialBuilder:
    """A builder whose messages have other Message-IDs than those of the ledger."""

    builder: Builder
    now: datetime

    def prepare(self, content: Content) -> Prepared:
        return _TrialPrepared(self.builder.prepare(content), self.now)


@dataclass(frozen=True, slots=True)
class _TrialPrepared:
    prepared: Prepared
    now: datetime

    def assemble(self, recipient: Recipient) -> Envelope:
        return self.prepared.assemble(replace(recipient, kind=MailKind.TEST, key=self.now.isoformat()))
