"""Rolled-up months: every answer stays, a crash tears nothing, a changed row is found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, delete, event, func, insert, select, update

from newsletter.core.states import DeliveryState
from newsletter.db.engine import open_engine, reading, writing
from newsletter.db.schema import (
    deliveries,
    digest_papers,
    digests,
    edition_papers,
    history_contents,
    history_months,
    history_readers,
    pieces,
    reader_debts,
)
from newsletter.delivery.outbox.erase import erase_packed
from newsletter.papers import merging
from newsletter.pipeline.explain.audit import audit
from newsletter.pipeline.history.seal_watch import check_seals
from newsletter.pipeline.readers import account
from subscribers.lifecycle import suppression
from tests.databases import migrated_url
from tests.pipeline.history.months import END, answers, live_some_months, roll
from tests.pipeline.scenario import Scenario, utc

pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[int]]:
    """A SQLite database in which some months passed."""
    folder = tmp_path_factory.mktemp("lived")
    scenario = Scenario(folder)
    readers = live_some_months(scenario)
    scenario.engine.dispose()
    return folder / "newsletter.sqlite3", readers


@pytest.fixture
def copy(lived: tuple[Path, list[int]], tmp_path: Path) -> Iterator[Scenario]:
    yield from _copy(lived[0], tmp_path)


def _copy(file: Path, folder: Path) -> Iterator[Scenario]:
    migrated_url(folder)
    (folder / "newsletter.sqlite3").write_bytes(file.read_bytes())
    scenario = Scenario.__new__(Scenario)
    scenario.engine = open_engine(migrated_url(folder))
    yield scenario
    scenario.engine.dispose()


def _count(scenario: Scenario, table: Any) -> int:
    with reading(scenario.engine) as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def test_every_answer_stays_and_the_rows_go(copy: Scenario, lived: tuple[Path, list[int]]) -> None:
    readers = lived[1]
    before = answers(copy, readers)
    assert min(before[0]["uncertain"], before[0]["mended"]) > 0
    assert before[0]["given"] > 300
    raw = _count(copy, deliveries)
    held = _count(copy, pieces)
    report = roll(copy)
    assert report.months == ["2026-01", "2026-02", "2026-03"]
    assert _count(copy, deliveries) == raw - report.deliveries < raw / 2
    assert _count(copy, pieces) < held
    assert answers(copy, readers) == before
    assert answers(copy, readers, full=True) == before
    assert roll(copy).months == [], "a second run finds nothing"
    assert _count(copy, history_contents) + _count(copy, digests) > 0


def test_last_digest_and_open_debts_stay(copy: Scenario, lived: tuple[Path, list[int]]) -> None:
    with reading(copy.engine) as connection:
        last = connection.execute(
            select(func.max(deliveries.c.id)).group_by(deliveries.c.subscriber_id)
        ).scalars()
        kept = set(last)
    roll(copy, keep_days=0)
    with reading(copy.engine) as connection:
        left = set(connection.execute(select(deliveries.c.id)).scalars())
        open_debts = connection.execute(
            select(func.count()).select_from(reader_debts).where(reader_debts.c.ended.is_(None))
        ).scalar_one()
    assert kept <= left
    assert open_debts >= 0


class CrashError(Exception):
    """The process ends before a commit."""


def _crash_at(engine: Engine, number: int) -> Any:
    """End the process before the commit of that number of a transaction that writes."""
    seen = 0

    def count(connection: Any) -> None:
        nonlocal seen
        if connection.get_execution_options().get("read_only"):
            return
        seen += 1
        if seen == number:
            raise CrashError

    event.listen(engine, "commit", count)
    return count


def _packed(scenario: Scenario) -> list[Any]:
    with reading(scenario.engine) as connection:
        found = [
            [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns))]
            for table in (history_readers, history_contents)
        ]
        sums = connection.execute(
            select(history_months.c.month, history_months.c.checksum, history_months.c.proof)
        )
        return [*found, [tuple(row) for row in sums]]


def test_crash_at_any_commit_loses_nothing(
    copy: Scenario, lived: tuple[Path, list[int]], tmp_path: Path
) -> None:
    file, readers = lived
    before = answers(copy, readers)
    roll(copy)
    whole = _packed(copy)
    crashed = 0
    for number in range(1, 60):
        folder = tmp_path / str(number)
        folder.mkdir()
        for scenario in _copy(file, folder):
            crash = _crash_at(scenario.engine, number)
            try:
                roll(scenario)
            except CrashError:
                crashed += 1
            event.remove(scenario.engine, "commit", crash)
            if number % 5 == 0:
                assert answers(scenario, readers) == before, f"in the middle, after commit {number}"
            roll(scenario)
            assert _packed(scenario) == whole
        if crashed < number:
            break
    assert crashed >= 12
    assert crashed < 59, "the last run had no crash"


CHANGES = [
    ("a byte of a reader's row", "body"),
    ("a reader's row is gone", "gone"),
    ("a reader's row is another's", "swapped"),
    ("a content is gone", "content"),
    ("a row too many", "added"),
]


@pytest.mark.parametrize(("what", "how"), CHANGES, ids=[how for _, how in CHANGES])
def test_changed_month_is_found(copy: Scenario, what: str, how: str) -> None:
    roll(copy)
    assert all(check.matches for check in check_seals(copy.engine, now=END))
    r = history_readers.c
    with writing(copy.engine) as connection:
        first = connection.execute(select(history_readers).where(r.month == 202602).limit(1)).one()
        own = (r.month == 202602) & (r.subscriber_id == first.subscriber_id)
        if how == "body":
            changed = bytes([*first.body[:9], first.body[9] ^ 1, *first.body[10:]])
            connection.execute(update(history_readers).where(own).values(body=changed))
        elif how == "gone":
            connection.execute(delete(history_readers).where(own))
        elif how == "swapped":
            connection.execute(update(history_readers).where(own).values(subscriber_id=999))
        elif how == "content":
            one = select(func.min(history_contents.c.digest_id)).where(history_contents.c.month == 202602)
            connection.execute(
                delete(history_contents).where(history_contents.c.digest_id == one.scalar_subquery())
            )
        else:
            connection.execute(
                insert(history_readers), {"month": 202602, "subscriber_id": 998, "body": first.body}
            )
    broken = [check for check in check_seals(copy.engine, now=END) if not check.matches]
    assert [check.name for check in broken] == ["2026-02"], what
    if how == "body":
        assert broken[0].damaged == [first.subscriber_id]
    with reading(copy.engine) as connection:
        noted = connection.execute(
            select(history_months.c.month).where(history_months.c.broken_since.is_not(None))
        ).scalars()
        assert list(noted) == [202602]
    report = audit(copy.engine, now=END)
    assert not report.clean
    if how != "content":
        assert not audit(copy.engine, now=END, full=True).clean


def test_seal_that_matches_again_is_noted(copy: Scenario) -> None:
    roll(copy)
    with writing(copy.engine) as connection:
        connection.execute(update(history_months).values(broken_since=END))
    check_seals(copy.engine, now=END)
    with reading(copy.engine) as connection:
        assert set(connection.execute(select(history_months.c.broken_since)).scalars()) == {None}


def test_erased_reader_leaves_seals_that_match(copy: Scenario, lived: tuple[Path, list[int]]) -> None:
    reader = lived[1][0]
    roll(copy)
    with writing(copy.engine) as connection:
        suppression.forget(connection, subscriber_id=reader, how="admin", now=END, key=b"a key of the tests")
        erase_packed(connection, [reader])
    with reading(copy.engine) as connection:
        left = connection.execute(
            select(func.count()).select_from(history_readers).where(history_readers.c.subscriber_id == reader)
        ).scalar_one()
        months = connection.execute(select(history_months)).all()
    assert left == 0
    assert all(month.erased_readers == 1 for month in months)
    assert all(check.matches for check in check_seals(copy.engine, now=END))
    for full in (False, True):
        report = audit(copy.engine, now=END, full=full)
        assert report.clean, report.findings


@pytest.mark.dialects
def test_old_paper_that_comes_up_again_is_not_given_again(scenario: Scenario) -> None:
    reader = scenario.reader("a@readers.example", "circuits", "quantum", joined="2026-01-01")
    scenario.edition("2026-01-05T05:00", {"Old": ["circuits"], "Older": ["circuits"]})
    scenario.run("2026-01-05T07:30")
    scenario.edition("2026-05-10T05:00", {"Middle": ["circuits"]})
    scenario.run("2026-05-10T07:30")
    assert roll(scenario).deliveries == 1
    # A topic was corrected, and a paper is merged with one that was given.
    scenario.edition("2026-05-20T05:00", {"Old": ["quantum"], "New": ["quantum"], "Same": ["quantum"]})
    scenario.merge("Older", "Same", at="2026-05-20T05:30")
    scenario.run("2026-05-20T07:30")
    assert scenario.mails_to(reader)[-1] == ["New"]
    report = scenario.audit("2026-05-20T09:00")
    assert (report.repeated, report.missed, report.given) == (0, 0, 4)


@pytest.mark.dialects
def test_paper_split_from_an_old_one_counts_as_given(scenario: Scenario) -> None:
    reader = scenario.reader("a@readers.example", "circuits", joined="2026-01-01")
    scenario.edition("2026-01-05T05:00", {"One": ["circuits"], "Other": ["circuits"]})
    scenario.merge("One", "Other", at="2026-01-05T05:30")
    scenario.run("2026-01-05T07:30")
    scenario.edition("2026-05-10T05:00", {"Middle": ["circuits"]})
    scenario.run("2026-05-10T07:30")
    roll(scenario)
    other = scenario.paper("Other")
    with writing(scenario.engine) as connection:
        merging.split(connection, other, now=utc("2026-05-20T04:00"), news=False)
    scenario.edition("2026-05-20T05:00", {"Other": ["circuits"], "New": ["circuits"]})
    scenario.run("2026-05-20T07:30")
    assert scenario.mails_to(reader)[-1] == ["New"]
    for full in (False, True):
        report = audit(scenario.engine, now=END, full=full)
        assert (report.repeated, report.missed) == (0, 0)


@pytest.mark.dialects
def test_paper_given_twice_across_a_seal_is_found(scenario: Scenario) -> None:
    scenario.reader("a@readers.example", "circuits", joined="2026-01-01")
    scenario.edition("2026-01-05T05:00", {"Old": ["circuits"]})
    scenario.run("2026-01-05T07:30")
    scenario.edition("2026-05-10T05:00", {"Middle": ["circuits"]})
    scenario.run("2026-05-10T07:30")
    roll(scenario)
    old = scenario.paper("Old")
    with writing(scenario.engine) as connection:  # an error of composing: the later mail shows the old paper
        connection.execute(
            insert(digest_papers),
            {
                "digest_id": connection.execute(select(func.max(digests.c.id))).scalar_one(),
                "position": 2,
                "paper_id": old,
                "topic": "circuits",
                "also_in": [],
                "form": "full",
                "role": "news",
                "edition": 1,
            },
        )
    for full in (False, True):
        report = audit(scenario.engine, now=END, full=full)
        assert report.repeated == 1
        assert report.findings[0]["repeated_in"] == [1, 2]


def test_states_other_than_settled_stay(scenario: Scenario) -> None:
    scenario.reader("a@readers.example", "circuits", joined="2026-01-01")
    for day, state in ((5, DeliveryState.LEASED), (6, DeliveryState.HANDING_OVER), (7, DeliveryState.SENT)):
        scenario.edition(f"2026-01-0{day}T05:00", {f"P{day}": ["circuits"]})
        scenario.compose(f"2026-01-0{day}T07:30")
        scenario.all_become(state, at=f"2026-01-0{day}T07:31")
    scenario.edition("2026-05-10T05:00", {"Middle": ["circuits"]})
    scenario.run("2026-05-10T07:30")
    assert roll(scenario).deliveries == 1
    with reading(scenario.engine) as connection:
        left = connection.execute(select(deliveries.c.state).order_by(deliveries.c.id)).scalars()
        assert list(left)[:2] == ["leased", "handing over"]


def test_pair_tables_are_not_touched(copy: Scenario) -> None:
    pairs = _count(copy, edition_papers)
    roll(copy)
    assert _count(copy, edition_papers) == pairs


def test_reader_still_gets_all_their_data(copy: Scenario, lived: tuple[Path, list[int]]) -> None:
    before = account.export(copy.engine, subscriber_id=lived[1][0])["mails"]
    roll(copy)
    assert account.export(copy.engine, subscriber_id=lived[1][0])["mails"] == before
