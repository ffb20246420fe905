"""What counts as a word in search: one reading for every way to write it."""

from __future__ import annotations

import pytest

from newsletter.core.papers.search_words import MAX_WORD, compounds_of, words_of


def _words(text: str) -> list[str]:
    return [word for word, _, _ in words_of(text)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Schrödinger", 'Schr\\"odinger'),
        ("Schrödinger", 'Schr{\\"o}dinger'),
        ("Poincaré", "Poincar\\'e"),
        ("Poincaré", "POINCARE"),
        ("Poincare\u0301", "poincare"),
        ("naïve", 'na\\"{\\i}ve'),
        ("Erdős", "Erd\\H{o}s"),
        ("Straße", "strasse"),
        ("ﬁne", "fine"),
        ("ＧＰＴ", "gpt"),
        ("hyper\u00adparameter", "hyperparameter"),
        ("α-synuclein", "$\\alpha$-synuclein"),
        ("α", "alpha"),
        ("ΔG", "delta G"),
        ("\\lambda", "λ"),
        ("µm", "μm"),
        ("GPT-4", "GPT4"),
        ("GPT-4", "gpt 4"),
        ("H₂O", "H2O"),
        ("m²", "m 2"),
        ("networks", "network"),
        ("batteries", "battery"),
        ("analyses", "analysis"),
        ("biases", "bias"),
        ("caches", "cache"),
        ("viruses", "virus"),
        ("GPUs", "GPU"),
        ("\\textbf{Gen}", "gen"),
        ("C\\#", "c#"),
    ],
)
def test_two_ways_to_write_a_word_are_one(one: str, other: str) -> None:
    assert _words(one) == _words(other) != []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("C++11 and C", ["c++", "11", "and", "c"]),
        ("F# or g++", ["f#", "or", "g++"]),
        ("深度学习", ["深", "度", "学", "习"]),
        ("ラーメン!", ["ラ", "ー", "メ", "ン"]),
        ("한국어 ไทย", ["한국어", "ไทย"]),
        ("$\\mathcal{O}(n^2)$", ["o", "n", "2"]),
        ("x\0y \ud800 z", ["x", "y", "z"]),
        ("a" * 100, ["a" * MAX_WORD]),
        ("(*) — “!”", []),
        ("", []),
    ],
)
def test_words_of_a_text(text: str, words: list[str]) -> None:
    assert _words(text) == words


def test_words_say_where_they_stand() -> None:
    text = "Two α-models, GPT4"
    assert [(found.word, text[found.start : found.end]) for found in words_of(text)] == [
        ("two", "Two"),
        ("alpha", "α"),
        ("model", "models"),
        ("gpt", "GPT4"),
        ("4", "GPT4"),
    ]


def test_compounds_are_one_word_too() -> None:
    assert compounds_of("Pre-training of k-means, GPT-4 and non‑i‑i‑d") == ["pretraining", "kmean", "noniid"]


def test_accents_that_are_words_of_their_own_in_other_scripts_stay() -> None:
    assert _words("й") != _words("и")
