"""Gathers statistics: papers, readers, deliveries, refusals. Shows nothing, and names no reader.

Days are UTC days. Each figure is one statement that groups in the database.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from itertools import accumulate
from typing import Any

from sqlalchemy import Connection, func, select

from newsletter.core.chart_periods import Periods, periods_covering
from newsletter.core.debts.digest_plan import EVERYTHING
from newsletter.core.states import DeliveryState, DumpStatus
from newsletter.core.topics.topic_match import STRONG
from newsletter.db.schema import deliveries, dumps, paper_topics, papers
from newsletter.delivery.outbox import inbound_records
from subscribers import queries, statistics
from subscribers.lifecycle import strikes
from subscribers.sql import utc_day

MOST_DOMAINS = 20
WAITING = "waiting"  # queued, leased or handing over
OUTCOMES = ("sent", "deferred", "failed", "uncertain", "skipped", WAITING)  # in the order of the page
_SHOWN = {state: state.value if state.value in OUTCOMES else WAITING for state in DeliveryState}

STATUS_SUBJECTS = {  # second number of an enhanced status code, RFC 3463 section 3
    "1": "address",
    "2": "mailbox",
    "3": "mail system",
    "4": "network",
    "5": "protocol",
    "6": "content",
    "7": "policy",
}

Series = tuple[int, ...]  # a number for each period


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """The statistics of some days."""

    as_of: datetime  # the end
    days: int  # number of days
    periods: Periods
    papers: Series  # first listed in this time
    by_topic: Mapping[str, Series]  # of these papers, by slug, in reading order; topics may share a paper
    unmatched: Series  # of these papers, in no topic
    last_listed: date | None  # the latest day, up to the end, on which a paper was first listed
    states: Mapping[str, int]  # subscribers by state, now
    readers: Series  # confirmed readers at the end of each period
    joined: Series
    left: Series
    asked: Series  # sign-ups that had to be confirmed
    ways: Mapping[str, int]  # new readers by the way they joined
    followers: Mapping[str, int]  # readers by topic, now, in reading order
    mails: Mapping[str, Series]  # by each of OUTCOMES; unfinished ones count when composed
    kinds: Mapping[str, int]  # sent deliveries by kind
    refused: Mapping[str, int]  # failed deliveries by status (RFC 3463), else by reply code or reason
    skipped: Mapping[str, int]  # skipped deliveries by reason
    strikes: Mapping[str, int]  # present strikes by reason
    suppressions: Mapping[str, int]  # new ones of this time by reason
    in_force: Mapping[str, int]  # present suppressions by reason
    came_back: Mapping[str, int]  # messages by class
    bounce_reasons: Mapping[str, int]  # mails that came back, by reason
    bounce_domains: Mapping[str, int]  # the same by domain: the first MOST_DOMAINS

    def as_json(self) -> dict[str, Any]:
        """The JSON of `newsletter stats`: every list has a number for each period."""
        return {
            "as_of": self.as_of,
            "days": self.days,
            "unit": str(self.periods.unit),
            "since": self.periods.since,
            "until": self.periods.until,
            "periods": self.periods.firsts,
            "papers": {
                "all": self.papers,
                "topics": self.by_topic,
                "unmatched": self.unmatched,
                "last_listed": self.last_listed,
            },
            "subscribers": {
                "states": self.states,
                "readers": self.readers,
                "joined": self.joined,
                "left": self.left,
                "net": [joined - left for joined, left in zip(self.joined, self.left, strict=True)],
            },
            "signups": {"asked": self.asked, "joined_by": self.ways},
            "topics": [{"topic": slug, "followers": number} for slug, number in self.followers.items()],
            "deliveries": {**self.mails, "kinds": self.kinds},
            "refused": self.refused,
            "skipped": self.skipped,
            "strikes": self.strikes,
            "came_back": {
                "classes": self.came_back,
                "reasons": self.bounce_reasons,
                "domains": self.bounce_domains,
            },
            "suppressions": {"made": self.suppressions, "in_force": self.in_force},
        }


def gather(connection: Connection, *, now: datetime, days: int, topics: Collection[str]) -> Stats:
    """The statistics of the last `days` days up to `now`; figures of `now` are those of the present rows.

    topics: slugs in reading order; further slugs of papers or readers follow. Raises ValueError when
    `days` is not from 1 to MOST_DAYS.
    """
    periods = periods_covering(days, now.astimezone(UTC).date())
    since = datetime.combine(periods.since, time(), UTC)
    counts = queries.counts(connection)
    moves = statistics.movements(connection, since=since, until=now)
    joined = periods.sums((move.day, move.joined) for move in moves)
    left = periods.sums((move.day, move.left) for move in moves)
    # Counted backwards from the present rows: old events may have been purged.
    readers = (
        counts["states"]["confirmed"] - statistics.growth(connection, after=now) - sum(joined) + sum(left)
    )
    grown = accumulate((one - other for one, other in zip(joined, left, strict=True)), initial=readers)
    by_topic = _papers_by_topic(connection, periods)
    mails, kinds = _mails(connection, periods, since=since, now=now)
    suppressions = statistics.suppressed(connection, since=since, until=now)
    return Stats(
        as_of=now.astimezone(UTC),
        days=days,
        periods=periods,
        papers=_papers(connection, periods),
        by_topic={slug: by_topic.get(slug, periods.sums(())) for slug in _ordered(topics, by_topic)},
        unmatched=_papers(connection, periods, unmatched=True),
        last_listed=_last_listed(connection, periods),
        states=counts["states"],
        readers=tuple(grown)[1:],
        joined=joined,
        left=left,
        asked=periods.sums((move.day, move.asked) for move in moves),
        ways=_largest_first((move.how, move.joined) for move in moves),
        followers={
            slug: counts["topics"].get(slug, 0)
            for slug in (*_ordered(topics, counts["topics"]), EVERYTHING)
            if slug != EVERYTHING or slug in topics or slug in counts["topics"]
        },
        mails=mails,
        kinds=kinds,
        refused=_refused(connection, since=since, now=now),
        skipped=_skipped(connection, since=since, now=now),
        strikes=strikes.by_reason(connection),
        suppressions=suppressions["made"],
        in_force=suppressions["in_force"],
        came_back={
            kind: number
            for kind, number in inbound_records.by_class(connection, since=since, until=now).items()
            if number
        },
        bounce_reasons=inbound_records.bounces_by(connection, "reason", since=since, until=now),
        bounce_domains=dict(
            list(inbound_records.bounces_by(connection, "domain", since=since, until=now).items())[
                :MOST_DOMAINS
            ]
        ),
    )


def refusal_in_words(code: str) -> str:
    """A key of `Stats.refused` for people, such as 5.1.1 (address)."""
    parts = code.split(".")
    subject = STATUS_SUBJECTS.get(parts[1]) if len(parts) == 3 else None
    return f"{code} ({subject})" if subject else code


def _ordered(known: Collection[str], found: Iterable[str]) -> list[str]:
    """The topics with numbers: the known slugs first."""
    others = sorted(set(found) - set(known))
    return [slug for slug in (*known, *others) if slug != EVERYTHING]


def _largest_first(counts: Iterable[tuple[str, int]]) -> dict[str, int]:
    sums: Counter[str] = Counter()
    for name, number in counts:
        sums[name] += number
    return dict(sorted(((n, c) for n, c in sums.items() if c), key=lambda item: (-item[1], item[0])))


# Papers of dumps that were not withdrawn; of merged papers the kept one.
_STANDS = papers.c.merged_into.is_(None) & papers.c.first_dump_id.in_(
    select(dumps.c.id).where(dumps.c.status == DumpStatus.INGESTED)
)


def _listed(periods: Periods) -> Any:
    """Papers that were first listed in this time."""
    return _STANDS & papers.c.first_listed_on.between(periods.since, periods.until)


def _last_listed(connection: Connection, periods: Periods) -> date | None:
    last = select(func.max(papers.c.first_listed_on))
    return connection.execute(
        last.where(_STANDS, papers.c.first_listed_on <= periods.until)
    ).scalar_one_or_none()


def _papers(connection: Connection, periods: Periods, *, unmatched: bool = False) -> Series:
    chosen = select(papers.c.first_listed_on, func.count().label("n")).where(_listed(periods))
    if unmatched:
        matched = select(paper_topics.c.paper_id).where(
            paper_topics.c.paper_id == papers.c.id,
            paper_topics.c.strength == STRONG,
            paper_topics.c.topic != EVERYTHING,
        )
        chosen = chosen.where(~matched.exists())
    rows = connection.execute(chosen.group_by(papers.c.first_listed_on))
    return periods.sums((row.first_listed_on, row.n) for row in rows)


def _papers_by_topic(connection: Connection, periods: Periods) -> dict[str, Series]:
    rows = connection.execute(
        select(paper_topics.c.topic, papers.c.first_listed_on, func.count().label("n"))
        .join(papers, papers.c.id == paper_topics.c.paper_id)
        .where(_listed(periods), paper_topics.c.strength == STRONG, paper_topics.c.topic != EVERYTHING)
        .group_by(paper_topics.c.topic, papers.c.first_listed_on)
    )
    found: dict[str, list[tuple[date, int]]] = {}
    for row in rows:
        found.setdefault(row.topic, []).append((row.first_listed_on, row.n))
    return {slug: periods.sums(counts) for slug, counts in found.items()}


_MOMENT = func.coalesce(deliveries.c.finished_at, deliveries.c.composed_at)


def _mails(
    connection: Connection, periods: Periods, *, since: datetime, now: datetime
) -> tuple[dict[str, Series], dict[str, int]]:
    """Deliveries by outcome, and sent deliveries by kind."""
    day = utc_day(_MOMENT)
    rows = connection.execute(
        select(day.label("day"), deliveries.c.state, deliveries.c.kind, func.count().label("n"))
        .where(_MOMENT.between(since, now))
        .group_by(day, deliveries.c.state, deliveries.c.kind)
    ).all()
    found: dict[str, list[tuple[date, int]]] = {end: [] for end in OUTCOMES}
    for row in rows:
        found[_SHOWN[DeliveryState(row.state)]].append((date.fromisoformat(row.day), row.n))
    sent = ((row.kind, row.n) for row in rows if row.state == DeliveryState.SENT)
    return {end: periods.sums(counts) for end, counts in found.items()}, _largest_first(sent)


def _refused(connection: Connection, *, since: datetime, now: datetime) -> dict[str, int]:
    d = deliveries.c
    rows = connection.execute(
        select(d.reply_status, d.reply_code, d.reason, func.count().label("n"))
        .where(d.state == DeliveryState.FAILED, d.finished_at >= since, d.finished_at <= now)
        .group_by(d.reply_status, d.reply_code, d.reason)
    )
    return _largest_first(
        (
            row.reply_status or (str(row.reply_code) if row.reply_code else None) or row.reason or "unknown",
            row.n,
        )
        for row in rows
    )


def _skipped(connection: Connection, *, since: datetime, now: datetime) -> dict[str, int]:
    d = deliveries.c
    rows = connection.execute(
        select(d.reason, func.count().label("n"))
        .where(d.state == DeliveryState.SKIPPED, d.finished_at >= since, d.finished_at <= now)
        .group_by(d.reason)
    )
    return _largest_first((row.reason or "unknown", row.n) for row in rows)
