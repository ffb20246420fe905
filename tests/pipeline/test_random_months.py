"""Months of random events: whatever people, editions and servers do, the audit finds no repeat and no miss.

Composing and the audit share no query: that they agree on every step is the proof of both. `make test` plays
a few months, `make prove` many (bar: nothing twice, nothing missed).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from newsletter.core.errors import NewsletterError
from newsletter.core.states import DeliveryState
from newsletter.db.engine import reading, writing
from newsletter.db.schema import canary_slots, deliveries, digest_papers, papers
from newsletter.db.schema import editions as all_editions
from newsletter.delivery.outbox import debts, held_mail, resend
from newsletter.delivery.outbox.claims import expire
from newsletter.papers import editions, merging, topic_matches
from newsletter.pipeline.curation import review
from newsletter.pipeline.curation.corrections import merge_papers, split_papers
from newsletter.pipeline.curation.late_readers import give_edition
from subscribers.errors import SubscriberError
from subscribers.lifecycle import signup, unsubscribe
from subscribers.preferences import Preferences
from tests.pipeline.scenario import DAY, TOPICS, NoRules, Scenario, utc

pytestmark = pytest.mark.full

STEPS = 120
PAUSES = (7, 60, 180, 400, 700)  # minutes between two events
ZONES = ("UTC", "Asia/Tokyo", "America/Lima")


class Month:
    """One random course of events; equal seeds, equal months."""

    def __init__(self, folder: Path, seed: int, *, url: str | None = None) -> None:
        self.random = random.Random(seed)
        self.now = utc("2026-04-01")
        self.scenario = Scenario(folder, room=self.random.choice([10**6, 1200, 600]), url=url)
        self.titles: list[str] = []
        self.newest = 0
        self.held: set[int] = set()
        self.canaries: tuple[str, ...] = ()
        self.readers = [self._join(number) for number in range(4)]

    @property
    def at(self) -> str:
        return self.now.replace(tzinfo=None).isoformat()

    def step(self) -> None:
        self.now += timedelta(minutes=self.random.choice(PAUSES))
        events: list[tuple[int, Callable[[], None]]] = [
            (22, self._publish),
            (48, self._send),
            (4, self._leave),
            (6, self._follow),
            (4, self._hold_or_release),
            (3, self._drop),
            (2, self._restore),
            (2, self._give),
            (3, self._pause),
            (4, self._change_hour),
            (4, self._merge_or_split),
            (3, self._take_topic_away),
            (3, self._resend),
            (2, self._unsubscribe_and_come_back),
            (2, self._publish_again),
        ]
        event = self.random.choices([e for _, e in events], [weight for weight, _ in events])[0]
        with suppress(NewsletterError, SubscriberError):  # refused now: nothing may have changed
            event()

    def _join(self, number: int) -> int:
        chosen = self.random.sample(TOPICS, self.random.randint(1, 3))
        preferences: dict[str, object] = {
            "hour": self.random.randint(0, 23),
            "minimum": self.random.choice([1, 1, 2]),
        }
        if self.random.random() < 0.2:
            preferences["maximum"] = 2
        if self.random.random() < 0.5:
            preferences["maybe"] = True
        return self.scenario.reader(f"r{number}@example.org", *chosen, joined=self.at, **preferences)

    def _publish(self) -> None:
        contents = {}
        for _ in range(self.random.randint(1, 4)):
            self.titles.append(f"Paper {len(self.titles) + 1}")
            topics = self.random.sample(TOPICS[:4], self.random.randint(0, 2))
            contents[self.titles[-1]] = [t + self.random.choice(["", "", "?"]) for t in topics]
        self.newest = self._edition(contents)

    def _publish_again(self) -> None:
        if self.titles:
            title, topic = self.random.choice(self.titles[-10:]), self.random.choice(TOPICS[:4])
            self.newest = self._edition({title: [topic]})

    def _edition(self, contents: dict[str, list[str]]) -> int:
        """One that is ready at once, or after a hold time."""
        held_for = timedelta(minutes=self.random.choice([0, 0, 60, 600]))
        ready = (self.now + held_for).replace(tzinfo=None).isoformat()
        return self.scenario.edition(ready, contents, published_at=self.now)

    def _send(self) -> None:
        only = self.random.choice(self.readers) if self.random.random() < 0.1 else None
        with writing(self.scenario.engine) as connection:
            expire(connection, now=self.now)
        if self.random.random() < 0.1:
            numbers = self.random.sample(range(4), self.random.randint(0, 2))
            self.canaries = tuple(f"r{number}@example.org" for number in numbers)
        self.scenario.compose(
            self.at, everyone=self.random.random() < 0.12, only=only, canaries=self.canaries
        )
        with writing(self.scenario.engine) as connection:
            held_mail.hold_back_all(connection)
            waiting = select(deliveries.c.id).where(
                deliveries.c.state.in_(["queued", "deferred"]), deliveries.c.next_attempt_at <= self.now
            )
            for mail in connection.execute(waiting).scalars().all():
                ends = [(75, "sent"), (7, "uncertain"), (6, "failed"), (6, "deferred"), (6, "")]
                state = self.random.choices([s for _, s in ends], [weight for weight, _ in ends])[0]
                if not state:
                    continue  # no attempt in this run
                ended = None if state == DeliveryState.DEFERRED else self.now
                connection.execute(
                    update(deliveries)
                    .where(deliveries.c.id == mail)
                    .values(
                        state=state,
                        attempts=1,
                        next_attempt_at=self.now,
                        finished_at=ended,
                        reason="refused: 552" if state == DeliveryState.FAILED else None,
                    )
                )
                if state == DeliveryState.SENT:
                    debts.give(connection, [mail], now=self.now)
                elif state == DeliveryState.UNCERTAIN:
                    debts.recap(connection, [mail], now=self.now)
                elif state == DeliveryState.FAILED:
                    debts.return_papers_once(connection, [mail], now=self.now)

    def _resend(self) -> None:
        with writing(self.scenario.engine) as connection:
            sent = select(deliveries.c.id).where(deliveries.c.state.in_(["sent", "uncertain"]))
            last = connection.execute(sent.order_by(deliveries.c.id.desc()).limit(5)).scalars().all()
            if last:
                resend.resend(connection, self.random.choice(last), now=self.now)

    def _leave(self) -> None:
        with writing(self.scenario.engine) as connection:
            unsubscribe.unsubscribe(
                connection,
                subscriber_id=self.random.choice(self.readers),
                how="web",
                now=self.now,
                topics=[self.random.choice(TOPICS)],
            )

    def _unsubscribe_and_come_back(self) -> None:
        number = self.random.randrange(4)
        with writing(self.scenario.engine) as connection:
            unsubscribe.unsubscribe(connection, subscriber_id=self.readers[number], how="web", now=self.now)
        self.now += timedelta(minutes=self.random.choice(PAUSES))
        self._add([self.random.choice(TOPICS)], {}, number)

    def _follow(self) -> None:
        self._add([self.random.choice(TOPICS)], {})

    def _change_hour(self) -> None:
        self._add([], {"hour": self.random.randint(0, 23), "timezone": self.random.choice(ZONES)})

    def _add(self, topics: list[str], preferences: dict[str, object], number: int | None = None) -> None:
        number = self.random.randrange(4) if number is None else number
        with writing(self.scenario.engine) as connection:
            signup.add(
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
            )

    def _hold_or_release(self) -> None:
        if not self.newest:
            return
        number = self.random.randint(max(1, self.newest - 3), self.newest)
        with writing(self.scenario.engine) as connection:
            if number in self.held:
                editions.release(connection, number, now=self.now)
                held_mail.release_held(connection, number, now=self.now)
            elif self.random.random() < 0.5:
                editions.hold(connection, number)
            else:
                editions.hold_for(connection, number, "its first mails were refused")
                held_mail.hold_back_all(connection)
        self.held ^= {number}

    def _drop(self) -> None:
        if self.titles:
            paper = self.scenario.paper(self.random.choice(self.titles[-10:]))
            with writing(self.scenario.engine) as connection:
                editions.drop(connection, [paper], now=self.now)

    def _restore(self) -> None:
        if self.titles:
            paper = self.scenario.paper(self.random.choice(self.titles[-10:]))
            review.restore(self.scenario.engine, paper, now=self.now)

    def _give(self) -> None:
        if self.newest:
            number = self.random.randint(max(1, self.newest - 3), self.newest)
            people = None if self.random.random() < 0.3 else self.random.sample(self.readers, 2)
            give_edition(self.scenario.engine, number, people=people, now=self.now)

    def _take_topic_away(self) -> None:
        if self.titles:
            paper = self.scenario.paper(self.random.choice(self.titles[-10:]))
            topic = self.random.choice(TOPICS[:4])
            with writing(self.scenario.engine) as connection:
                kept = merging.canonical(connection, paper)
                topic_matches.correct(connection, kept, topic, belongs=False, matcher=NoRules(), now=self.now)

    def _pause(self) -> None:
        until: datetime = self.now + self.random.randint(1, 4) * DAY
        who = self.random.choice(self.readers)
        with writing(self.scenario.engine) as connection:
            unsubscribe.pause(connection, subscriber_id=who, until=until, how="web", now=self.now)

    def _merge_or_split(self) -> None:
        if len(self.titles) < 4:
            return
        keep, other = (self.scenario.paper(t) for t in self.random.sample(self.titles[-12:], 2))
        with reading(self.scenario.engine) as connection:
            merged = connection.execute(select(papers.c.merged_into).where(papers.c.id == other)).scalar()
        if merged is None:
            merge_papers(self.scenario.engine, keep, other, now=self.now)
        else:
            split_papers(self.scenario.engine, other, news=self.random.random() < 0.4, now=self.now)


def shown_too_early(scenario: Scenario) -> int:
    """Mails that hold papers of an edition before its time, but for those to canaries."""
    with reading(scenario.engine) as connection:
        known = select(canary_slots.c.edition).where(
            canary_slots.c.edition == digest_papers.c.edition,
            canary_slots.c.subscriber_id == deliveries.c.subscriber_id,
        )
        return connection.execute(
            select(func.count(deliveries.c.id))
            .join(digest_papers, digest_papers.c.digest_id == deliveries.c.digest_id)
            .join(all_editions, all_editions.c.number == digest_papers.c.edition)
            .where(
                deliveries.c.composed_at < all_editions.c.ready_at, ~all_editions.c.released, ~known.exists()
            )
        ).scalar_one()


def play(folder: Path, seed: int, *, url: str | None = None, steps: int = STEPS) -> None:
    month = Month(folder, seed, url=url)
    for _ in range(steps):
        month.step()
        found = month.scenario.audit(month.at)
        assert found.clean, f"seed {seed}, {month.at}: {found.findings}"
        for reader in month.readers:
            doubted = [title for mail in month.scenario.maybes_of(reader) for title in mail]
            assert len(doubted) == len(set(doubted)), f"seed {seed}, {month.at}: doubted twice"
    assert shown_too_early(month.scenario) == 0, f"seed {seed}"
    assert found.given > 15, f"seed {seed}: a month in which nothing happened proves nothing"
    month.scenario.engine.dispose()


@pytest.mark.parametrize("seed", range(1, 4))
def test_random_month_has_no_repeat_and_no_miss(seed: int, tmp_path: Path) -> None:
    play(tmp_path, seed)


def test_random_month_on_postgresql_has_no_repeat_and_no_miss(tmp_path: Path, postgres_url: str) -> None:
    play(tmp_path, 1, url=postgres_url)


@pytest.mark.prove
@pytest.mark.parametrize("seed", range(100, 140))
def test_many_random_months_have_no_repeat_and_no_miss(seed: int, tmp_path: Path) -> None:
    play(tmp_path, seed)
