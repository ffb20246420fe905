"""No field of an entry holds a character that a database, a page or a feed cannot hold."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest

from newsletter.sources.registry import read_listing

PAPER = {
    "title": "A Paper About Models of Language",
    "abstract": "We present a model, and measure how well it does what it should do.",
    "authors": ["Ada Lovelace"],
    "arxiv_id": "2604.10001",
    "doi": "10.1000/xyz123",
    "organization": "Analytical Engines",
    "url": "https://example.org/paper",
    "code_url": "https://github.com/ada/engine",
    "categories": ["cs.LG"],
}


def texts_of(value: Any) -> list[str]:
    if isinstance(value, dict):
        return texts_of(list(value.values()))
    if isinstance(value, list | tuple):
        return [text for each in value for text in texts_of(each)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("character", ["\ud800", "\0", "\ufffe", "\u202e"])
@pytest.mark.parametrize("field", PAPER)
def test_no_field_keeps_it(field: str, character: str) -> None:
    value = PAPER[field]
    spoilt = [f"{value[0]}{character}"] if isinstance(value, list) else f"{value}{character}"
    data = json.dumps([{**PAPER, field: spoilt}]).encode()
    (entry,) = read_listing(data, name="papers.json").entries
    assert not any(character in text for text in texts_of(asdict(entry)))
    assert getattr(entry, {"authors": "author_names"}.get(field, field), True)


@pytest.mark.parametrize("name", ["\ud800", " \0 ", "<b></b>"])
def test_an_organization_of_nothing_else_is_none(name: str) -> None:
    data = json.dumps([{**PAPER, "organization": name}]).encode()
    (entry,) = read_listing(data, name="papers.json").entries
    assert entry.organization is None
