"""Gathers the facts for alarms in a few statements, none slower with more readers. Judges nothing."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select, text

from newsletter.core.alarms import FAILURE_PERIOD, DumpFacts, Facts, RestingRelay
from newsletter.core.cadence import Cadence
from newsletter.core.mail.bounce_policy import COMPLAINT_WINDOW
from newsletter.core.mail.reply_verdict import About, Reason
from newsletter.core.months import shown
from newsletter.core.states import DumpStatus
from newsletter.db.schema import deliveries, dumps, editions, history_months
from newsletter.delivery.outbox import inbound_records, relay_rests
from newsletter.delivery.outbox.held_mail import WAITING
from newsletter.ops.alarms.stuck_files import find_stuck_files
from newsletter.ops.state_dir import INBOX
from newsletter.papers import source_records
from subscribers import audience, requests
from subscribers.lifecycle import suppression

# Failed before a server was asked. SQLite uses its partial index only for this very text.
FAILED_HERE = text("state = 'failed' and reply_code is null")
DOUBT_PERIOD = timedelta(hours=2)  # for which a refusal may be somebody's own
_BROKEN_MONTHS = (
    select(history_months.c.month)
    .where(history_months.c.broken_since.is_not(None))
    .order_by(history_months.c.month)
)
MAX_DUMPS = 25  # the latest ones: alarms of older ones were reported long ago


def gather(connection: Connection, *, state_dir: Path, now: datetime) -> Facts:
    """The facts as of `now` (aware)."""
    due = select(func.min(deliveries.c.composed_at), func.count()).where(
        WAITING, deliveries.c.next_attempt_at <= now
    )
    oldest, waiting = connection.execute(due).one()
    held = connection.execute(
        select(editions.c.number, editions.c.held_because).where(editions.c.held).order_by(editions.c.number)
    ).all()
    failed = connection.execute(
        select(func.count().over().label("number"), deliveries.c.reason)
        .where(
            FAILED_HERE,
            deliveries.c.finished_at.between(now - FAILURE_PERIOD, now),
        )
        .order_by(deliveries.c.finished_at.desc(), deliveries.c.id.desc())
        .limit(1)
    ).one_or_none()
    postponed = requests.postponed(connection, now=now)
    suppressed = suppression.refused_lately(connection, since=now - FAILURE_PERIOD, now=now)
    return Facts(
        now=now,
        last_dump_at=connection.execute(
            select(func.max(dumps.c.received_at)).where(~dumps.c.backfill)
        ).scalar_one_or_none(),
        dumps=_dumps(connection),
        held_editions=[row.number for row in held],
        held_because={row.number: row.held_because for row in held if row.held_because},
        waiting_since=oldest,
        waiting=waiting,
        failed=failed.number if failed else 0,
        failed_because=(failed.reason or "") if failed else "",
        failed_requests=requests.counts(connection)["failed"],
        postponed_requests=postponed.number,
        postponed_until=postponed.until,
        free_bytes=_free(state_dir),
        stuck_files=find_stuck_files(state_dir / INBOX),
        sources=source_records.healths(connection, now=now),
        resting_relays=[
            RestingRelay(
                relay=rest.relay, since=rest.since, until=rest.until, reply=rest.reply, reason=rest.reason
            )
            for rest in relay_rests.all_rests(connection)
        ],
        **_refused(connection, now=now),
        suppressed=suppressed.number,
        suppressed_because=suppressed.note,
        **_inbound(connection, now=now),
        broken_months=[shown(month) for month in connection.execute(_BROKEN_MONTHS).scalars()],
        odd_schedules=odd_schedules(connection),
    )


def _inbound(connection: Connection, *, now: datetime) -> dict[str, Any]:
    """What came back, as far as alarms need it."""
    share = inbound_records.complaint_share(connection, now=now)
    since = now - COMPLAINT_WINDOW
    return {
        "complaints": share.words if share.is_alarming else "",
        "complaints_hold": share.is_too_high,
        "held_bounces": inbound_records.count_held(connection, now=now),
        "waiting_inbound": inbound_records.count_waiting(connection, since=since, until=now),
    }


def odd_schedules(connection: Connection) -> dict[str, int]:
    """What of the schedules of readers cannot be, with the number of readers."""
    found: dict[str, int] = {}
    for row in connection.execute(audience.cadences()):
        cadence = Cadence(kind=row.cadence, weekday=row.weekday, hour=row.hour, timezone=row.timezone)
        if cadence.fault:
            found[cadence.fault] = found.get(cadence.fault, 0) + row.people
    return found


def _refused(connection: Connection, *, now: datetime) -> dict[str, Any]:
    """Mails that wait after a 5xx: at once where it names our fault, else when it has lasted."""
    d = deliveries.c
    ours = and_(
        d.reply_about.in_([About.US.value, About.CONTENT.value]),
        d.reply_reason.not_in([Reason.POLICY.value, Reason.UNCLEAR.value]),
    )
    row = connection.execute(
        select(func.count().over().label("mails"), d.reply_code, d.reply_status, d.reply_text, d.reply_reason)
        .where(WAITING, d.reply_code >= 500, or_(ours, d.composed_at <= now - DOUBT_PERIOD))
        .order_by(d.next_attempt_at.desc(), d.id.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        return {}
    words = " ".join(str(part) for part in (row.reply_code, row.reply_status, row.reply_text) if part)
    return {"refused": row.mails, "refused_because": words, "refused_reason": row.reply_reason or ""}


def _dumps(connection: Connection) -> list[DumpFacts]:
    chosen = (
        select(dumps.c.file, dumps.c.sha256, dumps.c.format, dumps.c.entries, dumps.c.status, dumps.c.error)
        .where(dumps.c.status.in_([DumpStatus.INGESTED, DumpStatus.HELD]), ~dumps.c.backfill)
        .order_by(dumps.c.id.desc())
        .limit(MAX_DUMPS)
    )
    return [
        DumpFacts(
            file=row.file,
            sha256=row.sha256,
            format=row.format,
            entries=row.entries,
            is_held=row.status == DumpStatus.HELD,
            error=row.error or "",
        )
        for row in connection.execute(chosen)
    ]


def _free(state_dir: Path) -> int | None:
    try:
        return shutil.disk_usage(state_dir).free
    except OSError:
        return None
