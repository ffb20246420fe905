"""Decides what refusals about a recipient mean for the list: a strike, or a suppressed address.

Whether a relay is believed in this run is the circuit breaker's to say. What it leaves in doubt is kept for
later runs: a recipient who is refused again, after the relay accepted others, is believed to be refused.
Opens no transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from newsletter.core.mail.retry import LONGEST_RETRY, POLICY_RETRY, Fate, verdict_of
from newsletter.core.mail.values import Outcome
from newsletter.core.states import DeliveryState
from newsletter.db.schema import deliveries
from newsletter.delivery.addresses import domain_of, without_addresses
from newsletter.delivery.outbox import bounces
from newsletter.delivery.outbox.claims import ClaimedMail
from newsletter.delivery.outbox.handover import AttemptResult
from subscribers.lifecycle import strikes, suppression

MAX_NOTE = 200  # characters of the server's words that are kept with a suppression


class RecipientRefusals:
    """The refusals of one run that are about recipients."""

    def __init__(self, *, now: datetime, suppression_key: bytes) -> None:
        self._now = now
        self._suppression_key = suppression_key
        self._doubted: dict[int, datetime] = {}  # subscribers whose refusal is in doubt, and since when
        # by relay those of them for whom a further refusal is enough
        self._proven: dict[str, frozenset[int]] = {}
        self._policy: list[tuple[ClaimedMail, Outcome]] = []  # refusals that may be one recipient's own

    def begin(self, connection: Connection) -> None:
        """Forget strikes that have passed, and read which subscribers have doubted refusals."""
        bounces.clear_strikes(connection, now=self._now)
        for relay, doubted in strikes.doubted_since(connection).items():
            for reader, since in doubted.items():
                self._doubted[reader] = min(since, self._doubted.get(reader, since))
            self._proven[relay] = self._find_proven(connection, relay, doubted)

    def _find_proven(
        self, connection: Connection, relay: str, doubted: Mapping[int, datetime]
    ) -> frozenset[int]:
        """Those after whose refusal this relay accepted a message, and since then as many readers as are in
        doubt: a relay that takes few has not shown that the others do not exist."""
        since = min(doubted.values())
        last = func.max(deliveries.c.finished_at)
        accepted = (  # by this relay since then, the last one of each reader
            select(last.label("at"))
            .where(
                deliveries.c.state == DeliveryState.SENT,
                deliveries.c.relay == relay,
                deliveries.c.finished_at >= since,
            )
            .group_by(deliveries.c.subscriber_id)
            .order_by(last.desc())
        )
        # The last time of the last so many readers.
        enough = connection.execute(accepted.offset(len(doubted) - 1).limit(1)).scalar_one_or_none()
        if enough is None:
            return frozenset()
        before = accepted.having(last < self._now).limit(1)  # this run's own are judged with its refusals
        accepted_at = connection.execute(before).scalar_one_or_none()
        if accepted_at is None:
            return frozenset()
        return frozenset(
            reader for reader, since in doubted.items() if since < accepted_at and since <= enough
        )

    def is_proven(self, mail: ClaimedMail, relay: str) -> bool:
        """Whether a relay's refusal of this message's reader is believed, whatever else this run shows."""
        return mail.person.subscriber_id in self._proven.get(relay, ())

    def patience(self, mail: ClaimedMail) -> timedelta:
        """How long a message waits whose refusal is in doubt: longer, the longer that lasts."""
        since = self._doubted.get(mail.person.subscriber_id, self._now)
        return min(max(POLICY_RETRY, self._now - since), LONGEST_RETRY)

    def doubt(self, connection: Connection, suspects: Iterable[tuple[ClaimedMail, AttemptResult]]) -> None:
        """Keep the refusals that the run could not settle."""
        for mail, result in suspects:
            strikes.doubt(
                connection,
                mail.person.subscriber_id,
                relay=result.outcome.relay,
                message_key=f"{mail.kind} {mail.key}",
                reason=verdict_of(result.outcome).reason,
                note=_note(mail, result.outcome),
                now=self._now,
            )

    def note_policy_refusal(self, mail: ClaimedMail, outcome: Outcome) -> None:
        """Remember a policy refusal at RCPT: the end of the run shows whether it is one recipient's."""
        self._policy.append((mail, outcome))

    def settle(self, connection: Connection, results: Iterable[tuple[ClaimedMail, AttemptResult]]) -> None:
        """Suppress addresses that do not exist, add strikes, and dispel doubts about accepted messages."""
        accepted = set()
        for mail, result in results:
            if result.next.blames_address:
                self._suppress(connection, mail, _note(mail, result.outcome))
            elif result.next.is_strike:
                self._strike(connection, mail, result.outcome)
            elif result.next.fate is Fate.SENT and mail.person.subscriber_id in self._doubted:
                accepted.add(mail.person.subscriber_id)
        strikes.dispel(connection, accepted)

    def end(self, connection: Connection, *, is_alone: Callable[[str, str], bool]) -> None:
        """Add a strike for each policy refusal of one recipient alone.

        is_alone: whether a relay, by its name, refused only few of a domain and accepted others.
        """
        for mail, outcome in self._policy:
            if is_alone(outcome.relay, domain_of(mail.person.address)):
                self._strike(connection, mail, outcome)
        self._policy.clear()

    def _strike(self, connection: Connection, mail: ClaimedMail, outcome: Outcome) -> None:
        note = _note(mail, outcome)
        counted = strikes.add(
            connection,
            mail.person.subscriber_id,
            message_key=f"{mail.kind} {mail.key}",
            reason=verdict_of(outcome).reason,
            note=note,
            now=self._now,
        )
        if counted is None:
            return
        reader = mail.person.subscriber_id
        if bounces.in_a_row(connection, reader, counted, message_at=self._now, now=self._now):
            self._suppress(connection, mail, f"{counted.messages} messages in a row were refused: {note}")

    def _suppress(self, connection: Connection, mail: ClaimedMail, note: str) -> None:
        """`newsletter subscribers unsuppress` takes it back."""
        suppression.suppress(
            connection,
            address=mail.person.address,
            reason="bounce",
            how="bounce",
            now=self._now,
            key=self._suppression_key,
            note=note,
        )


def reply_words(outcome: Outcome) -> str:
    """Code, enhanced code and text of an outcome's reply."""
    return " ".join(str(part) for part in (outcome.code, outcome.status, outcome.text) if part)


def _note(mail: ClaimedMail, outcome: Outcome) -> str:
    """The server's words, without the address: the note outlives an erasure."""
    words = reply_words(outcome).replace(mail.person.address, "the address")
    return without_addresses(words, mail.person.address)[:MAX_NOTE]
