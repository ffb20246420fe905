"""A year of a whole newsletter, against a model of it that shares nothing with the code but the rules.

Generated dumps are ingested; what the scheduler calls is called, between outages; people join, leave, come
back, pause and change their minds, in zones all over the world. Every slot is kept once, every paper reaches
everybody who is entitled to it once, the audit agrees, and `why` gives the model's reason for every day of
every person.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update

from benchmarks.idle import ZONES
from newsletter.core.debts.no_digest import NoDigestReason, explain_day
from newsletter.core.states import DeliveryState
from newsletter.core.topics.topic_match import TopicMatch
from newsletter.db.engine import reading, writing
from newsletter.db.schema import deliveries, digest_papers, papers
from newsletter.delivery.outbox import debts
from newsletter.delivery.smtp.relay import Relay
from newsletter.pipeline.deliver.options import DeliveryOptions
from newsletter.pipeline.explain.audit import audit, prove
from newsletter.pipeline.explain.reader_history import DayExplainer
from newsletter.pipeline.explain.why import why
from newsletter.pipeline.history.roll_up import roll_up
from newsletter.pipeline.intake.inbox import QUIET_SECONDS, Inbox
from newsletter.pipeline.jobs import Jobs, inbox_ingester
from subscribers.lifecycle import signup, unsubscribe
from subscribers.preferences import WEEKDAYS, Preferences
from tests.pipeline.intake.scenario import page
from tests.pipeline.scenario import TOPICS, Scenario, utc

pytestmark = pytest.mark.full

TICK = timedelta(hours=1)
DAY = timedelta(days=1)
MAILED = "mailed"
LONG_AGO = utc("2000-01-01")
KINDS = ("daily", "daily", "daily", "weekdays", "weekly")


@cache
def hour_comes(zone: str, day: date, hour: int) -> datetime:
    """By looking at every quarter of an hour: when a clock first shows that hour or a later one."""
    at = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=15)
    where = ZoneInfo(zone)
    while True:
        local = at.astimezone(where)
        if local.date() > day or (local.date() == day and local.hour >= hour):
            return at
        at += timedelta(minutes=15)


@dataclass(slots=True)
class Model:
    """One reader by the rules: what they want, what they are owed, what became of each date."""

    id: int
    kind: str
    weekday: str | None
    hour: int
    zone: str
    minimum: int
    follows: set[str] = field(default_factory=set)
    joined: bool = False
    paused_until: datetime | None = None
    done_to: datetime = LONG_AGO
    owed: dict[str, tuple[datetime, frozenset[str]]] = field(default_factory=dict)
    quiet_to: datetime = LONG_AGO  # no slot comes before
    last_digest: datetime = LONG_AGO
    days: dict[date, str] = field(default_factory=dict)
    mails: list[tuple[date, frozenset[str]]] = field(default_factory=list)
    entitled: set[str] = field(default_factory=set)  # papers that were owed at some time
    lost: set[str] = field(default_factory=set)  # of these: their topics were left, or they grew too old

    def falls(self, day: date) -> bool:
        if self.kind == "weekly":
            return WEEKDAYS[day.weekday()] == (self.weekday or "monday")
        return self.kind == "daily" or day.weekday() < 5

    def slots(self, start: datetime, end: datetime) -> list[tuple[datetime, date]]:
        """Those later than start, up to end, in order."""
        day = start.astimezone(ZoneInfo(self.zone)).date() - DAY
        found = []
        while day <= end.astimezone(ZoneInfo(self.zone)).date():
            at = hour_comes(self.zone, day, self.hour)
            if self.falls(day) and start < at <= end:
                found.append((at, day))
            day += DAY
        return found

    def news(self, title: str, topics: frozenset[str], ready: datetime) -> None:
        if self.joined and self.follows & topics and title not in self.entitled:
            self.entitled.add(title)
            self.owed[title] = (ready, topics)

    def run(self, now: datetime) -> bool:
        """One run of the scheduler; whether it made a digest."""
        if not self.joined or not self.follows:
            return False
        if now < self.quiet_to:
            return False
        open_ = self.slots(self.done_to, now)
        if not open_:
            return False
        for _, day in open_[:-1]:
            self._note(day, NoDigestReason.NO_RUN)
        slot, day = open_[-1]
        self.done_to = slot
        self.quiet_to = min((at for at, _ in self.slots(slot, slot + 9 * DAY)), default=slot)
        for title, (ready, _) in list(self.owed.items()):
            if ready < now - timedelta(days=30):  # too old, as after two long pauses
                del self.owed[title]
                self.lost.add(title)
        verdict = self._decide(slot, now)
        self._note(day, verdict)
        if verdict != MAILED:
            return False
        self.mails.append((day, frozenset(self.owed)))
        self.owed.clear()
        self.last_digest = now
        return True

    def _note(self, day: date, verdict: str) -> None:
        if self.days.get(day) != MAILED:  # a change of hour may bring a second slot of the date
            self.days[day] = verdict

    def _decide(self, slot: datetime, now: datetime) -> str:
        if self.paused_until is not None and self.paused_until > slot:
            return NoDigestReason.PAUSED
        if self.last_digest > slot - timedelta(hours=12) or any(d == self._date(slot) for d, _ in self.mails):
            return NoDigestReason.PASSED_OVER
        oldest = min((ready for ready, _ in self.owed.values()), default=None)
        if oldest is None or oldest > slot:
            return NoDigestReason.NOTHING_NEW
        if len(self.owed) < self.minimum and oldest > now - timedelta(days=7):
            return NoDigestReason.TOO_FEW
        return MAILED

    def _date(self, at: datetime) -> date:
        return at.astimezone(ZoneInfo(self.zone)).date()

    def leave(self, topic: str) -> None:
        self.follows.discard(topic)
        for title, (_, topics) in list(self.owed.items()):
            if not self.follows & topics:
                del self.owed[title]
                self.lost.add(title)


class WordRules:
    """A paper belongs to the topics whose names are in its title."""

    def match(self, title: str, abstract: str, categories: Sequence[str] = ()) -> Sequence[TopicMatch]:
        return [
            TopicMatch(topic=topic, score=0.9, strength="strong", evidence=(topic,))
            for topic in TOPICS[:4]
            if topic in title.lower()
        ]


class Year:
    """The newsletter, the models of its readers, and what happens."""

    def __init__(self, folder: Path, *, seed: int, readers: int, days: int, dumps: int, outages: int) -> None:
        self.random = random.Random(seed)
        self.scenario = Scenario(folder)
        self.start = utc("2026-03-01")
        self.now = self.start
        self.end = self.start + days * DAY
        self.ticks = 0.0
        self.models: list[Model] = []
        self.titles = 0
        self.published: Counter[int] = Counter()
        (folder / "inbox").mkdir()
        self.folder = folder / "inbox"
        ingest = inbox_ingester(self.scenario.engine, archive=folder / "dumps", matcher=WordRules())
        self.jobs = Jobs(
            engine=self.scenario.engine,
            state_dir=folder,
            inbox=Inbox(self.folder, ingest=ingest, monotonic=lambda: self.ticks),
            options=self.scenario.options(),
            delivery=DeliveryOptions(
                relays=[Relay(host="127.0.0.1")],
                builder=None,  # type: ignore[arg-type]  # nothing is handed to a server here
                links=lambda _mail: {},
                locks_dir=folder / "locks",
                suppression_key=b"suppression key of the tests",
                wall=lambda: self.now,
            ),
            clock=lambda: self.now,
        )
        for _ in range(readers * 17 // 20):
            self._join()
        pick = self.random
        span = days * 24
        events = [(pick.randrange(span), self._join) for _ in range(readers - len(self.models))]
        for share, event in ((6, self._pause), (8, self._change), (10, self._leave), (16, self._come_back)):
            events += [(pick.randrange(span), event) for _ in range(max(2, readers // share))]
        events += [(pick.randrange(span), self._leave_topic) for _ in range(max(2, readers // 8))]
        self.events = sorted(events, key=lambda event: event[0])
        mornings = sorted(pick.sample(range(days), dumps))
        self.dumps = [self.start + day * DAY + pick.randrange(3, 12) * TICK for day in mornings]
        self.outages = []
        for _ in range(outages):
            begun = self.start + pick.randrange(span) * TICK
            self.outages.append((begun, begun + pick.choice([1, 2, 5, 12, 30, 60, 144]) * timedelta(hours=1)))

    # events

    def _join(self) -> None:
        pick = self.random
        number = len(self.models)
        kind = pick.choice(KINDS)
        model = Model(
            id=0,
            kind=kind,
            weekday=pick.choice(WEEKDAYS) if kind == "weekly" else None,
            hour=pick.choice([0, 2, 3, 6, 7, 7, 8, 18, 23]),
            zone=ZONES[number % len(ZONES)],
            minimum=pick.choice([1] * 8 + [3, 6]),
        )
        self.models.append(model)
        model.id = self._add(number, pick.sample(TOPICS, pick.randint(1, 3)), first=True)

    def _add(self, number: int, topics: Sequence[str], *, first: bool = False, **preferences: object) -> int:
        model = self.models[number]
        if first:
            preferences = {
                "cadence": model.kind,
                "weekday": model.weekday,
                "hour": model.hour,
                "timezone": model.zone,
                "minimum": model.minimum,
            }
        if not model.joined:
            model.done_to = model.quiet_to = self.now
        model.joined = True
        model.follows |= set(topics)
        with writing(self.scenario.engine) as connection:
            return signup.add(
                connection,
                address=f"r{number}@example.org",
                topics_wanted=topics,
                known_topics=TOPICS,
                given=preferences,
                confirmed=True,
                how="admin",
                now=self.now,
                suppression_key=b"suppression key of the tests",
                defaults=Preferences(),
                default_topics=(),
            ).person.id

    def _somebody(self, *, joined: bool) -> int | None:
        found = [number for number, model in enumerate(self.models) if model.joined is joined]
        return self.random.choice(found) if found else None

    def _pause(self) -> None:
        if (number := self._somebody(joined=True)) is None:
            return
        model = self.models[number]
        resumes = model.paused_until is not None and model.paused_until > self.now
        until = None if resumes else self.now + self.random.randint(1, 20) * DAY
        with writing(self.scenario.engine) as connection:
            unsubscribe.pause(connection, subscriber_id=model.id, until=until, how="web", now=self.now)
        model.paused_until = until

    def _change(self) -> None:
        if (number := self._somebody(joined=True)) is None:
            return
        model, pick = self.models[number], self.random
        before = (model.kind, model.weekday, model.hour, model.zone)
        self._given_up(model)
        model.kind = pick.choice(KINDS)
        model.weekday = pick.choice(WEEKDAYS) if model.kind == "weekly" else None
        model.hour, model.zone = pick.randrange(24), pick.choice(ZONES)
        preferences = {"cadence": model.kind, "hour": model.hour, "timezone": model.zone}
        self._add(number, [], **preferences, weekday=model.weekday)
        assert before != (model.kind, model.weekday, model.hour, model.zone)
        model.done_to = model.quiet_to = self.now

    def _given_up(self, model: Model, why: str = NoDigestReason.CHANGED) -> None:
        """Slots that came, and that nobody looked at before this change."""
        for at, day in model.slots(model.done_to, self.now):
            superseded = any(later for later, _ in model.slots(at, self.now))
            model.days[day] = NoDigestReason.NO_RUN if superseded else why

    def _leave(self) -> None:
        if (number := self._somebody(joined=True)) is None:
            return
        model = self.models[number]
        self._given_up(model, NoDigestReason.LEFT)
        with writing(self.scenario.engine) as connection:
            unsubscribe.unsubscribe(connection, subscriber_id=model.id, how="web", now=self.now)
        model.joined = False
        for topic in list(model.follows):
            model.leave(topic)

    def _come_back(self) -> None:
        if (number := self._somebody(joined=False)) is not None:
            self._add(number, self.random.sample(TOPICS, 2))

    def _leave_topic(self) -> None:
        number = self._somebody(joined=True)
        if number is None or len(self.models[number].follows) < 2:
            return
        topic = sorted(self.models[number].follows)[0]
        with writing(self.scenario.engine) as connection:
            unsubscribe.unsubscribe(
                connection, subscriber_id=self.models[number].id, how="web", now=self.now, topics=[topic]
            )
        self.models[number].leave(topic)

    # what the scheduler does

    def _drop_dump(self) -> list[tuple[str, frozenset[str]]]:
        listed = []
        for _ in range(self.random.randint(1, 5)):
            self.titles += 1
            chosen = self.random.sample(TOPICS[:4], self.random.choice([0, 1, 1, 1, 2]))
            title = f"Paper {self.titles} {_word(self.titles)} on {' and '.join(chosen) or 'nothing'}"
            listed.append((title, frozenset(chosen) | {"everything"}))
        name = f"{self.now:%Y-%m-%d}.txt"
        (self.folder / name).write_bytes(
            page(f"{self.now:%b} {self.now.day}", *(title for title, _ in listed))
        )
        return listed

    def _take_in(self) -> None:
        for _ in range(2):
            self.jobs.ingest_inbox()
            self.ticks += QUIET_SECONDS

    def play(self) -> None:
        waiting: list[tuple[str, frozenset[str]]] = []
        events, dumps = list(self.events), list(self.dumps)
        step = 0
        while self.now < self.end:
            while events and events[0][0] <= step:
                events.pop(0)[1]()
            while dumps and dumps[0] <= self.now:
                dumps.pop(0)
                waiting += self._drop_dump()
            if not any(begun <= self.now < ended for begun, ended in self.outages):
                if waiting:
                    self._take_in()
                    for title, topics in waiting:
                        for model in self.models:
                            model.news(title, topics, self.now)
                    waiting = []
                self._run()
            step += 1
            self.now += TICK
        self.now = self.end = self.now - TICK

    def _run(self) -> None:
        expected = sum(model.run(self.now) for model in self.models)
        self.jobs.compose()
        with writing(self.scenario.engine) as connection:
            ids = list(
                connection.execute(
                    select(deliveries.c.id).where(deliveries.c.state == DeliveryState.QUEUED)
                ).scalars()
            )
            assert len(ids) == expected, self.now
            if ids:
                connection.execute(
                    update(deliveries)
                    .where(deliveries.c.id.in_(ids))
                    .values(state=DeliveryState.SENT, finished_at=self.now, attempts=1)
                )
                debts.give(connection, ids, now=self.now)

    # what must be true

    def check(self) -> None:
        found = audit(self.scenario.engine, now=self.now)
        assert (found.repeated, found.missed, found.findings) == (0, 0, [])
        with reading(self.scenario.engine) as connection:
            rows = connection.execute(
                select(deliveries.c.subscriber_id, deliveries.c.key, papers.c.title)
                .join(digest_papers, digest_papers.c.digest_id == deliveries.c.digest_id)
                .join(papers, papers.c.id == digest_papers.c.paper_id)
            ).all()
            explainer = DayExplainer(connection, now=self.now)
            explained = [self._explain(explainer, model) for model in self.models]
        mails: dict[tuple[int, date], set[str]] = {}
        for row in rows:
            mails.setdefault((row.subscriber_id, date.fromisoformat(row.key)), set()).add(row.title)
        by_model = {(m.id, day): set(titles) for m in self.models for day, titles in m.mails}
        assert mails == by_model
        given = Counter((row.subscriber_id, row.title) for row in rows)
        assert set(given.values()) == {1}, "nobody got a paper twice"
        for model in self.models:
            got = {title for _, titles in model.mails for title in titles}
            assert got | model.lost | set(model.owed) == model.entitled, "nobody missed one"
            assert len({day for day, _ in model.mails}) == len(model.mails), (
                "nobody was mailed twice in a slot"
            )
        reasons = sum(explained, Counter[str]())
        assert set(reasons) >= {MAILED, *EVERY_REASON}, "a year in which little happened proves little"

    def check_rolled_up(self) -> None:
        """The same answers once old mail is packed: the audit's, and `why` for each day of each reader."""
        engine = self.scenario.engine
        before, told = audit(engine, now=self.now), self._told()
        report = roll_up(engine, keep_days=1, now=self.now, prove=prove)
        assert report.deliveries > before.deliveries / 3, "something is packed"
        for full in (False, True):
            after = audit(engine, now=self.now, full=full)
            for name in ("subscribers", "deliveries", "repeated", "missed", "given", "pending", "ended"):
                assert getattr(after, name) == getattr(before, name), (name, full)
            assert all(seal.matches for seal in after.seals)
        with reading(engine) as connection:
            explainer = DayExplainer(connection, now=self.now)
            for model in self.models:
                self._explain(explainer, model)
        assert self._told() == told

    def _told(self) -> list[dict[str, object]]:
        """What `why` says of some days of some readers."""
        days = [self.start.date() + number * DAY for number in range(3, (self.end - self.start).days - 1, 11)]
        return [
            why(self.scenario.engine, subscriber_id=model.id, address="x", on=day, now=self.now).as_json()
            for model in self.models[::7]
            for day in days
        ]

    def _explain(self, explainer: DayExplainer, model: Model) -> Counter[str]:
        """`why` for each date of one reader, held against the model."""
        history = explainer.reader(model.id)
        counted: Counter[str] = Counter()
        day = self.start.date()
        while day < self.end.date() - DAY:
            mails = history.deliveries_on(day)
            explanation = explain_day(history.record, day)
            said = MAILED if mails else explanation.why.value
            counted[said] += 1
            if day in model.days or said in (MAILED, *PROCESSED):
                assert said == model.days.get(day), (self.models.index(model), day, model)
            day += DAY
        return counted


PROCESSED = (
    NoDigestReason.PAUSED,
    NoDigestReason.PASSED_OVER,
    NoDigestReason.NOTHING_NEW,
    NoDigestReason.TOO_FEW,
    NoDigestReason.NO_RUN,
)
EVERY_REASON = (*PROCESSED, NoDigestReason.NO_SLOT, NoDigestReason.NEVER_JOINED, NoDigestReason.LEFT)


def _word(number: int) -> str:
    """A made-up word of its own for each paper, or their titles would be too much alike."""
    letters = "".join(
        "bdfgklmnprstvz"[(number * k) % 14] + "aeiou"[(number // (k + 1)) % 5] for k in range(4)
    )
    return f"{letters}{number}".capitalize()


def test_simulated_weeks_keep_every_slot_and_every_reason(tmp_path: Path) -> None:
    year = Year(tmp_path, seed=1, readers=40, days=35, dumps=24, outages=5)
    year.play()
    year.check()
    year.check_rolled_up()
    year.scenario.engine.dispose()


@pytest.mark.prove
def test_simulated_year_keeps_every_slot_and_every_reason(tmp_path: Path) -> None:
    """A year, 400 readers in 40 zones, 30 outages, 250 dumps: each slot once, each paper once, why agrees."""
    year = Year(tmp_path, seed=2026, readers=400, days=365, dumps=250, outages=30)
    year.play()
    year.check()
    year.check_rolled_up()
    year.scenario.engine.dispose()
