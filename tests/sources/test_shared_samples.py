"""Real files of every kind read as they did when the facts were taken down; texts are hashed.

The facts were printed by the readers; the first three papers of each file were compared with it by eye.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from newsletter.core.errors import DumpRefusedError
from newsletter.core.papers.listing import Entry, Listing, PartialDate
from newsletter.sources.registry import read_listing
from tests.shared_data import SHARED, needs_shared

pytestmark = needs_shared
FACTS: dict[str, Any] = json.loads((Path(__file__).parent / "shared_samples.json").read_text("utf-8"))
REFUSED = {  # what the message says
    "ORIGINS.md": "no listing of a known format",
    "arxiv_api_error_2026-04.xml": "arXiv's API answered with an error",
    "arxiv_email_subscribe_official.md": "no listing of a known format",
    "arxiv_rss_atom_spec_official.md": "no listing of a known format",
    "arxiv_rss_spec_official.md": "no listing of a known format",
    "hf_daily_newsletter_zh.md": "no listing of a known format",
    "hf_scraped_archive_latest.json": "cut",
    "quantph_feed_weekly.md": "no listing of a known format",
}


def read(name: str) -> Listing:
    return read_listing((SHARED / "samples" / name).read_bytes(), name=name)


def facts_of(listing: Listing) -> dict[str, Any]:
    return {
        "format": listing.format,
        "listed": _date(listing.printed),
        "papers": [
            [
                dict(entry.identifiers).get("arxiv") or dict(entry.identifiers).get("doi"),
                entry.title,
                _date(entry.printed),
                entry.author_count,
                _hashed(entry.abstract),
                _hashed("; ".join(entry.author_names)),
                entry.announcement,
            ]
            for entry in listing.entries
        ],
    }


def _date(printed: PartialDate | None) -> str | None:
    return printed and f"{printed.year or ''}-{printed.month:02}-{printed.day:02}"


def _hashed(text: str) -> str | None:
    return hashlib.sha256(text.encode()).hexdigest()[:12] if text else None


@pytest.mark.parametrize("name", FACTS)
def test_real_file_yields_exactly_its_papers(name: str) -> None:
    listing = read(name)
    assert facts_of(listing) == FACTS[name]
    assert (listing.unread, listing.doubt) == ((), None)


@pytest.mark.parametrize(("name", "message"), REFUSED.items(), ids=REFUSED)
def test_real_file_that_is_no_listing_is_refused(name: str, message: str) -> None:
    with pytest.raises(DumpRefusedError, match=message):
        read(name)


def test_every_real_file_is_in_one_of_the_tables() -> None:
    assert sorted(path.name for path in (SHARED / "samples").iterdir()) == sorted([*FACTS, *REFUSED])


def test_an_entry_has_what_the_table_compares() -> None:
    entry = Entry(position=1, line=1, title="T", abstract="A", author_names=("B", "C"))
    assert facts_of(Listing(format="f", printed=None, entries=(entry,)))["papers"] == [
        [None, "T", None, None, _hashed("A"), _hashed("B; C"), None]
    ]
