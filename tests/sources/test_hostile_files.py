"""A file made to cost much costs time and memory in proportion to its size, and is refused in words."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from newsletter.core.errors import DumpRefusedError
from newsletter.sources.limits import MOST_PAPERS
from newsletter.sources.registry import read_listing
from tests.growth import FACTOR, assert_linear
from tests.sources.hostile_files import CSV, HOSTILE, RECORD, RIS, ROW, outcome, warm_up

SMALL = 12_000  # bytes
LARGE = 4_000_000  # bytes; more than a listing's papers, rows and values, whatever the format
MOST_MEMORY = 25  # times the size of the file
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module", autouse=True)
def _loaded() -> None:
    warm_up()


@pytest.mark.parametrize("name", HOSTILE)
def test_time_grows_as_the_file(name: str) -> None:
    assert_linear(outcome, HOSTILE[name](SMALL), HOSTILE[name](FACTOR * SMALL))


@pytest.mark.full
def test_memory_is_a_small_multiple_of_the_file() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.sources.hostile_files", str(LARGE)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [item["name"] for item in found] == list(HOSTILE)
    assert {item["name"]: item["outcome"] for item in found if item["outcome"].startswith("no end")} == {}
    assert {item["name"]: item["peak"] / LARGE for item in found if item["peak"] > MOST_MEMORY * LARGE} == {}


TOO_MANY = {
    "JSON of the API": "[" + ",".join(RECORD % (n % 100_000, n) for n in range(MOST_PAPERS + 1)) + "]",
    "rows of JSON": "[" + ",".join(ROW % (n, n % 100_000) for n in range(MOST_PAPERS + 1)) + "]",
    "lines of JSON": "\n".join(ROW % (n, n % 100_000) for n in range(MOST_PAPERS + 1)),
    "CSV": CSV + "".join(f"T {n},2401.{n % 100_000:05}\n" for n in range(MOST_PAPERS + 1)),
    "RIS": (RIS + "ER  - \n") * (MOST_PAPERS + 1),
    "HTML": HOSTILE["html: entries"](1_700_000).decode(),
    "Atom": HOSTILE["xml: entries"](1_700_000).decode(),
    "OAI": HOSTILE["xml: OAI records"](1_200_000).decode(),
    "mail": HOSTILE["mail: papers"](4_000_000).decode(),
    "BibTeX": HOSTILE["bibtex: entries"](1_200_000).decode(),
    "Markdown": HOSTILE["markdown: headings"](1_200_000).decode(),
    "cards": HOSTILE["cards: submitted"](1_200_000).decode(),
}


@pytest.mark.parametrize("text", TOO_MANY.values(), ids=TOO_MANY)
def test_more_papers_than_a_listing_has_are_refused_with_the_number(text: str) -> None:
    with pytest.raises(
        DumpRefusedError, match=r"the file has \d\d,\d{3} .*a listing has at most 20,000"
    ) as caught:
        read_listing(text.encode(), name="x")
    assert "Split the file" in caught.value.hint


REFUSED = {  # of each kind, words of the message
    "json: nested arrays": "cut, or damaged",
    "json: empty objects": "objects of JSON",
    "json: tiny values": "values of JSON",
    "json: a long abstract": "too long for an abstract",
    "xml: empty elements": "tags",
    "html: unclosed tags": "tags",
    "mail: nested parts": "lists of parts in a mail",
    "mail: messages in messages": "lists of parts in a mail",
    "mail: parts": "too many lines",
    "mail: headers": "bytes in the header",
    "mail: an mbox": "mails",
    "bibtex: spaced braces": "braces",
    "csv: columns": "columns",
    "csv: cells": "cells",
    "text: digits": "lines with text",
    "bibtex: fields": "fields",
    "text: a long line of words": "too long for an abstract",
}


@pytest.mark.parametrize(("name", "words"), REFUSED.items(), ids=REFUSED)
def test_refusal_says_what_is_too_much(name: str, words: str) -> None:
    assert words in outcome(HOSTILE[name](LARGE if name != "text: digits" else 400_000))


@pytest.mark.parametrize("name", [name for name in HOSTILE if "document type" in name or "entit" in name])
def test_document_type_is_never_expanded(name: str) -> None:
    with pytest.raises(DumpRefusedError):
        read_listing(HOSTILE[name](50_000), name="x")
