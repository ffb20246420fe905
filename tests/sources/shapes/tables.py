"""Writes papers as reference managers and scripts do: BibTeX, RIS, JSON, CSV."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from datetime import date
from typing import Any

from tests.sources.shapes.records import MONTHS, Record, one_line


def _bib(text: str) -> str:
    return re.sub(r"(?<!\\)([%&#])", r"\\\1", one_line(text))


def bibtex(records: Sequence[Record], day: date) -> bytes:
    """BibTeX as reference managers write it."""
    return "".join(
        f"@misc{{key{number},\n\ttitle = {{{_bib(record.title)}}},\n"
        f"\tauthor = {{{' and '.join(map(_bib_name, record.authors))}}},\n"
        f"\tyear = {{{record.published.year}}},\n\tmonth = {MONTHS[record.published.month - 1].lower()},\n"
        f"\teprint = {{{record.id}}},\n\tarchiveprefix = {{arXiv}},\n"
        f"\tprimaryclass = {{{record.categories[0]}}},\n\tabstract = {{{_bib(record.abstract)}}},\n}}\n\n"
        for number, record in enumerate(records)
    ).encode()


def _bib_name(name: str) -> str:
    """ "Family, Given" as managers write it; a single word stays."""
    given, _, family = _bib(name).rpartition(" ")
    return f"{family}, {given}" if given else family


def ris(records: Sequence[Record], day: date) -> bytes:
    """RIS as reference managers write it."""
    return "".join(
        f"TY  - JOUR\r\nTI  - {one_line(record.title)}\r\n"
        + "".join(f"AU  - {_bib_plain(name)}\r\n" for name in record.authors)
        + f"AB  - {one_line(record.abstract)}\r\nDA  - {record.published:%Y/%m/%d}\r\n"
        f"PY  - {record.published.year}\r\nUR  - http://arxiv.org/abs/{record.id}\r\nER  - \r\n\r\n"
        for record in records
    ).encode()


def _bib_plain(name: str) -> str:
    given, _, family = name.rpartition(" ")
    return f"{family}, {given}" if given else family


def _row(record: Record, day: date) -> dict[str, Any]:
    return {
        "title": record.title,
        "abstract": record.abstract,
        "authors": list(record.authors),
        "arxiv_id": record.id,
        "published_on": record.published.isoformat(),
        "listed_on": day.isoformat(),
        "categories": list(record.categories),
        "upvotes": record.upvotes,
    }


def json_lines(records: Sequence[Record], day: date) -> bytes:
    """One JSON object for each paper and line."""
    return "".join(json.dumps(_row(record, day)) + "\n" for record in records).encode()


def json_array(records: Sequence[Record], day: date) -> bytes:
    """The same objects in one array."""
    return json.dumps([_row(record, day) for record in records], indent=1).encode()


def csv_rows(records: Sequence[Record], day: date) -> bytes:
    """A table with named columns; several values are joined with "; "."""
    held = io.StringIO(newline="")
    rows = [_row(record, day) for record in records]
    writer = csv.DictWriter(held, list(rows[0]))
    writer.writeheader()
    for row in rows:
        writer.writerow({key: "; ".join(v) if isinstance(v, list) else v for key, v in row.items()})
    return held.getvalue().encode()
