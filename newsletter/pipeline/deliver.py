"""Delivering: claim, check consent again, send, record. Composes nothing.

No transaction is open across the network. "Handing over" is committed before a mail can leave, and
outcomes share a commit with the next hand-overs, of at most WINDOW mails (DESIGN §6).
"""

from __future__ import annotations

import signal
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from types import FrameType

from sqlalchemy import Connection, Engine, insert

from newsletter.core.errors import ConfigurationError, StorageError
from newsletter.core.mail import Envelope, Outcome, Verdict
from newsletter.core.retry import Fate, Next, decide, postpone
from newsletter.core.states import SkipReason
from newsletter.db.engine import reading, writing
from newsletter.db.schema import runs
from newsletter.delivery.brakes import Brakes, domain_of
from newsletter.delivery.claims import Audience, Claimed, claim, expire
from newsletter.delivery.contents import Shelf
from newsletter.delivery.outbox import WINDOW, Result, record, release, turn_over
from newsletter.delivery.owners import owning
from newsletter.delivery.recovery import recover, resends
from newsletter.delivery.smtp import NAP, Transport
from newsletter.pipeline.links import recipient_of
from newsletter.pipeline.post import Builder, DeliveryCounts, OnRefused, Post, Prepared
from subscribers import audience

__all__ = ["Builder", "DeliveryCounts", "OnRefused", "Post", "Prepared", "deliver", "until_signalled"]

CLAIM = 4 * WINDOW  # mails leased at once; so many minds may change unseen, and so many leases can be lost
SMALLEST_BATCH = WINDOW // 5  # outcomes worth a commit however many connections there are
LINGER = 1.0  # seconds an outcome may wait for its commit when a slow server gives few
PREPARED = 64  # contents kept ready to be joined


def deliver(
    engine: Engine,
    post: Post,
    *,
    now: datetime,
    only: int | None = None,
    stop: Callable[[], bool] = lambda: False,
    settled: Callable[[int], None] = lambda _mails: None,
    passed: Callable[[str], None] = lambda _point: None,
) -> DeliveryCounts:
    """Send what is due at `now` (aware; may be simulated); `only` one subscriber's.

    stop: asked between steps; once true, what is in flight is finished, what is leased goes back.
    settled: told, step by step, how many mails have their outcome.
    passed: told each point at which a crash would leave something different behind (for tests).
    A relay that cannot be used and a run that brakes itself are in the result (`stopped`), and leave
    untouched what was not tried. Raises StorageError, ConfigurationError.
    """
    with owning(post.locks_dir) as owner:
        run = _Run(engine, post, owner=owner, now=now, only=only, stop=stop, passed=passed)
        run.begin()
        try:
            while run.step():
                settled(run.counts.settled)
        except BaseException:
            run.abandon()
            raise
        run.end()
        return run.counts


@contextmanager
def until_signalled() -> Iterator[Callable[[], bool]]:
    """A `stop` for `deliver` that SIGTERM or SIGINT makes true; a second signal has its usual effect."""
    asked = False
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def ask(number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, ask)
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Run:
    """One run's state: what is leased, what is on the wire, what waits for its commit."""

    def __init__(
        self,
        engine: Engine,
        post: Post,
        *,
        owner: str,
        now: datetime,
        only: int | None,
        stop: Callable[[], bool],
        passed: Callable[[str], None],
    ) -> None:
        self.counts = DeliveryCounts()
        self._engine = engine
        self._post = post
        self._owner = owner
        self._now = now
        self._only = only
        self._stop = stop
        self._passed = passed
        self._audience = Audience(
            mailable=audience.mailable(), reachable=audience.reachable(), standing=audience.accounts()
        )
        self._transport = Transport(post.relays)
        self._brakes = Brakes()
        self._shelf = Shelf()
        self._prepared: OrderedDict[int, Prepared] = OrderedDict()
        self._leased: deque[Claimed] = deque()
        self._handed: dict[int, Claimed] = {}  # handed over and not recorded
        self._results: list[Result] = []  # to be recorded
        self._suspects: list[tuple[Claimed, Result]] = []  # hard refusals on probation
        self._exhausted = False  # nothing more is due
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
            self.counts.skip(SkipReason.EXPIRED, expire(connection, now=self._now))
        self._passed("recovered")

    def step(self) -> bool:
        """Do a part of the work; whether there was any."""
        if self._transport.unsettled:
            for outcome in self._transport.step(NAP):
                self._take(outcome)
            self._passed("stepped")
        if not self._leaving:
            self._look_around()
        if self._wants_commit():
            self._commit()
        return bool(
            self._transport.unsettled
            or self._results
            or (not self._leaving and (self._leased or not self._exhausted))
        )

    def end(self) -> None:
        """Believe the refusals of a short run, and write the run down."""
        self._transport.close()
        with writing(self._engine) as connection:
            self._judge(connection)
            if self._leased:
                release(connection, [mail.id for mail in self._leased], owner=self._owner)
            connection.execute(
                insert(runs),
                {"verb": "deliver", "at": self._now, "done": self.counts.sent, "only": self._only},
            )
        self._passed("ended")

    def abandon(self) -> None:
        """After an error: give back what has certainly not left; recovery settles the rest."""
        given = [envelope.delivery_id for envelope in self._transport.give_back()]
        self._transport.close(politely=False)
        ids = [mail.id for mail in self._leased] + [id_ for id_ in given if id_ is not None]
        with suppress(StorageError), writing(self._engine) as connection:
            release(connection, ids, owner=self._owner)

    # outcomes

    def _take(self, outcome: Outcome) -> None:
        assert outcome.delivery_id is not None
        mail = self._handed[outcome.delivery_id]
        following = decide(
            outcome,
            attempts=mail.attempts,
            now=self._now,
            expires_at=mail.expires_at,
            jitter=self._post.jitter(),
            resend=resends(mail.kind, self._post.uncertain),
        )
        on_probation = self._brakes.on_probation
        self._brakes.note(outcome, following, domain=domain_of(mail.person.address))
        result = Result(delivery_id=mail.id, outcome=outcome, next=following)
        if on_probation and following.fate is Fate.REFUSED:
            # Deferred until the first mails are judged together: a misconfigured relay must cost nobody
            # their papers, let alone their place on the list.
            self._suspects.append((mail, result))
            following = postpone(now=self._now, expires_at=None, jitter=self._post.jitter())
            result = Result(delivery_id=mail.id, outcome=outcome, next=following)
        self._results.append(result)

    def _look_around(self) -> None:
        self.counts.interrupted = self._stop()
        self.counts.stopped = self._transport.error or self._brakes.error
        if self.counts.interrupted or self.counts.stopped is not None:
            self._leaving = True
            given = [envelope.delivery_id for envelope in self._transport.give_back()]
            back = [self._handed.pop(id_) for id_ in given if id_ is not None]
            self._leased.extend(back)
            with writing(self._engine) as connection:
                release(connection, [mail.id for mail in self._leased], owner=self._owner)
            self._leased.clear()
            self._passed("released")

    # commits

    def _wants_commit(self) -> bool:
        if not self._transport.unsettled:
            return bool(self._results) or not self._leaving
        if len(self._results) >= self._batch:
            return True
        return bool(self._results) and time.monotonic() - self._recorded_at > LINGER

    def _commit(self) -> None:
        """Record outcomes, hand the next mails over, lease more: one transaction."""
        upcoming: list[Claimed] = []
        envelopes: list[Envelope] = []
        untried: list[Result] = []
        if not self._leaving:
            room = WINDOW - self._transport.unsettled
            upcoming = [self._leased.popleft() for _ in range(min(room, len(self._leased)))]
            envelopes, untried = self._assemble(upcoming)
        results, self._results = self._results, []
        self._passed("committing")
        with writing(self._engine) as connection:
            turned = turn_over(
                connection,
                owner=self._owner,
                results=results,
                upcoming=[mail.id for mail in upcoming],
                now=self._now,
                wall=self._post.wall(),
            )
            self._blame(
                connection, [result for result in results if result.delivery_id not in turned.refused]
            )
            if not self._brakes.on_probation:
                self._judge(connection)
            claims = self._claim(connection)
        self._passed("committed")
        self._recorded_at = time.monotonic()
        self._count(results)
        for reason, number in claims.items():
            self.counts.skip(reason, number)
        self._handed.update((mail.id, mail) for mail in upcoming if mail.id in turned.handed_over)
        self._results += [result for result in untried if result.delivery_id in turned.handed_over]
        self._transport.offer(e for e in envelopes if e.delivery_id in turned.handed_over)

    def _claim(self, connection: Connection) -> Mapping[SkipReason, int]:
        if self._leaving or self._exhausted or len(self._leased) > WINDOW:
            return {}
        found = claim(
            connection,
            owner=self._owner,
            now=self._now,
            wall=self._post.wall(),
            limit=CLAIM,
            audience=self._audience,
            only=self._only,
        )
        self._leased.extend(found.claimed)
        self._exhausted = len(found.claimed) < CLAIM
        return found.skipped

    def _count(self, results: Sequence[Result]) -> None:
        for result in results:
            self._handed.pop(result.delivery_id, None)
            fate = result.next.fate
            if fate is Fate.SENT:
                self.counts.sent += 1
            elif fate is Fate.RETRY:
                self.counts.deferred += 1
            elif fate is Fate.UNCERTAIN:
                self.counts.uncertain += 1
            elif fate is Fate.EXPIRED:
                self.counts.skip(SkipReason.EXPIRED, 1)
            else:
                self.counts.failed += 1

    def _blame(self, connection: Connection, results: Sequence[Result]) -> None:
        if self._post.on_refused is not None:
            for result in results:
                if result.next.blames_address:
                    blamed = self._handed[result.delivery_id]
                    self._post.on_refused(connection, blamed, result.outcome, self._now)

    def _judge(self, connection: Connection) -> None:
        """Probation is over and the relay was not to blame: the refusals count."""
        if not self._suspects or self._brakes.error is not None:
            return
        results = [result for _, result in self._suspects]
        refused = record(connection, owner=None, results=results, now=self._now)
        for mail, result in self._suspects:
            if mail.id in refused:
                continue
            self.counts.deferred -= 1
            self.counts.failed += 1
            if self._post.on_refused is not None:
                self._post.on_refused(connection, mail, result.outcome, self._now)
        self._suspects.clear()

    # mails

    def _assemble(self, mails: Sequence[Claimed]) -> tuple[list[Envelope], list[Result]]:
        """(envelopes to send, results of those that are not even tried)."""
        self._prepare(mails)
        envelopes: list[Envelope] = []
        untried: list[Result] = []
        for mail in mails:
            if self._brakes.is_shut(domain_of(mail.person.address)):
                following = postpone(now=self._now, expires_at=mail.expires_at, jitter=self._post.jitter())
                words = "not tried: its domain refused several mails before it"
                untried.append(_untried(mail, words, verdict=Verdict.DEFERRED, following=following))
                continue
            try:
                envelopes.append(self._envelope(mail))
            except ConfigurationError:
                raise
            except Exception as error:  # one mail that cannot be joined must not hold up the others
                following = Next(fate=Fate.RETURNED, reason=f"cannot be assembled: {error}")
                untried.append(_untried(mail, str(error), verdict=Verdict.REJECTED, following=following))
        return envelopes, untried

    def _prepare(self, mails: Sequence[Claimed]) -> None:
        missing = {mail.digest_id for mail in mails}.difference(self._prepared)
        if missing:
            with reading(self._engine) as connection:
                contents = self._shelf.contents(connection, sorted(missing))
            for digest_id, content in contents.items():
                self._prepared[digest_id] = self._post.builder.prepare(content)
        for mail in mails:
            self._prepared.move_to_end(mail.digest_id)
        while len(self._prepared) > PREPARED:
            self._prepared.popitem(last=False)

    def _envelope(self, mail: Claimed) -> Envelope:
        return self._prepared[mail.digest_id].assemble(recipient_of(mail, self._post.links))


def _untried(mail: Claimed, words: str, *, verdict: Verdict, following: Next) -> Result:
    outcome = Outcome(verdict=verdict, phase="assemble", text=words[:500], delivery_id=mail.id)
    return Result(delivery_id=mail.id, outcome=outcome, next=following)
