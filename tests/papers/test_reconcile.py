"""Listings taken in again: what was listed stays itself, what was overlooked before is news."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from newsletter.core.papers.listing import Entry, ListedOn, Listing
from newsletter.db.engine import writing
from newsletter.papers import dumps
from newsletter.papers.reconcile import ReconcileReport, reconcile
from tests.pipeline.intake.scenario import DumpScenario, abstract_of

DAY = date(2026, 3, 3)


@pytest.fixture
def stand(tmp_path: Path) -> DumpScenario:
    return DumpScenario(tmp_path)


def entry(line: int, title: str, abstract: str = "") -> Entry:
    return Entry(position=0, line=line, title=title, abstract=abstract or abstract_of(line))


def reread(stand: DumpScenario, *entries: Entry) -> ReconcileReport:
    with writing(stand.engine) as connection:
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
            matcher=stand.matcher,
            now=stand.now,
            decided=ListedOn(date=DAY, source="option"),
            again=True,
        )


def test_take_in_again_mends_a_title_in_place(stand: DumpScenario) -> None:
    stand.list_entries(entry(1, "QQuantum Lattices"), entry(2, "Circuits"), on=DAY)
    stand.publish()
    taken = reread(stand, entry(1, "Quantum Lattices, Mended"), entry(2, "Circuits"))
    assert (taken.new, taken.known, taken.revised) == (2, 0, 0)
    assert [(row["title"], row["revision"]) for row in stand.papers()] == [
        ("Quantum Lattices, Mended", 1),
        ("Circuits", 1),
    ]
    assert stand.news() == set()


def test_take_in_again_makes_only_overlooked_papers_news(stand: DumpScenario) -> None:
    stand.list_entries(entry(1, "Lattices"), on=DAY)
    stand.publish()
    taken = reread(stand, entry(1, "Lattices"), entry(9, "Spikes"))
    assert (taken.new, taken.known, taken.revised) == (2, 0, 0)
    assert stand.news() == {("Spikes", "everything")}


def test_take_in_again_does_not_give_a_line_two_papers(stand: DumpScenario) -> None:
    stand.list_entries(entry(1, "Lattices"), on=DAY)
    taken = reread(stand, entry(1, "Spikes"), entry(2, "Lattices", abstract_of(1)))
    assert (taken.new, taken.known) == (2, 0)
    assert stand.titles() == ["Spikes", "Lattices"]
    assert stand.papers()[1]["id"] == 1


def test_take_in_reports_papers_that_one_entry_names_both(stand: DumpScenario) -> None:
    one = replace(entry(1, "Lattices"), identifiers=(("arxiv", "2401.00001"),))
    two = entry(2, "Spikes")
    stand.list_entries(one, two, on=DAY)
    both = replace(one, title="Spikes")
    taken = stand.list_entries(both, on=date(2026, 3, 4))
    assert (taken.new, taken.known, taken.revised) == (0, 1, 1)
    assert [(pair.paper_id, pair.other_id) for pair in taken.overlaps] == [(2, 1)]
