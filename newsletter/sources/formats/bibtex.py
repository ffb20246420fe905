"""Reads BibTeX and BibLaTeX, as reference managers export them."""

from __future__ import annotations

import logging
import re
from typing import Any

from newsletter.core.papers.listing import Listing, Unread
from newsletter.sources.dump_file import DumpFile
from newsletter.sources.formats.paper_rows import given_first, read_rows
from newsletter.sources.latex import readable
from newsletter.sources.limits import LONGEST_TEXT, MOST_AUTHORS, MOST_BRACES, MOST_OBJECTS, check_number

NAME = "bibtex"
ABOUT = "BibTeX, as reference managers export it"

DEEPEST = 20  # braces in a row; more of them are an attack
_START = re.compile(r"^[ \t]*@[A-Za-z]{3,20}\s*\{\s*[^\s,{}]*\s*,", re.MULTILINE)
_BLOCK = re.compile(r"^[ \t]*@", re.MULTILINE)
_FIELD = re.compile(r"^[ \t]*title\s*=", re.MULTILINE | re.IGNORECASE)
_GROUP = re.compile(r"(?<![\\^_$A-Za-z}])\{([^{}\\$]*)\}")  # keeps capitals
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()  # noqa: SIM905


def recognise(dump: DumpFile) -> float:
    """Return how surely the dump is BibTeX, from 0 (not at all) to 1 (surely)."""
    if "{" * DEEPEST in dump.text:
        return 0
    return 0.95 if "@" in dump.head and _START.search(dump.head) and _FIELD.search(dump.head) else 0


def parse(dump: DumpFile) -> Listing:
    """Read the file; what is no entry is unread. Raises nothing."""
    import bibtexparser  # 60 ms

    check_number(dump.text.count("="), "fields", most=MOST_OBJECTS, name=dump.name)
    check_number(dump.text.count("{"), "braces", most=MOST_BRACES, name=dump.name)
    dump.check_papers(sum(1 for _ in _BLOCK.finditer(dump.text)), "entries")

    logging.getLogger("bibtexparser").setLevel(logging.CRITICAL)  # it warns of each odd block
    library: Any = bibtexparser.parse_string(dump.text)  # type: ignore[attr-defined]
    failed = [(block, getattr(block, "ignore_error_block", None)) for block in library.failed_blocks]
    entries = [*library.entries, *(inner for _, inner in failed if hasattr(inner, "fields_dict"))]
    rows = [_row(entry) for entry in sorted(entries, key=lambda entry: entry.start_line or 0)]
    unread = [
        Unread(line=(block.start_line or 0) + 1, reason="no entry of BibTeX", text=str(block.raw)[:200])
        for block, inner in failed
        if not hasattr(inner, "fields_dict")
    ]
    return read_rows(rows, format=NAME, unread=unread)


def _row(entry: Any) -> dict[str, Any]:
    fields = {field.key.lower(): str(field.value) for field in entry.fields}
    row: dict[str, Any] = {
        key: fields.get(key) for key in ("abstract", "doi", "eprint", "url", "primaryclass")
    }
    row["title"] = _plain(fields.get("title", ""))
    names = " ".join(fields.get("author", "").split()).split(" and ")
    row["authors"] = [given_first(_plain(name)) for name in names[: MOST_AUTHORS + 1] if name.strip()]
    month = fields.get("month", "").strip("{}").lower()[:3]
    if fields.get("year", "").isdecimal() and month in _MONTHS:
        row["date"] = f"{fields['year']}-{_MONTHS.index(month) + 1:02}-01"
    row["date"] = fields.get("date", row.get("date", ""))
    return row


def _plain(text: str) -> str:
    if len(text) > LONGEST_TEXT:
        return text
    text = readable(text)
    return _GROUP.sub(r"\1", _GROUP.sub(r"\1", text))
