"""Papers written in each shape of a listing read back exactly: title, identifier, abstract, authors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

import pytest

from newsletter.core.errors import DumpRefusedError
from newsletter.core.papers.listing import Entry
from newsletter.sources.entries import clean_text
from newsletter.sources.registry import read_listing
from tests.shared_data import needs_shared
from tests.sources.shapes import SHAPES, Shape
from tests.sources.shapes.records import Record, real_records, shipped_records

DAY = date(2026, 2, 2)
PER_FILE = 40
MOST_INEXACT = 0.001  # of the records


def inexact(records: Sequence[Record], shape: Shape) -> Iterator[str]:
    """What of each record is not as it was written, and entries that are of no record."""
    for start in range(0, len(records), PER_FILE):
        part = records[start : start + PER_FILE]
        try:
            listing = read_listing(shape.write(part, DAY), name=f"x{shape.suffix}")
        except DumpRefusedError as error:
            yield from [str(error)] * len(part)
            continue
        if listing.format != shape.format:
            yield from [f"read as {listing.format}"] * len(part)
        entries = {_key(entry, shape): entry for entry in listing.entries}
        if len(listing.entries) > len(part):
            yield f"{len(listing.entries)} entries of {len(part)} papers"
        for record in part:
            entry = entries.get(record.id if shape.id else clean_text(record.title))
            yield from [f"lost: {record.title}"] if entry is None else _differences(record, entry, shape)


def _key(entry: Entry, shape: Shape) -> str:
    return dict(entry.identifiers).get("arxiv", "").partition("v")[0] if shape.id else entry.title


def _differences(record: Record, entry: Entry, shape: Shape) -> Iterator[str]:
    names = tuple(clean_text(name) for name in record.authors)
    if entry.title != clean_text(record.title):
        yield f"title: {entry.title}"
    elif shape.abstract and entry.abstract != clean_text(record.abstract):
        yield f"abstract of {record.title}"
    elif shape.authors and entry.author_names != names:
        yield f"authors of {record.title}"
    elif entry.author_count not in (None, len(names)):
        yield f"number of authors of {record.title}"


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_shipped_papers_read_exactly_in_each_shape(shape: Shape) -> None:
    assert list(inexact(shipped_records(), shape)) == []


@needs_shared
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_some_real_papers_read_exactly_in_each_shape(shape: Shape) -> None:
    assert list(inexact(real_records()[::101], shape)) == []


@needs_shared
@pytest.mark.prove
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_real_papers_read_exactly_in_each_shape(shape: Shape) -> None:
    """The bar: of 14,919 papers at most one in a thousand differs in anything."""
    found = list(inexact(real_records(), shape))
    assert len(found) <= MOST_INEXACT * len(real_records()), found[:20]
