"""Reads RIS, as reference managers export it."""

from __future__ import annotations

import re
from typing import Any

from newsletter.core.errors import DumpRefusedError
from newsletter.core.papers.listing import Listing
from newsletter.sources.dump_file import DumpFile
from newsletter.sources.formats.paper_rows import given_first, read_rows

NAME = "ris"
ABOUT = "RIS, as reference managers export it"

_START = re.compile(r"^TY {1,2}- ?\w+", re.MULTILINE)
_TITLE = re.compile(r"^(?:TI|T1) {1,2}- ", re.MULTILINE)


def recognise(dump: DumpFile) -> float:
    """Return how surely the dump is RIS, from 0 (not at all) to 1 (surely)."""
    return 0.95 if _START.search(dump.head) and _TITLE.search(dump.head) else 0


def parse(dump: DumpFile) -> Listing:
    """Read the file. Raises DumpRefusedError when it is no RIS from its beginning to its end."""
    import rispy

    text = dump.text.lstrip("\ufeff")
    start = _START.search(text)
    try:
        records: list[dict[str, Any]] = rispy.loads(
            text[start.start() :] if start else "", skip_unknown_tags=True
        )
    except Exception as error:  # rispy raises OSError, ValueError, KeyError and others for odd lines
        raise DumpRefusedError(
            "this RIS file is damaged", hint="Export it again, whole.", file=dump.name
        ) from error
    for record in records:
        record["authors"] = [
            given_first(name) for name in record.get("authors") or record.get("first_authors") or []
        ]
        record["date"] = re.sub(r"/+$", "", str(record.get("date") or record.get("publication_year") or ""))
    return read_rows(records, format=NAME)
