"""Thirty days of a list with dead, full and complaining readers: it cleans itself, and loses nobody else."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Row, select

from newsletter.db.engine import reading
from newsletter.db.schema import deliveries
from newsletter.delivery.message.verp import TAG_DIGITS, ReturnPathId, mail_hash, return_path, sign
from newsletter.pipeline.inbound.options import InboundOptions
from newsletter.pipeline.inbound.take import take
from subscribers import queries
from tests.pipeline.inbound.reports import bounce, complaint, letter
from tests.pipeline.scenario import Scenario, utc
from tests.pipeline.whole_newsletter import SUPPRESSION_KEY
from tests.smtp_servers.recording import AcceptedMail

KEY = "a key of the tests, 32 octets or so"
OPTIONS = InboundOptions(secret_keys=[KEY], suppression_key=SUPPRESSION_KEY)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
DAYS = 30
FIRST = utc("2026-05-01T07:00")
QUEUE = 5 * DAY  # for which Postfix tries a mailbox that is full or does not answer
Report = Callable[[AcceptedMail], bytes]


class ThirtyDays:
    """One list, and what its readers' servers send back and when."""

    def __init__(self, folder: Path, readers: int) -> None:
        self.scenario = Scenario(folder)
        self.addresses = [f"r{number}@readers.example" for number in range(readers)]
        for address in self.addresses:
            self.scenario.reader(address, "circuits", joined="2026-04-30T12:00")
        chance = random.Random(readers)
        mixed = chance.sample(self.addresses, readers)
        dead, full, complaining = readers // 20, readers // 50, readers // 100
        self.dead = set(mixed[: dead * 4 // 5])
        self.unreachable = set(mixed[dead * 4 // 5 : dead])
        self.full = set(mixed[dead : dead + full])
        self.complaining = dict.fromkeys(mixed[dead + full : dead + full + complaining], 0)
        for address in self.complaining:
            self.complaining[address] = chance.randrange(20)  # the day
        self.good = mixed[dead + full + complaining :]
        self.due: list[tuple[datetime, bytes]] = []
        self.seen = 0  # the last delivery
        self.complained_at: dict[str, datetime] = {}

    def run(self) -> None:
        for day in range(DAYS):
            now = FIRST + day * DAY
            while self.due and self.due[0][0] <= now:
                self.take_next()
            at = now.strftime("%Y-%m-%dT%H:%M")
            self.scenario.edition((now - HOUR).strftime("%Y-%m-%dT%H:%M"), {f"Paper {day}": ["circuits"]})
            self.scenario.run(at)
            for mail in self.new_mails():
                self.answer(mail, day, now)
            self.due.sort(key=lambda waiting: waiting[0])
        self.bounced_on_the_last_day = sum(
            mail.recipient in self.dead | self.unreachable | self.full for mail in self.last_mails
        )
        while self.due:
            self.take_next()

    def take_next(self) -> None:
        at, data = self.due.pop(0)
        take(self.scenario.engine, data, source="maildir", now=at, options=OPTIONS)

    def new_mails(self) -> list[AcceptedMail]:
        with reading(self.scenario.engine) as connection:
            rows = connection.execute(
                select(deliveries).where(deliveries.c.id > self.seen).order_by(deliveries.c.id)
            ).all()
            people = {person.id: person.address for person in queries.listed(connection)}
        self.seen = max((row.id for row in rows), default=self.seen)
        self.last_mails = [_mail(row, people[row.subscriber_id]) for row in rows]
        return self.last_mails

    def answer(self, mail: AcceptedMail, day: int, now: datetime) -> None:
        who = mail.recipient
        assert who not in self.complained_at, "mail after a complaint"
        if who in self.dead:
            self.later(now + HOUR, bounce(mail, number=day))
        elif who in self.unreachable:
            self.later(now + QUEUE, bounce(mail, "4.4.1", "connection timed out", number=day))
        elif who in self.full:
            self.later(now + QUEUE, bounce(mail, "4.2.2", "452 4.2.2 mailbox full", number=day))
        elif day == self.complaining.get(who):
            self.later(now + 3 * HOUR, complaint(mail))
            self.complained_at[who] = now + 3 * HOUR
        elif who in self.good[: len(self.good) // 10] and day in (8, 9):  # a blocklist has us for two days
            self.later(now + HOUR, bounce(mail, "5.7.1", "550 5.7.1 your IP is on a blocklist", number=day))
        elif who == self.good[day - DAYS] and day % 3 == 0 and day < DAYS - 3:  # a bad day of a good mailbox
            self.later(now + QUEUE, bounce(mail, "4.2.2", "452 4.2.2 mailbox full", number=day))
        elif who == self.good[day]:
            away = letter(who, mail.sender, "Out of office", str(day), "Auto-Submitted: auto-replied")
            self.later(now + HOUR, away)

    def later(self, at: datetime, data: bytes) -> None:
        self.due.append((at, data))

    def states(self) -> dict[str, str]:
        with reading(self.scenario.engine) as connection:
            return {person.address: str(person.state) for person in queries.listed(connection)}


def _mail(row: Row[tuple[object, ...]], address: str) -> AcceptedMail:
    tag = mail_hash(row.subscriber_id, row.kind, row.key, KEY.encode())
    signed = sign(ReturnPathId(subscriber_id=row.subscriber_id, tag=tag[:TAG_DIGITS]), KEY.encode())
    return AcceptedMail(
        sender=return_path(signed, "bounce@papers.example"),
        recipient=address,
        data=f"Subject: papers\r\nMessage-ID: <{tag[:40]}@papers.example>\r\n\r\n".encode(),
        connection=1,
        mail_line="",
        rcpt_line="",
    )


@pytest.mark.parametrize(
    "readers", [pytest.param(200, marks=pytest.mark.full), pytest.param(2000, marks=pytest.mark.prove)]
)
def test_a_list_cleans_itself_and_loses_nobody_else(tmp_path: Path, readers: int) -> None:
    """Day 30 bounces below 0.3 %; no good reader is lost; nobody who complained is mailed again."""
    month = ThirtyDays(tmp_path, readers)
    month.run()
    states = month.states()
    gone = {address for address, state in states.items() if state == "suppressed"}
    assert gone == month.dead | month.unreachable | month.full | set(month.complaining)
    assert {states[address] for address in month.good} == {"confirmed"}
    assert len(month.complained_at) == len(month.complaining)
    assert month.bounced_on_the_last_day / len(month.last_mails) < 0.003
    audit = month.scenario.audit((FIRST + (DAYS + 5) * DAY).strftime("%Y-%m-%dT%H:%M"))
    assert (audit.missed, audit.repeated) == (0, 0)
