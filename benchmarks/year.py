"""Builds a newsletter's history by the product's own path, a day after the other, and measures each day.

python benchmarks/year.py FOLDER [--readers 20000] [--days 365] [--papers 30] [--url URL]

Each day a listing is ingested, the jobs look for work, digests are published and composed for everybody at
07:00 UTC, and delivered: claimed, handed over and recorded as sent, by a transport that opens no connection.
A folder that holds some days goes on after them; --url names another database than the one of the folder. It
prints CPU seconds a day: of an idle look, of composing and of delivering.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import combinations
from pathlib import Path

from sqlalchemy import Engine, func, insert, select

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.ingest import new_papers, page, vocabulary
from newsletter.core.mail.retry import Fate, NextStep
from newsletter.core.mail.values import Outcome, Verdict
from newsletter.core.topics.topic_match import TopicMatcher
from newsletter.db.engine import default_url, open_engine, reading, writing
from newsletter.db.migrate import upgrade
from newsletter.db.schema import editions, runs
from newsletter.delivery.outbox.claims import AudienceSelects, claim
from newsletter.delivery.outbox.handover import WINDOW, AttemptResult, hand_over, record
from newsletter.delivery.outbox.held_mail import lock_as_sender
from newsletter.delivery.outbox.sender_locks import owning
from newsletter.pipeline import pending_work
from newsletter.pipeline.compose.compose import compose
from newsletter.pipeline.compose.options import SendOptions
from newsletter.pipeline.content.digest_renderer import DigestRenderer
from newsletter.pipeline.intake.ingest import ingest_bytes
from newsletter.pipeline.publish import publish
from newsletter.render.environment import MailEnvironment
from newsletter.render.view_models import Brand
from newsletter.topics.definitions import load_topics
from newsletter.topics.matcher import Matcher
from subscribers import audience
from subscribers.tables import ConsentEvent, Subscriber, Subscription

FIRST_DAY = date(2026, 1, 5)
JOINED = datetime(2026, 1, 4, 12, tzinfo=UTC)
TOPICS = ("circuits", "quantum", "neuromorphic", "interpretability")
SETS = [chosen for size in range(1, 5) for chosen in combinations(TOPICS, size)]
WORDS = vocabulary(random.Random(7))
ON_TOPIC = (  # a sentence for each topic
    " We size analog circuits with a surrogate for transistor sizing.",
    " Quantum error correction on a surface code is improved.",
    " Spiking neural networks run on neuromorphic hardware.",
    " Mechanistic interpretability finds features with sparse autoencoders.",
)


@dataclass(slots=True)
class DayCost:
    """CPU seconds of one day, and the messages sent."""

    look: float = 0.0  # while nothing is due
    compose: float = 0.0
    deliver: float = 0.0
    sent: int = 0


def cpu(call: Callable[[], object]) -> float:
    """CPU seconds of a call in this process."""
    begun = time.process_time()
    call()
    return time.process_time() - begun


class Newsletter:
    """A newsletter with its database, on which days pass."""

    def __init__(self, folder: Path, *, readers: int, papers: int = 30, url: str | None = None) -> None:
        """Opens what the folder or the database holds, and fills in what is missing."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.papers = papers
        self.engine: Engine = open_engine(url or default_url(folder))
        upgrade(self.engine)
        topics = load_topics()
        self.matcher: TopicMatcher = Matcher(topics)
        self.options = SendOptions(
            renderer=DigestRenderer(
                MailEnvironment(), brand=Brand(name="A year"), topics=list(topics.values())
            )
        )
        self._audience = AudienceSelects(
            mailable=audience.mailable(),
            reachable=audience.reachable(),
            departed=audience.departed(),
            states=audience.states(),
        )
        with reading(self.engine) as connection:
            known = connection.execute(select(func.count()).select_from(Subscriber.__table__)).scalar_one()
        if known < readers:
            join(self.engine, known + 1, readers)

    @property
    def days(self) -> int:
        """Days that have passed: those whose listing is in an edition."""
        with reading(self.engine) as connection:
            return int(connection.execute(select(func.count()).select_from(editions)).scalar_one())

    def slot(self, day: int) -> datetime:
        """When the digests of a day are due. day: from 1."""
        at = FIRST_DAY + timedelta(days=day - 1)
        return datetime(at.year, at.month, at.day, 7, tzinfo=UTC)

    def publish_day(self, day: int) -> None:
        """Ingest and publish the listing of a day."""
        at = self.slot(day) - timedelta(hours=2)
        found = new_papers(random.Random(day), WORDS, self.papers)
        listing = page(
            [replace(paper, abstract=paper.abstract + ON_TOPIC[n % 4]) for n, paper in enumerate(found)], at
        )
        report = ingest_bytes(
            self.engine,
            listing.encode(),
            name=f"{at:%Y-%m-%d}.txt",
            archive=self.folder / "dumps",
            matcher=self.matcher,
            now=at,
        )
        assert report.new == self.papers, report
        assert publish(self.engine, now=at) is not None

    def look(self, now: datetime) -> bool:
        """What the scheduler asks every half minute."""
        with reading(self.engine) as connection:
            return bool(
                pending_work.has_news(connection)
                or pending_work.has_due_slots(connection, now=now)
                or pending_work.has_due_deliveries(connection, locks_dir=self.folder / "locks", now=now)
            )

    def compose(self, now: datetime) -> int:
        """Compose for everybody who is due; returns the number of digests."""
        return compose(self.engine, self.options, now=now).composed

    def deliver(self, now: datetime) -> int:
        """Send everything that is due, to nobody; returns how many."""
        sent = 0
        with owning(self.folder / "locks") as owner:
            while some := self._send(owner, now):
                sent += some
        with writing(self.engine) as connection:
            connection.execute(insert(runs), {"verb": "deliver", "at": now, "done": sent})
        return sent

    def _send(self, owner: str, now: datetime) -> int:
        with writing(self.engine) as connection:
            lock_as_sender(connection)
            found = claim(
                connection, owner=owner, now=now, wall=now, limit=WINDOW, audience=self._audience
            ).claimed
            hand_over(connection, [mail.id for mail in found], owner=owner, wall=now)
        with writing(self.engine) as connection:
            lock_as_sender(connection)
            accepted = [
                AttemptResult(
                    mail.id,
                    Outcome(
                        verdict=Verdict.ACCEPTED,
                        phase="dot",
                        code=250,
                        status="2.0.0",
                        text="OK",
                        delivery_id=mail.id,
                        relay="127.0.0.1:25",
                    ),
                    NextStep(fate=Fate.SENT),
                    mail.has_reader_debts,
                )
                for mail in found
            ]
            record(connection, owner=owner, results=accepted, now=now)
        return len(found)

    def pass_day(self, day: int) -> DayCost:
        """Let a day pass; returns what it cost."""
        cost, now = DayCost(), self.slot(day)
        self.publish_day(day)
        self.look(now - timedelta(hours=1))
        cost.look = cpu(lambda: self.look(now - timedelta(hours=1)))
        cost.compose = cpu(lambda: self.compose(now))

        def send() -> None:
            cost.sent = self.deliver(now + timedelta(minutes=1))

        cost.deliver = cpu(send)
        return cost

    def pass_days(self, last: int, told: Callable[[int, DayCost], None] = lambda _day, _cost: None) -> None:
        """Let all days up to `last` pass that have not passed yet. told: gets each day and its cost."""
        for day in range(self.days + 1, last + 1):
            told(day, self.pass_day(day))


def join(engine: Engine, first: int, last: int) -> None:
    """Readers with these numbers, who joined before the first day; every set of topics is followed."""
    for start in range(first, last + 1, 5_000):
        numbers = range(start, min(start + 5_000, last + 1))
        with writing(engine) as connection:
            people = [
                {
                    "id": n,
                    "ref": f"ref{n:019}",
                    "leave_id": f"leave{n:017}",
                    "address": f"reader{n}@readers.example",
                    "address_key": f"reader{n}@readers.example",
                    "state": "confirmed",
                    "created_at": JOINED,
                    "confirmed_at": JOINED,
                    "slots_done_to": JOINED,
                    "cadence_since": JOINED,
                }
                for n in numbers
            ]
            connection.execute(insert(Subscriber.__table__), people)
            connection.execute(
                insert(Subscription.__table__),
                [
                    {"subscriber_id": n, "topic": topic, "since": JOINED}
                    for n in numbers
                    for topic in SETS[n % len(SETS)]
                ],
            )
            consent = {"at": JOINED, "what": "confirmed", "how": "admin", "topics": [], "detail": {}}
            connection.execute(
                insert(ConsentEvent.__table__), [{"subscriber_id": n, **consent} for n in numbers]
            )
            if connection.dialect.name == "postgresql":  # ids were given
                connection.exec_driver_sql(
                    "SELECT setval(pg_get_serial_sequence('subscribers', 'id'), max(id)) FROM subscribers"
                )


def main() -> int:
    """Run it as a script; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--readers", type=int, default=20_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--papers", type=int, default=30, help="papers a day")
    parser.add_argument("--url", help="database; default: a SQLite file in the folder")
    asked = parser.parse_args()
    newsletter = Newsletter(asked.folder, readers=asked.readers, papers=asked.papers, url=asked.url)

    def tell(day: int, cost: DayCost) -> None:
        print(
            f"day {day:4}: look {cost.look:6.3f} s, compose {cost.compose:6.2f} s, "
            f"deliver {cost.deliver:6.2f} s CPU, {cost.sent} sent",
            flush=True,
        )

    newsletter.pass_days(asked.days, tell)
    return 0


if __name__ == "__main__":
    sys.exit(main())
