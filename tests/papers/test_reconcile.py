"""A dump read again: listed papers stay, and papers that were overlooked are news."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from newsletter.core.papers.listing import Entry, ListedOn, Listing, PartialDate
from newsletter.db.engine import writing
from newsletter.papers import dumps
from newsletter.papers.reconcile import ReconcileReport, reconcile
from tests.pipeline.intake.scenario import DumpScenario, abstract_of

DAY = date(2026, 3, 3)


@pytest.fixture
def scenario(tmp_path: Path) -> DumpScenario:
    return DumpScenario(tmp_path)


def entry(line: int, title: str, abstract: str = "") -> Entry:
    return Entry(position=0, line=line, title=title, abstract=abstract or abstract_of(line))


def reread(scenario: DumpScenario, *entries: Entry) -> ReconcileReport:
    with writing(scenario.engine) as connection:
        [dump] = dumps.all_dumps(connection)
        listing = Listing(
            format="test",
            printed=None,
            entries=tuple(replace(item, position=n) for n, item in enumerate(entries, 1)),
        )
        return reconcile(
            connection,
            listing,
            dump_id=dump.id,
            matcher=scenario.matcher,
            now=scenario.now,
            decided=ListedOn(date=DAY, source="option"),
            again=True,
        )


def test_reconcile_again_corrects_a_title_in_place(scenario: DumpScenario) -> None:
    scenario.list_entries(entry(1, "QQuantum Lattices"), entry(2, "Circuits"), on=DAY)
    scenario.publish()
    report = reread(scenario, entry(1, "Quantum Lattices, Mended"), entry(2, "Circuits"))
    assert (report.new, report.known, report.revised) == (2, 0, 0)
    assert [(row["title"], row["revision"]) for row in scenario.papers()] == [
        ("Quantum Lattices, Mended", 1),
        ("Circuits", 1),
    ]
    assert scenario.news() == set()


def test_reconcile_again_makes_only_overlooked_papers_news(scenario: DumpScenario) -> None:
    scenario.list_entries(entry(1, "Lattices"), on=DAY)
    scenario.publish()
    report = reread(scenario, entry(1, "Lattices"), entry(9, "Spikes"))
    assert (report.new, report.known, report.revised) == (2, 0, 0)
    assert scenario.news() == {("Spikes", "everything")}


def test_reconcile_again_does_not_give_a_line_two_papers(scenario: DumpScenario) -> None:
    scenario.list_entries(entry(1, "Lattices"), on=DAY)
    report = reread(scenario, entry(1, "Spikes"), entry(2, "Lattices", abstract_of(1)))
    assert (report.new, report.known) == (2, 0)
    assert scenario.titles() == ["Spikes", "Lattices"]
    assert scenario.papers()[1]["id"] == 1


def test_reconcile_reports_two_papers_that_one_entry_names(scenario: DumpScenario) -> None:
    one = replace(entry(1, "Lattices"), identifiers=(("arxiv", "2401.00001"),))
    two = entry(2, "Spikes")
    scenario.list_entries(one, two, on=DAY)
    both = replace(one, title="Spikes")
    report = scenario.list_entries(both, on=date(2026, 3, 4))
    assert (report.new, report.known, report.revised) == (0, 1, 1)
    assert [(pair.paper_id, pair.other_id) for pair in report.overlaps] == [(2, 1)]


@pytest.mark.parametrize(
    ("changes", "new"),
    [
        ({}, 0),
        ({"author_count": 3}, 0),
        ({"author_count": 4}, 1),
        ({"printed": PartialDate(month=2, day=3, year=2026)}, 0),
        ({"printed": PartialDate(month=2, day=4, year=2026)}, 1),
        ({"identifiers": (("arxiv", "2602.00001"),)}, 0),
        ({"abstract": abstract_of(2)}, 1),
        ({"abstract": ""}, 1),
    ],
    ids=[
        "same",
        "authors agree",
        "more authors",
        "date agrees",
        "other date",
        "one has an id",
        "text",
        "none",
    ],
)
def test_reconcile_joins_nearly_equal_abstracts_unless_something_speaks_against_it(
    scenario: DumpScenario, changes: dict[str, Any], new: int
) -> None:
    known = replace(entry(1, "Lattices"), author_count=3, printed=PartialDate(month=2, day=3, year=2026))
    scenario.list_entries(known, on=DAY)
    renamed = replace(entry(1, "Lattices Revisited"), author_count=None, printed=None)
    report = scenario.list_entries(replace(renamed, **changes), on=date(2026, 3, 4))
    assert (report.new, report.revised) == (new, 1 - new)


def test_reconcile_joins_no_two_papers_that_both_have_identifiers(scenario: DumpScenario) -> None:
    scenario.list_entries(replace(entry(1, "Lattices"), identifiers=(("arxiv", "2602.00001"),)), on=DAY)
    other = replace(entry(1, "Lattices, Part II"), identifiers=(("arxiv", "2602.00002"),))
    report = scenario.list_entries(other, on=date(2026, 3, 4))
    assert (report.new, len(report.overlaps)) == (1, 1)
