"""Delivers: claims, checks consent again, sends, records. Composes nothing.

No transaction is open across the network. "Handing over" is committed before a mail can leave, and outcomes
share a commit with the next hand-overs, of at most WINDOW messages (docs/explanation/delivery.md).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial

from sqlalchemy import Connection, Engine, insert

from newsletter.core.errors import StorageError
from newsletter.core.mail.values import Envelope
from newsletter.core.reader_range import Shard
from newsletter.core.states import SkipReason
from newsletter.db.engine import KeptConnection, writing
from newsletter.db.schema import runs
from newsletter.delivery.outbox.claims import ClaimedMail, expire
from newsletter.delivery.outbox.handover import WINDOW, AttemptResult, record
from newsletter.delivery.outbox.held_mail import lock_as_sender
from newsletter.delivery.outbox.recovery import recover
from newsletter.delivery.outbox.sender_locks import hold, owning
from newsletter.delivery.smtp.relay import Fault
from newsletter.delivery.smtp.transport import STEP_TIMEOUT, Transport
from newsletter.pipeline.deliver.batches import Batch, Batches
from newsletter.pipeline.deliver.envelopes import Envelopes
from newsletter.pipeline.deliver.leases import Leases
from newsletter.pipeline.deliver.options import DeliveryOptions, DeliveryReport
from newsletter.pipeline.deliver.outcomes import Outcomes
from newsletter.pipeline.deliver.rate_limiter import LONGEST_WAIT, RateLimiter, limit_reached
from newsletter.pipeline.deliver.rescue import RESCUE, rescue

SMALLEST_BATCH = WINDOW // 5  # outcomes worth a commit however many connections there are
FINISH = 60.0  # seconds that messages in transit get when the database failed
COMMIT_STEP = 0.001  # seconds of one look at the connections during a commit
LINGER = 1.0  # seconds an outcome may wait for its commit when a slow server gives few


def deliver(
    engine: Engine,
    options: DeliveryOptions,
    *,
    now: datetime,
    only: int | None = None,
    transactional_only: bool = False,
    shard: Shard | None = None,
    stop: Callable[[], bool] = lambda: False,
    settled: Callable[[int], None] = lambda _mails: None,
    passed: Callable[[str], None] = lambda _point: None,
) -> DeliveryReport:
    """Send what is due at `now` (aware; may be simulated); `only` one subscriber's.

    transactional_only: digests stay untouched, and another run may send them meanwhile.
    shard: only messages to its readers are sent; what a dead sender held is recovered for all readers.
    stop: asked between steps; once true, what is in flight is finished, and what is leased goes back.
    settled: is given, step by step, how many messages have their outcome.
    passed: is given each point at which a crash would leave something different behind (for tests).
    A relay that cannot be used, and a run that stops itself, are in the result (`stopped`). Messages that
    were not tried stay untouched. Raises StorageError, ConfigurationError.
    """
    with owning(options.locks_dir, in_session=engine.dialect.name == "postgresql") as owner:
        leases = Leases(
            owner, now=now, wall=options.wall, only=only, transactional_only=transactional_only, shard=shard
        )
        run = _Run(
            engine,
            options,
            owner,
            leases,
            now=now,
            only=only,
            transactional_only=transactional_only,
            passed=passed,
        )
        run.begin()
        try:
            while run.step(stop=stop):
                settled(run.report.settled)
        except BaseException as error:
            run.abandon(error)
            raise
        run.end()
        return run.report


class _Run:
    """The loop of one run, with the results that wait for their commit.

    Past 200 lines, since a step may send, commit, wait or leave, and each depends on the others.
    """

    def __init__(
        self,
        engine: Engine,
        options: DeliveryOptions,
        owner: str,
        leases: Leases,
        *,
        now: datetime,
        only: int | None,
        transactional_only: bool,
        passed: Callable[[str], None],
    ) -> None:
        self.report = DeliveryReport()
        self._engine = engine
        self._ledger = KeptConnection(engine)
        self._options = options
        self._owner = owner
        self._now = now
        self._only = only
        self._transactional_only = transactional_only
        self._passed = passed
        self._leases = leases
        self._transport = Transport(options.relays, passed=passed)
        self._limiter = RateLimiter(options.limits, self._transport, options.relays, wall=options.wall)
        self._outcomes = Outcomes(options, now=now)
        self.report.held = self._outcomes.held
        self._batches = Batches(
            self._leases,
            envelopes=Envelopes(engine, options),
            limiter=self._limiter,
            outcomes=self._outcomes,
            wall=options.wall,
        )
        self._results: list[AttemptResult] = []  # to be recorded
        self._quiet = True  # the last look at the connections found no outcome
        self._unrecorded: list[AttemptResult] = []  # those of a commit that is under way
        self._committing: list[int] = []  # messages that it hands over
        self._leaving = False  # nothing more is begun
        self._recorded_at = time.monotonic()
        # Outcomes that are worth a commit: meanwhile every connection still has two messages to send.
        self._enough = max(SMALLEST_BATCH, WINDOW - 2 * sum(relay.connections for relay in options.relays))

    def begin(self) -> None:
        """Recover the messages of dead senders, and skip those that expired."""
        with writing(self._engine) as connection:
            self.report.uncertain += recover(
                connection,
                locks_dir=self._options.locks_dir,
                now=self._now,
                wall=self._options.wall(),
                mode=self._options.uncertain,
            )
            self.report.skip(
                SkipReason.EXPIRED,
                expire(connection, now=self._now, transactional_only=self._transactional_only),
            )
            for rest in self._outcomes.begin(connection):
                self._transport.shut(rest.relay, rest.words, Fault.RESTS)
            self._limiter.begin(connection)
        self._passed("recovered")

    def step(self, *, stop: Callable[[], bool]) -> bool:
        """Do a part of the work; whether there was any."""
        if self._transport.unsettled:
            full = len(self._results) >= self._enough
            self._quiet = not self._take_outcomes(0.0 if full else STEP_TIMEOUT)
            self._passed("stepped")
        if self._leaving:
            self._take_back()
        else:
            self._look_for_an_end(stop)
            self._take_back_stranded()
        if self._wants_commit():
            self._commit()
            if self._batches.held_up and self._limiter.room():
                self._commit()  # a quota just taken must be used while it is fresh
            self._wait_for_limits()
        return bool(
            self._transport.unsettled or self._results or (not self._leaving and self._leases.any_left)
        )

    def _take_outcomes(self, timeout: float = STEP_TIMEOUT) -> int:
        """Let the connections work; how many outcomes came."""
        outcomes = self._transport.step(timeout)
        for outcome in outcomes:
            assert outcome.delivery_id is not None
            mail = self._leases.handed_over(outcome.delivery_id)
            self._results.append(self._outcomes.result_of(mail, outcome))
        return len(outcomes)

    def end(self) -> None:
        """Believe the refusals of a short run, and write the run down."""
        self._transport.close()
        stopped = self.report.stopped
        self.report.relay_errors += [error for error in self._transport.failures if error is not stopped]
        with writing(self._engine) as connection:
            lock_as_sender(connection)
            self.report.refuse(self._outcomes.end(connection, self._transport.failures))
            self._leases.release_all(connection)
            self._limiter.end(connection)
            if not self._transactional_only:  # a run of transactional mail explains no day without a digest
                row = {"verb": "deliver", "at": self._now, "done": self.report.sent, "only": self._only}
                connection.execute(insert(runs), row)
        self._ledger.discard()
        self._passed("ended")

    def abandon(self, error: BaseException) -> None:
        """After an error: give back the messages that have certainly not left; recovery settles the rest.

        When the database failed, what is being sent is finished first, and its outcomes are kept until the
        database takes them.
        """
        unsent = [*_ids(self._transport.give_back()), *self._committing]
        failed = isinstance(error, StorageError)
        if failed:
            self._finish_sending()
        self._transport.close(politely=False)
        unsent += [mail.id for mail in self._leases.held]
        results = [*self._unrecorded, *self._results] if failed else ()
        with suppress(Exception):  # the error that ended the run may be this connection's own
            self._ledger.discard()
        longest = RESCUE if failed else 0.0
        rescue(
            self._engine, owner=self._owner, results=results, unsent=unsent, now=self._now, longest=longest
        )

    def _finish_sending(self) -> None:
        end = time.monotonic() + FINISH
        while self._transport.unsettled and time.monotonic() < end:
            self._take_outcomes()

    # leaving, and messages that come back

    def _look_for_an_end(self, stop: Callable[[], bool]) -> None:
        self.report.interrupted = stop()
        for relay, words in self._outcomes.wrong_relays.items():
            self._transport.shut(relay, words, Fault.STRANGERS)
        self.report.stopped = self._transport.error
        if self.report.interrupted or self.report.stopped is not None:
            self._leave()

    def _leave(self) -> None:
        """Begin no more messages, and give back those that no connection has begun."""
        self._leaving = True
        self._batches.held_up = False
        self._take_back()

    def _take_back(self) -> None:
        """Give back the leased messages, and those that no connection has begun, now or later."""
        unbegun = self._unbegun(self._transport.give_back())
        if unbegun or self._leases.held:
            with writing(self._engine) as connection:
                self._leases.release_all(connection, [mail.id for mail in unbegun])
            self._passed("released")

    def _take_back_stranded(self) -> None:
        """Give back the messages of a failed relay that no other relay may take; they are claimed again."""
        stranded = self._unbegun(self._transport.give_back_stranded())
        if stranded:
            with writing(self._engine) as connection:
                self._leases.release_some(connection, stranded)
            self._passed("released")

    def _unbegun(self, envelopes: Sequence[Envelope]) -> list[ClaimedMail]:
        mails = self._leases.unbegun(envelopes)
        self._limiter.unused(mails)
        return mails

    def _wait_for_limits(self) -> None:
        """When nothing may go before a limit opens: wait a little, or leave the rest to the next run."""
        if self._transport.unsettled or self._results or self._leaving:
            return
        opens_at: datetime | None = None
        blocked = self._limiter.blocked() if self._limiter.room() == 0 else None
        if not self._leases.any_ready:
            opens_at = self._leases.next_ready_at
        elif blocked is not None:
            opens_at = blocked[0]
            if opens_at - self._options.wall() > LONGEST_WAIT:
                self.report.stopped = limit_reached(blocked)
                self._leave()
                return
        if opens_at is not None:
            pause = (opens_at - self._options.wall()).total_seconds()
            self._transport.step(max(0.0, min(STEP_TIMEOUT, pause)))

    # commits

    def _wants_commit(self) -> bool:
        if not self._transport.unsettled:
            return bool(self._results) or not self._leaving
        if len(self._results) >= self._enough and (self._quiet or self._transport.unsettled < SMALLEST_BATCH):
            return True
        if self._batches.held_up and self._limiter.gives_way():
            return True
        return bool(self._results) and time.monotonic() - self._recorded_at > LINGER

    def _commit(self) -> None:
        """Record outcomes, hand the next messages over, lease more: one transaction."""
        batch = Batch() if self._leaving else self._batches.choose(unsettled=self._transport.unsettled)
        results, self._results = self._results, []
        self._unrecorded = results
        self._committing = _ids(batch.envelopes)  # leave only behind the commit
        self._passed("committing")
        # What is in transit goes on while the disk writes; a new message leaves only behind the commit.
        send_on = partial(self._take_outcomes, COMMIT_STEP) if self._transport.unsettled else None
        with self._ledger.writing(meanwhile=send_on) as connection:
            hold(connection, self._owner)
            lock_as_sender(connection)
            refused = self._record(connection, results)
            handed_over = self._batches.hand_over(connection, batch)
            skipped = {} if self._leaving else self._batches.refill(connection)
        self._unrecorded, self._committing = [], []
        self._passed("committed")
        self._recorded_at = time.monotonic()
        for result in results:
            self.report.add(result.next.fate)
        self.report.refuse(refused)
        for reason, number in skipped.items():
            self.report.skip(reason, number)
        self._results += [result for result in batch.untried if result.delivery_id in handed_over]
        self._transport.offer(e for e in batch.envelopes if e.delivery_id in handed_over)

    def _record(self, connection: Connection, results: Sequence[AttemptResult]) -> int:
        """Record results and act on them; how many deferred messages are refused after all."""
        late = record(connection, owner=self._owner, results=results, now=self._now)
        ours = [(self._leases.handed_over(r.delivery_id), r) for r in results if r.delivery_id not in late]
        refused = self._outcomes.settle(connection, ours)
        self._leases.recorded(result.delivery_id for result in results)
        return refused


def _ids(envelopes: Iterable[Envelope]) -> list[int]:
    return [envelope.delivery_id for envelope in envelopes if envelope.delivery_id is not None]
