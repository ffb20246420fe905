"""Phrases in text: variants, acronyms, clause ends, and time that stays linear."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.topics.phrases import (
    MAX_CHARS,
    FoundPhrase,
    PhraseIndex,
    spellings_of,
    stem_of,
    words_of,
)
from tests.growth import assert_linear


def phrases_in(text: str, *phrases: str) -> list[str]:
    index = PhraseIndex(phrases)
    return [index.phrases[place.phrase] for place in index.find(words_of(text))]


@pytest.mark.parametrize(
    ("phrase", "text", "times"),
    [
        ("spiking neural network", "Spiking Neural Networks and a spiking neural network", 2),
        ("spiking neural network", "neural networks that are spiking", 0),
        ("event camera", "Event-camera data from EVENT CAMERAS", 2),
        ("auto-encoder", "an autoencoder, an auto-encoder and auto encoders", 3),
        ("memory", "memories and a memory", 2),
        ("synapse", "synapses", 1),
        ("switch", "switches", 1),
        ("bus", "the bus", 1),
        ("SNN", "SNNs and an SNN", 2),
        ("SNN", "snn Snn SNNa", 0),
        ("eFPGA", "eFPGAs, not EFPGA", 1),
        ("memrist*", "memristive, memristors", 2),
        ("memrist*", "memris", 0),
        ("in-memory computing", "held in memory. Computing goes on", 0),
        ("in-memory computing", "in memory, computing", 0),
        ("in-memory computing", "<b>in-memory</b> computing", 1),
        ("in-memory computing", "in&#45;memory&nbsp;computing &amp; in&#x2D;memory computing", 2),
        ("autoencoder", "auto&shy;encoder", 1),
        ("spike train", "the spike-\ntrain", 1),
        ("finite", "a ﬁnite set", 1),  # ligature
        ("autoencoder", "auto\u00adencoder", 1),  # soft hyphen
        ("quantum optimization", "quantum optimisation, Quantum Optimizations", 2),
        ("parameterised circuit", "parameterized circuits and a parameterised circuit", 2),
        ("color center", "colour centres of diamond", 1),
        ("behavioural modelling", "behavioral modeling", 1),
        ("analog circuit", "an analogue circuit, analog circuits", 2),
        ("Ising model", "an izing model", 0),
        ("neuron model", "the neuron's model", 1),
        ("neuron model", "the neuron’s model", 1),
    ],
)
def test_phrase_matches_its_variants_only(phrase: str, text: str, times: int) -> None:
    assert phrases_in(text, phrase) == [phrase] * times


def test_find_gives_every_place_the_longest_first() -> None:
    index = PhraseIndex(["quantum", "quantum circuit", "circuit"])
    assert index.find(words_of("a quantum circuit")) == [
        FoundPhrase(1, 1, 3),
        FoundPhrase(0, 1, 2),
        FoundPhrase(2, 2, 3),
    ]


@pytest.mark.parametrize("word", ["class", "analysis", "gas", "us", "bus", ""])
def test_stem_leaves_words_that_only_look_plural(word: str) -> None:
    assert stem_of(word) == word


@pytest.mark.parametrize(
    ("phrase", "words"), [("  ", "empty"), ("--", "neither"), ("ab*", "letters"), ("a " * 9, "longer")]
)
def test_unusable_phrase_is_refused_with_its_fault(phrase: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        spellings_of(phrase)


@given(st.text(max_size=300))
def test_any_text_has_words(text: str) -> None:
    index = PhraseIndex(["quantum circuit", "memrist*", "SNN"])
    words = words_of(text)
    assert all(0 <= place.start < place.end <= len(words) for place in index.find(words))


@given(st.text(alphabet="ab -", min_size=1, max_size=40))
def test_a_phrase_is_found_in_itself(text: str) -> None:
    try:
        spellings_of(text)
    except ValueError:
        return
    assert phrases_in(text, text)


PIECES = ["quantum circuit ", "<a", "</a", "'s ", "a", "a.", "\u00ad", "ﷺ", "&", "&#9", "memrist "]
# Accents, which normalising would sort in quadratic time: two classes of them, Hebrew, on a letter, hidden.
ACCENTS = ["\u0315\u0300", "\u05b0\u0591", "a\u0300\u0315\u0327", "\u200b\u0315\u0300"]


@pytest.mark.parametrize("piece", [*PIECES, *ACCENTS])
def test_a_megabyte_of_anything_costs_no_more_than_its_readable_part(piece: str) -> None:
    index = PhraseIndex(["quantum circuit", "quantum circuit quantum circuit", "memrist*", "a a a a"])

    def find(text: str) -> None:
        words = words_of(text)
        assert sum(map(len, words)) <= MAX_CHARS
        assert len(index.find(words)) <= 4 * len(words)

    # What is read grows eightfold; what follows MAX_CHARS is 50 times that and costs nothing.
    assert_linear(find, piece * (MAX_CHARS // 8 // len(piece)), piece * (1_000_000 // len(piece)))


def test_words_beside_long_runs_of_accents_are_kept() -> None:
    assert words_of("cafe\u0301 spike" + "\u0315\u0300" * 900 + " train") == ["café", "spike", "train"]
