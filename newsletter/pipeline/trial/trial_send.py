"""Sends one sample to any address, outside the ledger. It stores nothing, and no paper counts as given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from newsletter.core.mail.values import Builder, Content, Envelope, Outcome, Prepared, Recipient
from newsletter.core.states import MailKind
from newsletter.db.engine import reading
from newsletter.delivery.smtp.relay import Relay
from newsletter.delivery.smtp.transport import send_batch
from newsletter.pipeline.trial.preview import Preview, Previewer
from subscribers import queries


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What was sent, and what became of it."""

    outcome: Outcome
    shown: Preview


def send_test(
    previewer: Previewer,
    *,
    address: str,
    now: datetime,
    relays: Sequence[Relay],
    base_url: str,
    edition: int | str | None = None,
) -> Trial:
    """Send a reader the digest that they would get at `now` (aware); any other address the latest one.

    edition: its number, or `newsletter.pipeline.trial.preview.NEXT`: to a reader what it brings them, to any
    other address all of it. A newsletter without digests sends the sample of shipped papers. The Message-ID
    is new each time. Raises RelayError when the server cannot be used, NotFoundError for an unknown edition.
    """
    with reading(previewer.engine) as connection:
        reader = queries.find(connection, address)
    if reader is not None and reader.state is queries.State.CONFIRMED:
        trial = replace(previewer, builder=_TrialBuilder(previewer.builder, now))
        shown = trial.reader(reader.id, now=now, edition=edition)
    else:
        my = {
            "greeting": "Good day.",
            "because": "This is a sample, sent by hand: you are on no list.",
            "reader_token": "",
            "web_url": f"{base_url}/sample",
            **dict.fromkeys(("unsubscribe_url", "preferences_url", "pause_url"), f"{base_url}/"),
        }
        shown = previewer.anybody(address, my=my, now=now, edition=edition)
    (outcome,) = send_batch(relays, [shown.envelope._replace(delivery_id=0)])
    return Trial(outcome=outcome, shown=shown)


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
        return self.prepared.assemble(recipient._replace(kind=MailKind.TEST, key=self.now.isoformat()))
