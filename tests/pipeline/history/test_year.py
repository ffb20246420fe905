"""A year by the product's own path, then rolled up: small, proven, and every day still explained."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from benchmarks.ingest import new_papers
from benchmarks.year import FIRST_DAY, SETS, TOPICS, WORDS, Newsletter
from newsletter.db.engine import reading
from newsletter.db.schema import deliveries, history_contents, history_months, history_readers
from newsletter.pipeline.explain.audit import audit, prove
from newsletter.pipeline.explain.why import why
from newsletter.pipeline.history.roll_up import roll_up

# Bytes of a row of packed mail besides its body: its key, and the head of a SQLite cell.
ROW_BYTES = 16

MEASURE = """
import json, resource, sys, time
from datetime import datetime
from newsletter.db.engine import open_engine
from newsletter.pipeline.explain.audit import audit
begun = time.process_time()
found = audit(open_engine(sys.argv[1]), now=datetime.fromisoformat(sys.argv[2]), full=sys.argv[3] == "full")
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
spent = time.process_time() - begun
print(json.dumps({"clean": found.clean, "given": found.given, "mib": peak, "cpu": spent}))
"""


def _live(folder: Path, *, readers: int, days: int, papers: int) -> Newsletter:
    newsletter = Newsletter(folder, readers=readers, papers=papers)
    newsletter.pass_days(days)
    return newsletter


def _roll_up(newsletter: Newsletter, days: int, *, keep_days: int = 90) -> int:
    now = newsletter.slot(days) + timedelta(hours=5)
    return roll_up(newsletter.engine, keep_days=keep_days, now=now, prove=prove).deliveries


def _explain_some_days(newsletter: Newsletter, *, readers: int, days: int, number: int) -> None:
    """`why` for some days of the year names the papers that the model gives the reader on that day."""
    chance = random.Random(number)
    for _ in range(number):
        day, reader = chance.randint(1, days), chance.randint(1, readers)
        listed = new_papers(random.Random(day), WORDS, newsletter.papers)
        followed = SETS[reader % len(SETS)]
        expected = {paper.title for n, paper in enumerate(listed) if TOPICS[n % 4] in followed}
        said = why(
            newsletter.engine,
            subscriber_id=reader,
            address=f"reader{reader}@readers.example",
            on=FIRST_DAY + timedelta(days=day - 1),
            now=newsletter.slot(days) + timedelta(hours=5),
        )
        assert said.mailed
        assert said.reason == "sent at 07:01 (UTC)"
        assert expected <= {card["title"] for card in said.papers}, (reader, day)
        assert len(said.papers) == len({card["title"] for card in said.papers})
        assert all(card["topic"] in followed for card in said.papers)


def _packed_bytes(newsletter: Newsletter) -> tuple[int, int, int]:
    """(bytes of packed mail and contents, deliveries in it, papers given in it)."""
    with reading(newsletter.engine) as connection:
        size = 0
        for table in (history_readers, history_contents):
            rows = select(func.count(), func.coalesce(func.sum(func.length(table.c.body)), 0))
            number, body = connection.execute(rows.select_from(table)).one()
            size += body + number * ROW_BYTES
        sums = select(func.sum(history_months.c.deliveries), func.sum(history_months.c.given))
        return (size, *connection.execute(sums).one())


@pytest.mark.full
def test_months_are_packed_and_each_day_is_explained(tmp_path: Path) -> None:
    newsletter = _live(tmp_path, readers=90, days=100, papers=12)
    now = newsletter.slot(100) + timedelta(hours=5)
    before = audit(newsletter.engine, now=now)
    packed = _roll_up(newsletter, 100, keep_days=45)
    assert packed == 90 * 27, "January from the 5th"
    for full in (False, True):
        after = audit(newsletter.engine, now=now, full=full)
        assert after.clean
        assert after.given == before.given
        assert after.deliveries == before.deliveries == 90 * 100
        assert after.balanced == len(SETS), "equal readers are balanced once"
    size, mails, given = _packed_bytes(newsletter)
    assert size <= 60 * mails
    assert size <= 12 * given
    _explain_some_days(newsletter, readers=90, days=100, number=60)
    newsletter.engine.dispose()


@pytest.mark.prove
def test_year_of_many_readers_is_small_and_proven(tmp_path: Path) -> None:
    """20,000 readers × 365 days: size after roll-up, audit from the last seal and whole, memory, why.

    NEWSLETTER_YEAR names a folder that `benchmarks/year.py` filled; NEWSLETTER_READERS another number.
    """
    readers, days = int(os.environ.get("NEWSLETTER_READERS", "20000")), 365
    folder = Path(os.environ.get("NEWSLETTER_YEAR", tmp_path))
    newsletter = _live(folder, readers=readers, days=days, papers=30)
    _roll_up(newsletter, days, keep_days=60)  # at 90 days the raw part alone takes 580 MB
    _explain_some_days(newsletter, readers=readers, days=days, number=500)
    size, mails, given = _packed_bytes(newsletter)
    file = folder / "newsletter.sqlite3"
    sys.stdout.write(f"{file.stat().st_size / 1e6:.0f} MB; {size / mails:.1f} bytes a packed delivery, ")
    sys.stdout.write(f"{size / given:.2f} a paper given\n")
    with reading(newsletter.engine) as connection:
        raw = connection.execute(select(func.count()).select_from(deliveries)).scalar_one()
    newsletter.engine.dispose()
    assert raw + mails == readers * days
    assert size <= 60 * mails
    assert size <= 12 * given
    now = newsletter.slot(days) + timedelta(hours=5)
    for how in ("seal", "full"):
        told = subprocess.run(
            [sys.executable, "-c", MEASURE, str(newsletter.engine.url), now.isoformat(), how],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        sys.stdout.write(f"{how} {told}")
        assert '"clean": true' in told
        assert float(told.split('"mib": ')[1].split(",")[0]) <= 150
    assert file.stat().st_size <= 600e6
