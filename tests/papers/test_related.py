"""Related papers: the nearest first, each with the words that it shares, and nothing that the view hides."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from newsletter.core.papers.listing import Entry
from newsletter.db.engine import reading
from newsletter.papers.related import RelatedPaper, related_papers
from newsletter.papers.visibility import Visibility
from tests.papers.search.conftest import DAY
from tests.papers.search.scenario import SearchScenario

pytestmark = pytest.mark.dialects

PAPERS = {
    "Memristor Crossbars for Spiking Networks": "Memristor crossbars. Memristors for spiking networks.",
    "Training Spiking Networks": "Spiking networks learn slowly. We train spiking networks with surrogates.",
    "Memristor Crossbars that Drift": "A memristor crossbar drifts. We measure the drift of memristors.",
    "Secret Memristor Crossbars": "A memristor crossbar for spiking networks, spiking networks, memristors.",
    "Cooking Rice": "Rice is cooked in water. We cook rice.",
    "Boiling Water": "Water boils in a pot. We boil water.",
}
FIRST = next(iter(PAPERS))


@pytest.fixture
def store(database_url: str, tmp_path: Path) -> Iterator[SearchScenario]:
    store = SearchScenario(tmp_path, url=database_url, topics=("quantum", "secret"))
    entries = [
        Entry(position=number, line=number, title=title, abstract=abstract)
        for number, (title, abstract) in enumerate(PAPERS.items(), 1)
    ]
    store.list_entries(*entries, on=DAY)
    store.publish()
    yield store
    store.engine.dispose()


def _related(store: SearchScenario, title: str, view: Visibility | None = None) -> list[RelatedPaper]:
    with reading(store.engine) as connection:
        return list(related_papers(connection, store.id_of(title), view=view or store.view()))


def test_related_papers_say_what_they_share(store: SearchScenario) -> None:
    assert [(near.title, near.shared) for near in _related(store, FIRST)] == [
        ("Memristor Crossbars that Drift", ("Memristor Crossbars",)),
        ("Training Spiking Networks", ("Spiking Networks",)),
    ]


def test_nothing_is_related_by_a_single_word(store: SearchScenario) -> None:
    assert _related(store, "Cooking Rice") == []


@pytest.mark.parametrize("reader", [("secret",), ("everything",)])
def test_private_papers_are_related_for_their_readers_alone(
    store: SearchScenario, reader: tuple[str, ...]
) -> None:
    private = "Secret Memristor Crossbars"
    assert private not in {near.title for near in _related(store, FIRST)}
    assert private in {near.title for near in _related(store, FIRST, store.view(reader=reader))}


def test_merged_and_dropped_papers_are_related_to_none(store: SearchScenario) -> None:
    store.merge(FIRST, "Memristor Crossbars that Drift")
    store.drop_paper("Training Spiking Networks")
    assert _related(store, FIRST) == []


def test_unknown_paper_has_no_relatives(store: SearchScenario) -> None:
    with reading(store.engine) as connection:
        assert related_papers(connection, 999_999, view=store.view()) == ()
