"""Reads RIS, as reference managers export it."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from newsletter.core.errors import DumpRefusedError
from newsletter.core.papers.listing import Listing
from newsletter.sources.dump_file import DumpFile
from newsletter.sources.formats.paper_rows import given_first, read_rows
from newsletter.sources.limits import MOST_LINES
from newsletter.sources.text.cleaning import CLIPPED, is_clipped

NAME = "ris"
ABOUT = "RIS, as reference managers export it"

_START = re.compile(r"^TY {1,2}- ?\w+", re.MULTILINE)
_TAG = re.compile(r"(?P<tag>[A-Z][A-Z0-9]) {1,2}-(?: |\r?$)")
_SHORT = ("TI", "T1", "AU", "A1", "TY", "DA", "PY", "Y1", "DO", "UR", "ER")  # tags whose text is one line
MANY = 3  # times as often the other way round
_ONCE = ("TI", "T1", "AB", "N2")
_OF_ONE_VALUE = ("PY", "Y1", "DO")  # tags; a second value is of another record
_TITLE = re.compile(r"^(?:TI|T1) {1,2}- ", re.MULTILINE)


def recognise(dump: DumpFile) -> float:
    """Return how surely the dump is RIS, from 0 (not at all) to 1 (surely)."""
    return 0.95 if _START.search(dump.head) and _TITLE.search(dump.head) else 0


def parse(dump: DumpFile) -> Listing:
    """Read the file. Raises DumpRefusedError when it is no RIS from its beginning to its end."""
    import rispy

    text = dump.text.lstrip("\ufeff")
    start = _START.search(text)
    dump.check_papers(sum(1 for _ in _START.finditer(text)), "records")
    text, damaged = _sound(text[start.start() :] if start else "")
    try:
        records: list[dict[str, Any]] = rispy.loads(text, skip_unknown_tags=True)
    except Exception as error:  # rispy raises OSError, ValueError, KeyError and others for odd lines
        raise DumpRefusedError(
            "this RIS file is damaged", hint="Export it again, whole.", file=dump.name
        ) from error
    for number, record in enumerate(records):
        if number in damaged:
            record["title"] = record["primary_title"] = ""
        record["authors"] = [
            given_first(name) for name in record.get("authors") or record.get("first_authors") or []
        ]
        day = record.get("date") or record.get("year") or record.get("publication_year") or ""
        record["date"] = re.sub(r"/+$", "", re.sub(r"/[^/\d]+$", "", str(day)))  # “2026/01/02/online”
    listing = read_rows(records, format=NAME)
    return dataclasses.replace(listing, doubt=CLIPPED) if is_clipped(_texts(text)) else listing


def _texts(text: str) -> list[str]:
    """The lines of titles and abstracts that are one line each: the long ones."""
    tags = [(line, found["tag"] if (found := _TAG.match(line)) else "") for line in text.split("\n")]
    return [a for (a, tag), (b, after) in pairwise(tags) if tag in _ONCE and (after or not b.strip())]


def _sound(text: str) -> tuple[str, set[int]]:
    """The text that rispy can read, and the numbers of its records, from 0, that have lines astray.

    Of such a record only its beginning and its end are left.
    """
    chunks: list[list[str]] = []
    for line in text.split("\n"):
        if not chunks or line.startswith("TY "):
            chunks.append([])
        chunks[-1].append(line)
    orders = [[found["tag"] for line in chunk if (found := _TAG.match(line))] for chunk in chunks]
    pairs = Counter(pair for order in orders for pair in set(pairwise(order)))
    kept: list[str] = []
    damaged: set[int] = set()
    for number, (chunk, order) in enumerate(zip(chunks, orders, strict=True)):
        closed = order[-1:] == ["ER"] or number + 1 == len(chunks)
        moved = any(pairs[b, a] > MANY * pairs[a, b] for a, b in pairwise(order) if a != b)
        runs = [tag for n, tag in enumerate(order) if order[n - 1 : n] != [tag]]
        doubled = order.count("ER") > 1 or runs.count("AU") > 1 or any(order.count(tag) > 1 for tag in _ONCE)
        values = {line.strip() for line in chunk if line.startswith(_OF_ONE_VALUE) and _TAG.match(line)}
        doubled = doubled or any(n > 1 for n in Counter(line[:2] for line in values).values())
        long = len(chunk) > MOST_LINES
        if long or moved or doubled or not closed or _has_stray_line(chunk):
            damaged.add(number)
            chunk = ["TY  - GEN", "ER  - "]
        kept += [_spaced(line) for line in chunk]
    return "\n".join(kept), damaged


def _has_stray_line(chunk: Sequence[str]) -> bool:
    """Whether a line without a tag follows one whose text has one line."""
    tag = ""
    for line in chunk:
        found = _TAG.match(line)
        tag = found["tag"] if found else tag
        if found is None and line.strip() and tag in ("", *_SHORT):
            return True
    return False


def _spaced(line: str) -> str:
    """The line with two blanks behind its tag, as rispy wants it."""
    found = _TAG.match(line)
    return f"{found['tag']}  - {line[found.end() :]}" if found else line
