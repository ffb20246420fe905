"""New versions of papers that a reader had: a line in the next digest, never news."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, insert, select, update

from newsletter.core.states import DeliveryState
from newsletter.db.engine import reading, writing
from newsletter.db.schema import deliveries, digests, dumps, listed_entries, paper_revisions, papers
from newsletter.delivery.outbox.digest_contents import contents_of
from newsletter.papers import editions, merging
from newsletter.pipeline.compose.compose import ComposeReport, compose, compose_in
from newsletter.pipeline.explain.why import why
from tests.pipeline.scenario import Scenario, utc

ADA = "ada@example.org"
JOINED = "2026-04-12T12:00"
_hashes = count(1)


class Versions(Scenario):
    """A newsletter that tells of new versions."""

    asked = True

    def options(self, **changes: Any) -> Any:
        return super().options(new_versions=self.asked, **changes)

    def brings(
        self,
        title: str,
        at: str,
        *,
        how: str = "replace",
        listed_on: str = "",
        status: str = "ingested",
        backfill: bool = False,
    ) -> None:
        """A dump tells of a version. how: an announcement, `reworded`, or `older text`."""
        paper_id, instant = self.paper(title), utc(at)
        day = date.fromisoformat(listed_on) if listed_on else instant.date()
        with writing(self.engine) as connection:
            dump_id = connection.execute(
                insert(dumps).returning(dumps.c.id),
                {"sha256": f"{next(_hashes):064}", "file": "y.eml", "size": 1, "status": status}
                | {"received_at": instant, "ingested_at": instant, "listed_on": day, "backfill": backfill},
            ).scalar_one()
            announced = None if how in ("reworded", "older text") else how
            connection.execute(
                insert(listed_entries),
                {"dump_id": dump_id, "position": 1, "paper_id": paper_id, "line": 1, "title": title}
                | {"announcement": announced},
            )
            if announced is None:
                number = 2 + len(
                    connection.execute(
                        select(paper_revisions).where(paper_revisions.c.paper_id == paper_id)
                    ).all()
                )
                connection.execute(
                    insert(paper_revisions),
                    {"paper_id": paper_id, "number": number, "title": title, "abstract": "y"}
                    | {"dump_id": dump_id, "recorded_at": instant},
                )
            if how == "reworded":
                connection.execute(update(papers).where(papers.c.id == paper_id).values(revision=number))

    def merges(self, kept: str, other: str, *, at: str) -> None:
        ids = (self.paper(kept), self.paper(other))
        with writing(self.engine) as connection:
            merging.merge(connection, *ids, now=utc(at))

    def told(self, reader: int) -> list[list[str]]:
        """The titles of the lines of each digest of a reader; not of those without any."""
        with reading(self.engine) as connection:
            of_reader = select(deliveries.c.digest_id).where(deliveries.c.subscriber_id == reader)
            ids = list(connection.execute(of_reader.order_by(deliveries.c.id)).scalars())
            found = contents_of(connection, ids)
        lines = [[line.title for line in found[each].new_versions] for each in ids if each in found]
        return [each for each in lines if each]

    def news(self, day: int, *titles: str, topic: str = "quantum") -> ComposeReport:
        """An edition of these papers is sent on that day of April."""
        if titles:
            self.edition(f"2026-04-{day}T05:00", {title: [topic] for title in titles})
        return self.day(f"2026-04-{day}T07:00")

    def is_clean(self) -> bool:
        report = self.audit("2026-04-30T08:00")
        return report.clean and not report.findings


@pytest.fixture
def scenario(tmp_path: Path) -> Versions:
    return Versions(tmp_path)


@pytest.fixture
def on_both(tmp_path: Path, database_url: str) -> Iterator[Versions]:
    scenario = Versions(tmp_path, url=database_url)
    yield scenario
    scenario.engine.dispose()


@pytest.mark.dialects
@pytest.mark.parametrize(
    ("version", "lines"),
    [
        ({}, [["Qubits"]]),
        ({"how": "replace-cross"}, [["Qubits"]]),
        ({"how": "reworded"}, [["Qubits"]]),
        ({"listed_on": "2026-04-10"}, [["Qubits"]]),  # when it was recorded counts
        ({"how": "new"}, []),
        ({"how": "cross"}, []),
        ({"how": "older text"}, []),
        ({"status": "withdrawn"}, []),
        ({"status": "held"}, []),
        ({"backfill": True}, []),
        ({"at": "2026-04-13T06:00"}, []),  # before the digest that gave it
        ({"at": "2026-04-14T07:30"}, []),  # the clock went back since
        ({"title": "Other"}, []),  # never given
    ],
    ids=str,
)
def test_what_is_told_in_the_next_digest(
    on_both: Versions, version: dict[str, Any], lines: list[list[str]]
) -> None:
    ada = on_both.reader(ADA, "quantum", joined=JOINED)
    on_both.edition("2026-04-13T05:00", {"Qubits": ["quantum"], "Other": ["circuits"]})
    on_both.news(13)
    on_both.brings(**{"title": "Qubits", "at": "2026-04-13T09:00"} | version)
    on_both.news(14, "Gates")
    assert on_both.told(ada) == lines
    assert on_both.mails_to(ada) == [["Qubits"], ["Gates"]]
    on_both.news(15, "Walks")
    assert on_both.told(ada) == lines or version.get("at") == "2026-04-14T07:30"
    assert on_both.is_clean()


def test_a_version_alone_makes_no_digest_and_waits_for_the_next(scenario: Versions) -> None:
    ada = scenario.reader(ADA, "quantum", joined=JOINED)
    few = scenario.reader("few@example.org", "quantum", joined=JOINED, minimum=2)
    scenario.news(13, "Qubits", "Bits")
    scenario.brings("Qubits", "2026-04-13T09:00")
    assert scenario.news(14).closed == {"nothing new": 2}
    scenario.news(15, "Gates")
    assert [scenario.told(each) for each in (ada, few)] == [[["Qubits"]], []]  # no paper for the minimum
    scenario.news(16, "Walks")
    assert [scenario.told(each) for each in (ada, few)] == [[["Qubits"]], [["Qubits"]]]
    assert scenario.is_clean()


def test_lines_count_for_no_maximum_and_yield_to_papers(tmp_path: Path) -> None:
    scenario = Versions(tmp_path, room=1_350)  # a paper takes 1,000, a doubtful one 500, a line 100
    one = scenario.reader(ADA, "quantum", joined=JOINED, maximum=1)
    maybe = scenario.reader("bob@example.org", "circuits", joined=JOINED, maybe=True)
    titles = [f"Chip {number}" for number in range(4)]
    scenario.edition("2026-04-13T05:00", {"Qubits": ["quantum"], **{title: ["circuits"] for title in titles}})
    scenario.news(13)
    for title in ("Qubits", *titles):
        scenario.brings(title, "2026-04-13T09:00")
    scenario.edition("2026-04-14T05:00", {"A": ["quantum"], "B": ["quantum"], "C": ["circuits"]})
    scenario.news(14)
    assert scenario.mails_to(one)[1] == ["A", "(B)"]
    assert scenario.told(one) == [["Qubits"]]
    assert scenario.told(maybe) == [["Chip 3", "Chip 2"]]  # the heading and two lines
    assert scenario.is_clean()


@pytest.mark.parametrize("end", ["failed", "uncertain", "skipped", "left out", "doubtful", "dropped"])
def test_who_did_not_have_the_first_is_told_nothing(scenario: Versions, end: str) -> None:
    ada = scenario.reader(ADA, "quantum", joined=JOINED, maybe=True, maximum=1 if end == "left out" else None)
    topic = "quantum?" if end == "doubtful" else "quantum"
    scenario.edition("2026-04-13T05:00", {"Gates": ["quantum"], "Qubits": [topic]})
    scenario.compose("2026-04-13T07:00")
    states = {"failed": DeliveryState.FAILED, "uncertain": DeliveryState.UNCERTAIN}
    states |= {"skipped": DeliveryState.SKIPPED}
    scenario.all_become(states.get(end, DeliveryState.SENT), at="2026-04-13T07:01")
    if end == "dropped":
        number = scenario.paper("Qubits")
        with writing(scenario.engine) as connection:
            editions.drop(connection, [number], now=utc("2026-04-13T08:00"))
    scenario.brings("Qubits", "2026-04-13T09:00")
    scenario.news(14, "Walks")
    assert scenario.told(ada) == []


@pytest.mark.dialects
@pytest.mark.parametrize(
    ("kept", "announced"), [("Qubits", "Bits"), ("Bits", "Qubits"), ("Bits", "Bits"), ("Qubits", "Qubits")]
)
def test_a_merged_paper_is_told_of_under_the_title_that_was_kept(
    on_both: Versions, kept: str, announced: str
) -> None:
    ada = on_both.reader(ADA, "quantum", joined=JOINED)
    eve = on_both.reader("eve@example.org", "circuits", joined=JOINED)
    on_both.edition("2026-04-13T05:00", {"Qubits": ["quantum"], "Bits": ["neuromorphic"], "C": ["circuits"]})
    on_both.news(13)
    on_both.merges(kept, "Bits" if kept == "Qubits" else "Qubits", at="2026-04-13T08:00")
    on_both.brings(announced, "2026-04-13T09:00")
    on_both.edition("2026-04-14T05:00", {"Gates": ["quantum", "circuits"]})
    on_both.news(14)
    assert (on_both.told(ada), on_both.told(eve)) == ([[kept]], [])


def test_a_merge_alone_is_no_new_version(scenario: Versions) -> None:
    ada = scenario.reader(ADA, "quantum", joined=JOINED)
    scenario.news(13, "Qubits", "Bits")
    scenario.merges("Qubits", "Bits", at="2026-04-13T08:00")
    scenario.news(14, "Gates")
    assert scenario.told(ada) == []


@pytest.mark.parametrize(
    ("second", "lines"),
    [
        ({"at": "2026-04-14T09:00", "listed_on": "2026-04-13"}, [["Qubits"]]),  # another category's mail
        ({"at": "2026-04-14T09:00", "listed_on": "2026-04-13", "how": "reworded"}, [["Qubits"]]),
        ({"at": "2026-04-14T09:00", "listed_on": "2026-04-14"}, [["Qubits"], ["Qubits"]]),  # a third version
        ({"at": "2026-04-13T10:00", "listed_on": "2026-04-13"}, [["Qubits"]]),
        ({"at": "2026-04-13T10:00", "listed_on": "2026-04-12"}, [["Qubits"]]),
    ],
    ids=str,
)
def test_a_version_is_told_once(
    scenario: Versions, second: dict[str, Any], lines: Sequence[Sequence[str]]
) -> None:
    ada = scenario.reader(ADA, "quantum", joined=JOINED)
    scenario.news(13, "Qubits")
    scenario.brings("Qubits", "2026-04-13T09:00", listed_on="2026-04-13")
    scenario.brings("Qubits", **second) if second["at"] < "2026-04-14" else None
    scenario.news(14, "Gates")
    scenario.brings("Qubits", **second) if second["at"] > "2026-04-14" else None
    scenario.news(15, "Walks")
    scenario.news(16, "Wires")
    assert scenario.told(ada) == lines


def test_each_reader_is_told_since_their_own_last_digest(scenario: Versions) -> None:
    daily = scenario.reader(ADA, "quantum", joined=JOINED)
    weekly = scenario.reader(
        "eve@example.org", "quantum", joined=JOINED, cadence="weekly", weekday="monday", hour=7
    )
    late = scenario.reader("late@example.org", "quantum", joined="2026-04-15T08:00")
    for day in range(13, 21):  # from one Monday to the next
        scenario.news(day, f"Paper {day}")
        scenario.brings(f"Paper {day}", f"2026-04-{day}T09:00")
    assert scenario.told(daily) == [[f"Paper {day}"] for day in range(13, 20)]
    assert scenario.told(weekly) == [["Paper 13"]]
    assert scenario.told(late) == [[f"Paper {day}"] for day in range(16, 20)]
    assert scenario.is_clean()


def test_of_many_the_newest_ten_are_told_and_what_is_a_month_old_never(scenario: Versions) -> None:
    ada = scenario.reader(ADA, "quantum", joined="2026-01-01T12:00")
    titles = [f"Paper {number:02}" for number in range(14)]
    scenario.edition("2026-02-02T05:00", {title: ["quantum"] for title in titles})
    scenario.day("2026-02-02T07:00")
    scenario.brings(titles[0], "2026-02-03T09:00")
    for number, title in enumerate(titles[1:]):
        at = utc("2026-04-01T09:00") + timedelta(days=number)
        scenario.brings(title, at.replace(tzinfo=None).isoformat())
    scenario.news(20, "Gates")
    assert scenario.told(ada) == [titles[:3:-1]]
    scenario.news(21, "Walks")
    assert scenario.told(ada) == [titles[:3:-1]]


def test_nothing_is_told_or_read_unless_the_settings_ask(tmp_path: Path) -> None:
    keys: list[list[str]] = []
    for folder, asked, version in (("a", False, True), ("b", False, False), ("c", True, False)):
        (tmp_path / folder).mkdir()
        scenario = Versions(tmp_path / folder)
        scenario.asked = asked
        ada = scenario.reader(ADA, "quantum", joined=JOINED)
        scenario.news(13, "Qubits")
        if version:
            scenario.brings("Qubits", "2026-04-13T09:00")
        scenario.news(14, "Gates")
        assert scenario.told(ada) == []
        with reading(scenario.engine) as connection:
            keys.append(list(connection.execute(select(digests.c.key).order_by(digests.c.id)).scalars()))
    assert keys[0] == keys[1] == keys[2]


def test_lines_make_another_digest_and_why_names_them(scenario: Versions) -> None:
    ada = scenario.reader(ADA, "quantum", joined=JOINED)
    scenario.news(13, "Qubits")
    eve = scenario.reader("eve@example.org", "quantum", joined="2026-04-13T08:00")
    bob = scenario.reader("bob@example.org", "quantum", joined="2026-04-13T08:00")
    scenario.brings("Qubits", "2026-04-13T09:00")
    scenario.news(14, "Gates")
    with reading(scenario.engine) as connection:
        sent = select(deliveries.c.subscriber_id, deliveries.c.digest_id).where(
            deliveries.c.key == "2026-04-14"
        )
        by_reader = {row.subscriber_id: row.digest_id for row in connection.execute(sent)}
    assert by_reader[ada] != by_reader[eve] == by_reader[bob]
    answer = why(
        scenario.engine,
        subscriber_id=ada,
        address=ADA,
        on=date(2026, 4, 14),
        now=utc("2026-04-15T12:00"),
    ).as_json()
    assert [paper["title"] for paper in answer["papers"]] == ["Gates"]
    assert [paper["reason"] for paper in answer["left_out"]] == []
    assert answer["new_versions"] == [
        {"id": scenario.paper("Qubits"), "title": "Qubits", "listed_on": "2026-04-13"}
    ]


def test_a_digest_made_anew_for_its_slot_tells_again(scenario: Versions) -> None:
    ada = scenario.reader(ADA, "quantum", joined=JOINED)
    scenario.news(13, "Qubits")
    scenario.brings("Qubits", "2026-04-13T09:00")
    scenario.edition("2026-04-14T05:00", {"Gates": ["quantum"], "Walks": ["quantum"]})
    scenario.compose("2026-04-14T07:00")
    number = scenario.paper("Walks")
    with writing(scenario.engine) as connection:
        editions.drop(connection, [number], now=utc("2026-04-14T07:01"))
    scenario.day("2026-04-14T07:02")
    assert (scenario.mails_to(ada), scenario.told(ada)) == ([["Qubits"], ["Gates"]], [["Qubits"]])


def test_options_without_a_section_in_the_templates(scenario: Versions) -> None:
    scenario.renderer.size_of_versions = lambda lines: None  # type: ignore[method-assign]
    ada = scenario.reader(ADA, "quantum", joined=JOINED)
    scenario.news(13, "Qubits")
    scenario.brings("Qubits", "2026-04-13T09:00")
    scenario.edition("2026-04-14T05:00", {"Gates": ["quantum"]})
    compose(scenario.engine, scenario.options(), now=utc("2026-04-14T07:00"))
    assert scenario.told(ada) == []


def test_the_statements_read_neither_all_mail_nor_all_papers(scenario: Versions) -> None:
    scenario.reader(ADA, "quantum", joined=JOINED)
    scenario.news(13, "Qubits")
    scenario.brings("Qubits", "2026-04-13T09:00")
    scenario.edition("2026-04-14T05:00", {"Gates": ["quantum"]})
    statements: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if "INTO recent_versions" in statement or "INTO version_lines" in statement:
            statements.append((statement, parameters))

    event.listen(scenario.engine, "before_cursor_execute", note)
    with writing(scenario.engine) as connection:
        compose_in(connection, scenario.options(), now=utc("2026-04-14T07:00"))
        assert len(statements) == 2
        plans = [
            str(row[-1])
            for statement, parameters in list(statements)
            for row in connection.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, parameters)
        ]
    history = ("deliveries", "digest_papers", "digests", "papers", "member", "dumps", "edition_papers")
    assert [plan for plan in plans if plan.startswith(tuple(f"SCAN {table}" for table in history))] == []
    assert [plan for plan in plans if "AUTOMATIC" in plan] == []
    assert any("ix_dumps_ingested (status=? AND ingested_at>?" in plan for plan in plans)
