"""Delivering: claim, check consent again, send, record. Composes nothing.

No transaction is open across the network. "Handing over" is committed before a mail can leave, and outcomes
share a commit with the next hand-overs, of at most WINDOW mails (docs/explanation/delivery.md, “Commits”).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime

from sqlalchemy import Connection, Engine, insert

from newsletter.core.errors import StorageError
from newsletter.core.mail.retry import Fate, NextStep
from newsletter.core.mail.values import Envelope, Outcome, Verdict
from newsletter.core.states import MailKind, SkipReason
from newsletter.db.engine import KeptConnection, writing
from newsletter.db.schema import runs
from newsletter.delivery.addresses import domain_of
from newsletter.delivery.outbox.claims import AudienceSelects, ClaimedMail, claim, expire
from newsletter.delivery.outbox.handover import WINDOW, AttemptResult, hand_over, record, release
from newsletter.delivery.outbox.held_mail import as_sender, barred, park
from newsletter.delivery.outbox.recovery import recover
from newsletter.delivery.outbox.sender_locks import owning
from newsletter.delivery.smtp.transport import NAP, Transport
from newsletter.pipeline.deliver.envelopes import Envelopes
from newsletter.pipeline.deliver.options import DeliveryOptions, DeliveryReport
from newsletter.pipeline.deliver.outcomes import Outcomes
from newsletter.pipeline.deliver.rate_limiter import LONGEST_WAIT, RateLimiter, reached
from subscribers import audience

CLAIM = 4 * WINDOW  # mails leased at once; so many minds may change unseen, and so many leases can be lost
SMALLEST_BATCH = WINDOW // 5  # outcomes worth a commit however many connections there are
LINGER = 1.0  # seconds an outcome may wait for its commit when a slow server gives few


def deliver(
    engine: Engine,
    post: DeliveryOptions,
    *,
    now: datetime,
    only: int | None = None,
    letters_only: bool = False,
    stop: Callable[[], bool] = lambda: False,
    settled: Callable[[int], None] = lambda _mails: None,
    passed: Callable[[str], None] = lambda _point: None,
) -> DeliveryReport:
    """Send what is due at `now` (aware; may be simulated); `only` one subscriber's.

    letters_only: what people wait for; digests stay untouched, and others may send them meanwhile.
    stop: asked between steps; once true, what is in flight is finished, what is leased goes back.
    settled: told, step by step, how many mails have their outcome.
    passed: told each point at which a crash would leave something different behind (for tests).
    A relay that cannot be used and a run that brakes itself are in the result (`stopped`), and leave
    untouched what was not tried. Raises StorageError, ConfigurationError.
    """
    with owning(post.locks_dir) as owner:
        run = _Run(engine, post, owner, now=now, only=only, letters=letters_only, stop=stop, passed=passed)
        run.begin()
        try:
            while run.step():
                settled(run.counts.settled)
        except BaseException:
            run.abandon()
            raise
        run.end()
        return run.counts


WAITS = AttemptResult(0, Outcome(verdict=Verdict.DEFERRED, phase="assemble"), NextStep(fate=Fate.RETRY))


class _Run:
    """One run's state: what is leased, what is on the wire, what waits for its commit."""

    def __init__(
        self,
        engine: Engine,
        post: DeliveryOptions,
        owner: str,
        *,
        now: datetime,
        only: int | None,
        letters: bool,
        stop: Callable[[], bool],
        passed: Callable[[str], None],
    ) -> None:
        self.counts = DeliveryReport()
        self._engine = engine
        self._ledger = KeptConnection(engine)
        self._post = post
        self._owner = owner
        self._now = now
        self._only = only
        self._letters_only = letters
        self._stop = stop
        self._passed = passed
        self._audience = AudienceSelects(
            mailable=audience.mailable(),
            reachable=audience.reachable(),
            departed=audience.departed(),
            states=audience.states(),
        )
        self._transport = Transport(post.relays, passed=passed)
        self._allowances = RateLimiter(post.limits, self._transport, post.relays, wall=post.wall)
        self._outcomes = Outcomes(post, now=now)
        self.counts.held = self._outcomes.held
        self._envelopes = Envelopes(engine, post)
        self._leased: deque[ClaimedMail] = deque()
        self._waiting: deque[tuple[datetime, ClaimedMail]] = deque()  # leased, until their domains take more
        self._handed: dict[int, ClaimedMail] = {}  # handed over and not recorded
        self._results: list[AttemptResult] = []  # to be recorded
        self._exhausted = False  # nothing more is due
        self._held_up = False  # more would be on the wire but for a limit
        self._leaving = False
        self._recorded_at = time.monotonic()
        # Outcomes worth a commit: what then stays on the wire keeps every connection busy with one mail
        # and the next one behind it.
        connections = sum(relay.connections for relay in post.relays)
        self._batch = max(SMALLEST_BATCH, WINDOW - 2 * connections)

    def begin(self) -> None:
        """Move what the dead left behind; give up what is too late."""
        with writing(self._engine) as connection:
            self.counts.uncertain += recover(
                connection,
                locks_dir=self._post.locks_dir,
                now=self._now,
                wall=self._post.wall(),
                mode=self._post.uncertain,
            )
            self.counts.skip(
                SkipReason.EXPIRED, expire(connection, now=self._now, letters_only=self._letters_only)
            )
            self._outcomes.begin(connection)
            self._allowances.begin(connection)
        self._passed("recovered")

    def step(self) -> bool:
        """Do a part of the work; whether there was any."""
        if self._transport.unsettled:
            for outcome in self._transport.step(NAP):
                assert outcome.delivery_id is not None
                mail = self._handed[outcome.delivery_id]
                self._results.append(self._outcomes.take(mail, outcome))
            self._passed("stepped")
        if self._leaving:
            self._take_back()
        else:
            self._look_around()
            self._unstrand()
        if self._wants_commit():
            self._commit()
            if self._held_up and self._allowances.room():
                self._commit()  # what a limit has just given must go while it counts as now
            self._wait_for_limits()
        return bool(
            self._transport.unsettled
            or self._results
            or (not self._leaving and (self._leased or self._waiting or not self._exhausted))
        )

    def end(self) -> None:
        """Believe the refusals of a short run, and write the run down."""
        self._transport.close()
        self._ledger.close()
        stopped = self.counts.stopped
        self.counts.troubles += [error for error in self._transport.failures if error is not stopped]
        with writing(self._engine) as connection:
            as_sender(connection)
            self.counts.refuse(self._outcomes.end(connection))
            self._release(connection)
            self._allowances.end(connection)
            if not self._letters_only:  # a run of letters explains no day without a digest
                connection.execute(
                    insert(runs),
                    {"verb": "deliver", "at": self._now, "done": self.counts.sent, "only": self._only},
                )
        self._passed("ended")

    def abandon(self) -> None:
        """After an error: give back what has certainly not left; recovery settles the rest."""
        given = [envelope.delivery_id for envelope in self._transport.give_back()]
        self._transport.close(politely=False)
        with suppress(Exception):  # the error that brought us here may be its own
            self._ledger.close()
        leased = [*self._leased, *(mail for _, mail in self._waiting)]
        ids = [mail.id for mail in leased] + [id_ for id_ in given if id_ is not None]
        with suppress(StorageError), writing(self._engine) as connection:
            release(connection, ids, owner=self._owner)

    # outcomes

    def _look_around(self) -> None:
        self.counts.interrupted = self._stop()
        for relay, words in self._outcomes.wrong_relays.items():
            self._transport.shut(relay, words)
        self.counts.stopped = self._transport.error
        if self.counts.interrupted or self.counts.stopped is not None:
            self._leave()

    def _leave(self) -> None:
        """Begin nothing more; what no connection has begun goes back."""
        self._leaving = True
        self._held_up = False
        self._take_back()

    def _take_back(self) -> None:
        """Give back what is leased and what no connection has begun: also what one hands back later."""
        self._leased.extend(self._returned(self._transport.give_back()))
        if self._leased or self._waiting:
            with writing(self._engine) as connection:
                self._release(connection)
            self._passed("released")

    def _unstrand(self) -> None:
        """One relay failed and the others' limits are reached: what it had goes back, to be claimed again."""
        stranded = self._returned(self._transport.give_back_stranded())
        if stranded:
            with writing(self._engine) as connection:
                release(connection, [mail.id for mail in stranded], owner=self._owner)
            self._exhausted = False
            self._passed("released")

    def _returned(self, envelopes: Sequence[Envelope]) -> list[ClaimedMail]:
        """The mails of envelopes that were handed over and come back untouched."""
        given = [envelope.delivery_id for envelope in envelopes]
        back = [self._handed.pop(id_) for id_ in given if id_ is not None]
        self._allowances.unused(back)
        return back

    def _release(self, connection: Connection) -> None:
        self._leased.extend(mail for _, mail in self._waiting)
        self._waiting.clear()
        if self._leased:
            release(connection, [mail.id for mail in self._leased], owner=self._owner)
            self._leased.clear()

    def _wait_for_limits(self) -> None:
        """When nothing may go before a limit opens: wait a little, or leave the rest to the next run."""
        if self._transport.unsettled or self._results or self._leaving:
            return
        opens_at: datetime | None = None
        closed = self._allowances.closed() if self._allowances.room() == 0 else None
        if closed is not None and (self._leased or not self._exhausted):
            opens_at = closed[0]
            if opens_at - self._post.wall() > LONGEST_WAIT:
                self.counts.stopped = reached(closed)
                self._leave()
                return
        elif self._waiting and not self._leased and self._exhausted:
            opens_at = min(at for at, _ in self._waiting)
        if opens_at is not None:
            pause = (opens_at - self._post.wall()).total_seconds()
            self._transport.step(max(0.0, min(NAP, pause)))

    # commits

    def _wants_commit(self) -> bool:
        if not self._transport.unsettled:
            return bool(self._results) or not self._leaving
        if len(self._results) >= self._batch or (self._held_up and self._may_go_on()):
            return True
        return bool(self._results) and time.monotonic() - self._recorded_at > LINGER

    def _may_go_on(self) -> bool:
        """Whether a limit that held mail up gives way: the rest must not wait for one that is slow."""
        if self._allowances.is_full:
            return False
        closed = self._allowances.closed()
        return closed is None or self._post.wall() >= closed[0] or self._allowances.room() != 0

    def _commit(self) -> None:
        """Record outcomes, hand the next mails over, lease more: one transaction."""
        upcoming: list[ClaimedMail] = []
        tried: list[ClaimedMail] = []
        envelopes: list[Envelope] = []
        not_tried: list[AttemptResult] = []
        if not self._leaving:
            self._wake_waiting()
            wanted = min(WINDOW - self._transport.unsettled, len(self._leased))
            allowed = self._allowances.room()
            room = wanted if allowed is None else min(wanted, allowed)
            self._held_up = room < wanted
            upcoming, held = self._take_leased(room)
            tried = [mail for mail in upcoming if mail.id not in held] if held else upcoming
            envelopes, failed = self._envelopes.assemble(tried)
            not_tried = [*held.values(), *failed]
            self._allowances.use(len(envelopes))
        results, self._results = self._results, []
        self._passed("committing")
        with self._ledger.writing() as connection:
            as_sender(connection)
            late = record(connection, owner=self._owner, results=results, now=self._now)
            ours = [result for result in results if result.delivery_id not in late]
            refused = self._outcomes.settle(connection, [(self._handed[r.delivery_id], r) for r in ours])
            self._park(connection, upcoming, tried)
            handed_over = hand_over(
                connection, [mail.id for mail in upcoming], owner=self._owner, wall=self._post.wall()
            )
            claims = self._claim(connection)
        self._passed("committed")
        self._recorded_at = time.monotonic()
        for result in results:
            self._handed.pop(result.delivery_id, None)
            self.counts.add(result.next.fate)
        self.counts.refuse(refused)
        for reason, number in claims.items():
            self.counts.skip(reason, number)
        self._handed.update((mail.id, mail) for mail in upcoming if mail.id in handed_over)
        self._results += [result for result in not_tried if result.delivery_id in handed_over]
        self._transport.offer(e for e in envelopes if e.delivery_id in handed_over)

    def _park(
        self, connection: Connection, upcoming: list[ClaimedMail], tried: Sequence[ClaimedMail]
    ) -> None:
        """Give back, of what is leased, what carries an edition that is held since."""
        leased = [*upcoming, *self._leased, *(mail for _, mail in self._waiting)]
        held = barred(connection, {mail.digest_id for mail in leased if mail.kind == MailKind.DIGEST})
        if not held:
            return
        back = [mail for mail in leased if mail.digest_id in held]
        self._allowances.unused([mail for mail in tried if mail.digest_id in held])
        upcoming[:] = [mail for mail in upcoming if mail.digest_id not in held]
        self._leased = deque(mail for mail in self._leased if mail.digest_id not in held)
        self._waiting = deque(pair for pair in self._waiting if pair[1].digest_id not in held)
        release(connection, [mail.id for mail in back], owner=self._owner)
        park(connection, [mail.id for mail in back])

    def _claim(self, connection: Connection) -> Mapping[SkipReason, int]:
        if self._leaving:
            return {}
        if self._exhausted or len(self._leased) > WINDOW:
            self._refill(connection)
            return {}
        found = claim(
            connection,
            owner=self._owner,
            now=self._now,
            wall=self._post.wall(),
            limit=CLAIM,
            audience=self._audience,
            only=self._only,
            letters_only=self._letters_only,
        )
        self._leased.extend(found.claimed)
        self._exhausted = len(found.claimed) < CLAIM
        self._refill(connection)
        return found.skipped

    def _refill(self, connection: Connection) -> None:
        self._allowances.refill(connection, [*self._leased, *(mail for _, mail in self._waiting)])

    def _wake_waiting(self) -> None:
        """Mails whose domains take more now come first."""
        wall = self._post.wall()
        ready = [mail for at, mail in self._waiting if at <= wall]
        if ready:
            self._waiting = deque((at, mail) for at, mail in self._waiting if at > wall)
            self._leased.extendleft(reversed(ready))

    # mails

    def _take_leased(self, room: int) -> tuple[list[ClaimedMail], dict[int, AttemptResult]]:
        """(mails to hand over now, the results of those among them that are not tried)."""
        upcoming: list[ClaimedMail] = []
        held: dict[int, AttemptResult] = {}
        choosy = self._outcomes.any_paused or self._allowances.by_domain
        while self._leased and len(upcoming) < room:
            mail = self._leased.popleft()
            if choosy and (result := self._held(mail)) is not None:
                if result is WAITS:
                    continue
                held[mail.id] = result
            upcoming.append(mail)
        return upcoming, held

    def _held(self, mail: ClaimedMail) -> AttemptResult | None:
        """The result of a mail whose domain takes none now; WAITS: it stays leased until the domain does."""
        if (resting := self._outcomes.resting(mail)) is not None:
            return resting
        domain = domain_of(mail.person.address)
        opens_at = self._allowances.admit(domain)
        if opens_at is None:
            return None
        if opens_at - self._post.wall() <= LONGEST_WAIT and len(self._waiting) < CLAIM:
            self._waiting.append((opens_at, mail))
            return WAITS
        pause, window = self._allowances.put_off(domain, opens_at)
        words = "not tried: the limit of its domain is reached"
        return self._outcomes.put_off(mail, pause, words, within=window)
