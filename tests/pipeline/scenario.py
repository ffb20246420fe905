"""Sentences for scenarios: papers, editions, readers and mails on a real database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select, update

from newsletter.core.debts.account import NEVER_RECEIVED
from newsletter.core.debts.digest_plan import EVERYTHING, DigestPlan, NewVersion, PlannedPaper
from newsletter.core.mail.values import Content
from newsletter.core.states import DeliveryState, Form
from newsletter.core.topics.topic_match import TopicMatch
from newsletter.db.engine import open_engine, reading, writing
from newsletter.db.schema import (
    deliveries,
    digest_maybes,
    digest_papers,
    dumps,
    edition_maybes,
    edition_papers,
    editions,
    papers,
)
from newsletter.delivery.outbox import debts
from newsletter.delivery.outbox.claims import expire
from newsletter.papers import merging
from newsletter.pipeline.compose.compose import ComposeReport, compose
from newsletter.pipeline.compose.options import EditionSchedule, SendOptions
from newsletter.pipeline.explain.audit import AuditReport, audit
from subscribers.lifecycle import signup
from subscribers.preferences import Preferences
from tests.databases import migrated_url

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
TOPICS = ("circuits", "quantum", "neuromorphic", "interpretability", EVERYTHING)
SIZES = {Form.FULL: 1000, Form.SHORT: 500, Form.ROW: 300, Form.TITLE: 200, Form.LEFT: 0}


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class PlainRenderer:
    """A renderer whose pieces are the ids of the papers, and whose sizes are round figures."""

    topic_order: Mapping[str, int] = {topic: rank for rank, topic in enumerate(TOPICS)}

    def __init__(self, room: int = 10**6) -> None:
        self.room = room

    def prepare(
        self,
        connection: Connection,
        cards: Iterable[PlannedPaper],
        *,
        maybe: Iterable[PlannedPaper] = (),
        new_versions: Iterable[NewVersion] = (),
    ) -> None:
        list(cards)

    def size(self, card: PlannedPaper, *, maybe: bool = False) -> int:
        return SIZES[card.form]

    def size_of_versions(self, lines: Sequence[NewVersion]) -> int | None:
        return 100 * (len(lines) + 1)

    def budget(self, recaps: Sequence[PlannedPaper], note: str) -> int:
        return self.room

    def content(self, plan: DigestPlan, *, composed_at: datetime) -> Content:
        body = tuple(f"{paper.paper_id}\r\n".encode() for paper in (*plan.news, *plan.recaps))
        return Content(subject=f"{len(plan.news)} papers", date=composed_at, html=body, text=body)


class NoRules:
    """A matcher that finds no topic."""

    def match(self, title: str, abstract: str, categories: Sequence[str] = ()) -> Sequence[TopicMatch]:
        return ()


class Scenario:
    """One newsletter: a database, a renderer, and what people did."""

    def __init__(self, folder: Path, *, room: int = 10**6, url: str | None = None) -> None:
        self.engine = open_engine(url or migrated_url(folder))
        self.renderer = PlainRenderer(room)
        with writing(self.engine) as connection:
            self.dump_id = connection.execute(
                insert(dumps).returning(dumps.c.id),
                {"sha256": "0" * 64, "file": "x.txt", "size": 1, "status": "ingested"}
                | {"received_at": utc("2026-01-01"), "backfill": False},
            ).scalar_one()

    def paper(self, title: str) -> int:
        with writing(self.engine) as connection:
            known = connection.execute(select(papers.c.id).where(papers.c.title == title)).scalar()
            return known or int(
                connection.execute(
                    insert(papers).returning(papers.c.id),
                    {
                        "title": title,
                        "abstract": "",
                        "first_listed_on": date(2026, 4, 13),
                        "first_dump_id": self.dump_id,
                        "first_position": 1,
                        "ingested_at": utc("2026-04-13"),
                    },
                ).scalar_one()
            )

    def merge(self, keep: str, other: str, at: str) -> None:
        """An admin says that two papers, by their titles, are one."""
        one, two = self.paper(keep), self.paper(other)
        with writing(self.engine) as connection:
            merging.merge(connection, one, two, now=utc(at))

    def edition(self, ready_at: str, contents: Mapping[str, Sequence[str]], **values: Any) -> int:
        """An edition of these papers and their topics ("quantum?" is a doubtful one); every paper is in
        `everything` too."""
        ids = {title: self.paper(title) for title in contents}
        with writing(self.engine) as connection:
            at = utc(ready_at)
            number = connection.execute(
                insert(editions).returning(editions.c.number),
                {"date": at.date(), "published_at": at, "ready_at": at, **values},
            ).scalar_one()
            for place, (title, topics) in enumerate(contents.items(), 1):
                for doubtful in (topic for topic in topics if topic.endswith("?")):
                    row = {"edition": number, "paper_id": ids[title], "topic": doubtful[:-1], "score": 0.3}
                    connection.execute(insert(edition_maybes), row)
                for topic in (*(topic for topic in topics if not topic.endswith("?")), EVERYTHING):
                    connection.execute(
                        insert(edition_papers),
                        {
                            "edition": number,
                            "paper_id": ids[title],
                            "topic": topic,
                            "score": 0.0 if topic == EVERYTHING else 0.9,
                            "place": place,
                        },
                    )
            return int(number)

    def reader(self, address: str, *topics: str, joined: str, **preferences: object) -> int:
        with writing(self.engine) as connection:
            return signup.add(
                connection,
                address=address,
                topics_wanted=topics,
                known_topics=TOPICS,
                given=preferences,
                confirmed=True,
                how="admin",
                now=utc(joined),
                suppression_key=b"suppression key of the tests",
                defaults=Preferences(),
                default_topics=(EVERYTHING,),
            ).person.id

    def compose(
        self, at: str, *, everyone: bool = False, only: int | None = None, canaries: Sequence[str] = ()
    ) -> ComposeReport:
        schedule = EditionSchedule(canaries=tuple(canaries))
        options = self.options(everyone=everyone, only=only, edition_schedule=schedule)
        return compose(self.engine, options, now=utc(at))

    def options(self, **changes: Any) -> SendOptions:
        """How digests are made here. changes: other fields of SendOptions."""
        return SendOptions(renderer=self.renderer, **changes)

    def all_become(self, state: DeliveryState, *, at: str) -> None:
        """Every mail that waits comes to this end (what a delivery run would record)."""
        with writing(self.engine) as connection:
            connection.execute(
                update(deliveries)
                .where(deliveries.c.state == DeliveryState.QUEUED)
                .values(state=state, finished_at=utc(at), attempts=1)
            )

    def end(self, state: DeliveryState, *, at: str) -> None:
        """Every mail that waits is sent, refused for another reason than the reader, or uncertain.

        Unlike with `all_become`, what it held follows.
        """
        now = utc(at)
        with writing(self.engine) as connection:
            waiting = select(deliveries.c.id).where(deliveries.c.state.in_(["queued", "deferred"]))
            ids = list(connection.execute(waiting).scalars())
            connection.execute(
                update(deliveries)
                .where(deliveries.c.id.in_(ids))
                .values(state=state, finished_at=now, attempts=1)
            )
            follow = {
                DeliveryState.SENT: debts.give,
                DeliveryState.FAILED: debts.return_papers_once,
                DeliveryState.UNCERTAIN: debts.recap,
            }
            follow[state](connection, ids, now=now)

    def run(self, at: str, state: DeliveryState = DeliveryState.SENT) -> ComposeReport:
        """One run at which everything that waits comes to this end."""
        with writing(self.engine) as connection:
            expire(connection, now=utc(at))
        composed = self.compose(at)
        self.end(state, at=at)
        return composed

    def day(self, at: str) -> ComposeReport:
        """One run at which everything composed is sent."""
        composed = self.compose(at)
        self.all_become(DeliveryState.SENT, at=at)
        return composed

    def mails_to(self, reader: int) -> list[list[str]]:
        """What each mail to this reader shows, in order: titles, those left out in brackets."""
        with reading(self.engine) as connection:
            found = connection.execute(
                select(deliveries.c.id, papers.c.title, digest_papers.c.form)
                .join(digest_papers, digest_papers.c.digest_id == deliveries.c.digest_id)
                .join(papers, papers.c.id == digest_papers.c.paper_id)
                .where(deliveries.c.subscriber_id == reader)
                .order_by(deliveries.c.id, digest_papers.c.position)
            ).all()
        mails: dict[int, list[str]] = {}
        for row in found:
            mails.setdefault(row.id, []).append(f"({row.title})" if row.form == Form.LEFT else row.title)
        return list(mails.values())

    def maybes_of(self, reader: int) -> list[list[str]]:
        """The doubtful papers that each mail to this reader shows, in order; not those of mails without any,
        and of mails that never arrived."""
        with reading(self.engine) as connection:
            found = connection.execute(
                select(deliveries.c.id, papers.c.title)
                .join(digest_maybes, digest_maybes.c.digest_id == deliveries.c.digest_id)
                .join(papers, papers.c.id == digest_maybes.c.paper_id)
                .where(deliveries.c.subscriber_id == reader, deliveries.c.state.not_in(NEVER_RECEIVED))
                .order_by(deliveries.c.id, digest_maybes.c.position)
            ).all()
        mails: dict[int, list[str]] = {}
        for row in found:
            mails.setdefault(row.id, []).append(row.title)
        return list(mails.values())

    def audit(self, at: str) -> AuditReport:
        return audit(self.engine, now=utc(at))
