"""Terms: content words and pairs of neighbours."""

from __future__ import annotations

from newsletter.core.topics.phrases import words_of
from newsletter.topics.features import readable, terms_of


def test_terms_are_content_words_and_pairs_of_neighbours_in_the_singular() -> None:
    assert terms_of(words_of("Spiking Networks, with 3 event-based cameras")) == {
        "spiking",
        "network",
        "spiking network",
        "event",
        "based camera",
        "based",
        "camera",
        "event based",
    } - {"based", "based camera", "event based"}


def test_readable_leaves_out_terms_that_a_longer_one_holds() -> None:
    terms = ["spiking", "spiking network", "network", "camera", "event camera", "lens"]
    assert readable(terms, 3) == ("spiking network", "event camera", "lens")
    assert readable([], 3) == ()
