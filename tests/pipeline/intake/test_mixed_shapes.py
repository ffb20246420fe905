"""Real days, each in a random shape and some in two: every paper is one paper and news once, mails included.

`make test` replays some days, `make prove` all. Bar: one paper for each identifier, the audit clean, and at
most one paper in a thousand lost, since the gate leaves out what could be the rest of a text.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from newsletter.core.debts.digest_plan import EVERYTHING
from newsletter.db.engine import reading
from newsletter.db.schema import edition_papers, paper_keys, papers
from tests.pipeline.whole_newsletter import WholeNewsletter
from tests.shared_data import needs_shared
from tests.smtp_servers.recording import RecordingServer
from tests.sources.shapes import SHAPES, Shape
from tests.sources.shapes.records import real_days

pytestmark = needs_shared
SHAPES_OF_NEWS = [shape for name, shape in SHAPES.items() if name != "arXiv mail, replaced"]
SHARE_TWICE = 0.25  # of the days
MOST_LOST = 0.001  # of all papers
TOPICS = ("circuits", "quantum", "neuromorphic", "interpretability", EVERYTHING)


@pytest.fixture
def newsletter(tmp_path: Path) -> Iterator[WholeNewsletter]:
    with RecordingServer() as server:
        newsletter = WholeNewsletter(tmp_path, port=server.port)
        yield newsletter
        newsletter.engine.dispose()


def shapes_of(days: Sequence[date], seed: int) -> Iterator[tuple[date, list[Shape]]]:
    """One shape for each day, and for some a second one; each is used before one is used again."""
    choice = random.Random(seed)
    waiting: list[Shape] = []
    for day in days:
        taken = []
        for _ in range(2 if choice.random() < SHARE_TWICE else 1):
            waiting = waiting or choice.sample(SHAPES_OF_NEWS, len(SHAPES_OF_NEWS))
            taken.append(waiting.pop())
        yield day, taken


def replay(newsletter: WholeNewsletter, days: Sequence[date], seed: int) -> None:
    """Ingest and send day by day, and look at each report and at the whole."""
    joined = f"{days[0] - timedelta(days=1)}T12:00"
    for topic in TOPICS:
        newsletter.reader(f"{topic}@reader.example", topic, joined=joined)
    known: set[str] = set()
    faults: list[str] = []
    stored = 0
    for day, taken in shapes_of(days, seed):
        records = real_days()[day]
        files = {shape.write(records, day): shape for shape in taken}  # two eras may write the same bytes
        for number, (data, shape) in enumerate(files.items()):
            name = f"{day}-{number}{shape.suffix}"
            report = newsletter.ingest(data, name, at=f"{day}T{5 + number:02}:00")
            known |= {record.id for record in records}
            stored += report.new
            if (report.status.value, report.listed_on) != ("ingested", day) or stored > len(known):
                faults.append(f"{name} as {shape.format}: {report.status}, {report.new} new: {report.error}")
        if not (sent := newsletter.send(f"{day}T12:00")).complete:
            faults.append(f"{day}: {sent.as_json()}")
    assert not faults, "\n".join(faults)
    with reading(newsletter.engine) as connection:
        held = connection.execute(select(func.count()).select_from(papers)).scalar_one()
        merged = connection.execute(select(papers.c.id).where(papers.c.merged_into.is_not(None))).all()
        news = Counter(
            connection.execute(select(edition_papers.c.paper_id).where(edition_papers.c.topic == EVERYTHING))
            .scalars()
            .all()
        )
        owners = Counter(
            connection.execute(select(paper_keys.c.key).where(paper_keys.c.scheme == "arxiv")).scalars().all()
        )
    assert (held, merged, len(news), set(news.values())) == (stored, [], stored, {1})
    assert 0 <= len(known) - held <= MOST_LOST * len(known)
    assert set(owners.values()) == {1}
    found = newsletter.audit(f"{days[-1] + timedelta(days=1)}T12:00")
    assert (found.clean, found.pending, found.uncertain) == (True, {}, 0), found.findings


@pytest.mark.parametrize("seed", [1])
def test_some_days_in_mixed_shapes_are_news_once(newsletter: WholeNewsletter, seed: int) -> None:
    replay(newsletter, list(real_days())[::37], seed)


@pytest.mark.prove
@pytest.mark.parametrize("seed", [2, 3])
def test_all_days_in_mixed_shapes_are_news_once(newsletter: WholeNewsletter, seed: int) -> None:
    replay(newsletter, list(real_days()), seed)
