"""Serves metrics to Prometheus: counts from the database at the time of the request. None is per reader."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Connection, Engine, func, select

from newsletter.core.mail.bounce_policy import COMPLAINT_WINDOW
from newsletter.core.states import DeliveryState, MailKind
from newsletter.db.engine import reading
from newsletter.db.schema import alarms, deliveries, dumps, editions, papers
from newsletter.delivery.outbox import inbound_records
from newsletter.ops.alarms.facts import gather
from subscribers import queries, requests

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition(engine: Engine, *, state_dir: Path, now: datetime) -> bytes:
    """The metrics in the text format of Prometheus, as of `now` (aware)."""
    registry = CollectorRegistry()
    registry.register(_CountCollector(engine, state_dir, now))
    return generate_latest(registry)


class _CountCollector(Collector):
    def __init__(self, engine: Engine, state_dir: Path, now: datetime) -> None:
        self._engine = engine
        self._state_dir = state_dir
        self._now = now

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """All metrics, from one consistent view of the database."""
        with reading(self._engine) as connection:
            yield from self._people(connection)
            yield from self._mail(connection)
            yield from self._papers(connection)

    def _people(self, connection: Connection) -> Iterator[GaugeMetricFamily]:
        counts = queries.counts(connection)
        yield _by("newsletter_subscribers", "Subscribers by state.", "state", counts["states"])
        yield _by("newsletter_followers", "Confirmed subscribers by topic.", "topic", counts["topics"])
        waiting = requests.counts(connection)
        yield _by("newsletter_requests", "Requests of the web pages that are kept.", "state", waiting)

    def _mail(self, connection: Connection) -> Iterator[GaugeMetricFamily]:
        facts = gather(connection, state_dir=self._state_dir, now=self._now)
        age = 0.0 if facts.waiting_since is None else (self._now - facts.waiting_since).total_seconds()
        yield _one("newsletter_mails_due", "Mails that are due and not sent.", facts.waiting)
        yield _one("newsletter_oldest_mail_due_seconds", "Age of the oldest of them.", age)
        by_state = dict.fromkeys((str(state) for state in DeliveryState), 0)
        day = select(deliveries.c.state, func.count().label("n")).where(
            deliveries.c.kind == MailKind.DIGEST, deliveries.c.id > _recent(connection)
        )
        for row in connection.execute(day.group_by(deliveries.c.state)):
            by_state[row.state] = row.n
        yield _by(
            "newsletter_recent_digests", f"The latest {MAX_DIGESTS} digests by state.", "state", by_state
        )
        open_alarms = select(func.count()).select_from(alarms).where(alarms.c.ended_at.is_(None))
        yield _one("newsletter_alarms", "Alarms that stand.", connection.execute(open_alarms).scalar_one())
        since = self._now - COMPLAINT_WINDOW
        classes = inbound_records.by_class(connection, since=since, until=self._now)
        yield _by("newsletter_recent_inbound", "Messages of 7 days that came back.", "class", classes)
        reasons = inbound_records.bounces_by(connection, "reason", since=since, until=self._now)
        yield _by("newsletter_recent_bounces", "Mails that came back within 7 days.", "reason", reasons)
        if facts.free_bytes is not None:
            yield _one("newsletter_disk_free_bytes", "Room where the state lies.", facts.free_bytes)
        if facts.last_dump_at is not None:
            at = facts.last_dump_at.timestamp()
            yield _one("newsletter_last_dump_timestamp_seconds", "When the latest dump came.", at)

    def _papers(self, connection: Connection) -> Iterator[GaugeMetricFamily]:
        for name, words, table in (
            ("newsletter_papers", "Papers that are known.", papers),
            ("newsletter_editions", "Editions that were published.", editions),
            ("newsletter_dumps", "Dumps that were taken in.", dumps),
        ):
            count = connection.execute(select(func.count()).select_from(table)).scalar_one()
            yield _one(name, words, count)


MAX_DIGESTS = 10_000  # the latest ones: a scrape must not count millions


def _recent(connection: Connection) -> int:
    newest = connection.execute(select(func.max(deliveries.c.id))).scalar_one_or_none()
    return (newest or 0) - MAX_DIGESTS


def _one(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, words, value=value)


def _by(name: str, words: str, label: str, values: dict[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, words, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
