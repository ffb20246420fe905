"""Makes words, sentences and headings that are of no paper. Seeded."""

from __future__ import annotations

import random

WORDS = [
    "the",
    "harbour",
    "ferry",
    "carries",
    "flour",
    "paper",
    "lamps",
    "and",
    "letters",
    "to",
    "islands",
    "where",
    "people",
    "repair",
    "roofs",
    "bake",
    "bread",
    "sell",
    "kettles",
    "plant",
    "beans",
    "argue",
    "about",
    "trains",
    "measure",
    "rain",
    "and",
    "wait",
    "for",
    "spring",
    "while",
    "storks",
    "nest",
    "on",
    "towers",
]
NAMES = ("Ada Reader", "Bo Writer", "Cy Maker", "Dee Gardener", "Ed Baker")
HOSTS = ("news.example", "blog.example", "shop.example", "github.com/x/y", "video.example")


def sentence(rng: random.Random, words: int = 12) -> str:
    return " ".join(rng.choices(WORDS, k=words)).capitalize() + "."


def words_of_text(rng: random.Random) -> str:
    return " ".join(sentence(rng, rng.randint(6, 18)) for _ in range(rng.randint(1, 9)))


def a_heading(rng: random.Random) -> str:
    return " ".join(rng.choices(WORDS, k=rng.randint(3, 9))).title()


def headings(rng: random.Random) -> list[str]:
    return [a_heading(rng) for _ in range(rng.randint(3, 14))]
