"""A store with a few papers that the tests of search know by their titles."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from newsletter.core.papers.listing import Entry
from tests.papers.search.scenario import SearchScenario

ENTRIES = (
    Entry(
        position=1,
        line=1,
        title="Quantum Error Correction with GPT-4",
        abstract="We decode surface codes. The pre-training of the decoder uses C++ and α-synuclein data.",
        author_names=("Geoffrey Hinton", "Marie Curie"),
        organization="Google DeepMind",
        identifiers=(("arxiv", "2401.12345"),),
    ),
    Entry(
        position=2,
        line=2,
        title="Spiking Neural Networks on Circuits",
        abstract="Neural spiking is cheap. Schrödinger would like networks of spikes.",
        author_names=("Ana Geoffrey", "Bo Hinton"),
        organization="Mila",
        identifiers=(("doi", "10.1000/ABC.5"),),
    ),
    Entry(
        position=3,
        line=3,
        title="深度学习 for Memristors",
        abstract="Memristors learn. A survey of quantization and batteries.",
        author_names=("李 明",),
        identifiers=(("arxiv", "math/0309136"),),
    ),
    Entry(position=4, line=4, title="Secret Zebras", abstract="Zebras of a private topic, with quagga."),
    Entry(position=5, line=5, title="Secret Quantum Okapi", abstract="An okapi in both kinds of topic."),
)
DAY = date(2026, 3, 5)


@pytest.fixture
def store(database_url: str, tmp_path: Path) -> Iterator[SearchScenario]:
    """Edition 1 with all of ENTRIES; the topic “secret” is private."""
    store = SearchScenario(tmp_path, url=database_url, topics=("quantum", "circuits", "secret"))
    store.list_entries(*ENTRIES, on=DAY)
    store.publish()
    store.now += timedelta(days=1)
    yield store
    store.engine.dispose()
