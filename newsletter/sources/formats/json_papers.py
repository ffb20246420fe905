"""Reads papers as JSON: an array of objects, or one object in each line (JSON lines)."""

from __future__ import annotations

import io
from typing import Any

from newsletter.core.papers.listing import Listing, Unread
from newsletter.sources.dump_file import DumpFile, json_value
from newsletter.sources.formats.paper_rows import read_rows, share_of_papers
from newsletter.sources.limits import MOST_PAPERS

NAME = "json-papers"
ABOUT = "papers as JSON, an array or one object in each line"

JUDGED = 200  # rows, from the beginning; enough to know a table by


def recognise(dump: DumpFile) -> float:
    """Return how surely the dump is such a file, from 0 (not at all) to 1 (surely)."""
    if "title" not in dump.head.lower() or dump.head.lstrip("\ufeff \n\t")[:1] not in ("[", "{"):
        return 0
    return 0.9 if share_of_papers(_rows(dump, JUDGED)[0][:JUDGED]) >= 0.5 else 0


def parse(dump: DumpFile) -> Listing:
    """Read the file; an object that is no paper, and a line that is no object, is unread. Raises nothing."""
    rows, unread = _rows(dump)
    dump.check_papers(len(rows) + len(unread), "records")
    return read_rows(rows, format=NAME, unread=unread)


def _rows(dump: DumpFile, most: int = MOST_PAPERS + 1) -> tuple[list[Any], list[Unread]]:
    if dump.json is not None:
        return (dump.json, []) if isinstance(dump.json, list) else ([dump.json], [])
    rows: list[Any] = []
    unread: list[Unread] = []
    for line in io.StringIO(dump.text.lstrip("\ufeff"), newline="\n"):
        if not line.strip():
            continue
        if len(rows) + len(unread) == most:
            break
        rows.append(_value(line))
        if rows[-1] is None:
            rows.pop()
            unread.append(
                Unread(line=len(rows) + len(unread) + 1, reason="no JSON object", text=line.strip()[:200])
            )
    return rows, unread


def _value(line: str) -> Any:
    try:
        return json_value(line)
    except (ValueError, RecursionError):
        return None
