"""Reads RIS, as reference managers export it."""

from __future__ import annotations

import re
from typing import Any

from newsletter.core.errors import DumpRefusedError
from newsletter.core.papers.listing import Listing
from newsletter.sources.dump_file import DumpFile
from newsletter.sources.formats.paper_rows import given_first, read_rows
from newsletter.sources.limits import MOST_LINES

NAME = "ris"
ABOUT = "RIS, as reference managers export it"

_START = re.compile(r"^TY {1,2}- ?\w+", re.MULTILINE)
_TAG = re.compile(r"(?P<tag>[A-Z][A-Z0-9]) {1,2}-(?: |\r?$)")
_SHORT = ("TI", "T1", "AU", "A1", "TY", "DA", "PY", "Y1", "DO", "UR", "ER")  # tags whose text is one line
_ONCE = ("TI", "T1", "AB", "N2")
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
    text, damaged = _tagged(text[start.start() :] if start else "")
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
    return read_rows(records, format=NAME)


def _tagged(text: str) -> tuple[str, set[int]]:
    """The lines that rispy can read, and the numbers of records, from 0, with lines astray."""
    kept: list[str] = []
    damaged: set[int] = set()
    number, tag, held = -1, "", 0
    seen: set[str] = set()
    for line in text.split("\n"):
        found = _TAG.match(line)
        if found is not None:
            tag = found["tag"]
            number, seen = (number + 1, set()) if tag == "TY" else (number, seen)
            held = 0 if tag == "TY" else held
            if tag in seen and tag in _ONCE:
                damaged.add(number)
            seen.add(tag)
            line = f"{tag}  - {line[found.end() :]}"  # rispy wants two blanks
        elif line.strip() and tag in ("", *_SHORT):
            damaged.add(number)
            continue
        held += 1
        if held > MOST_LINES:
            damaged.add(number)
        else:
            kept.append(line)
    return "\n".join(kept), damaged
