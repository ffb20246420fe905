"""Reads papers as a table with named columns: CSV with commas, semicolons or tabs (RFC 4180)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from itertools import islice

from newsletter.core.papers.listing import Listing, Unread
from newsletter.sources.dump_file import DumpFile
from newsletter.sources.formats.paper_rows import read_rows, share_of_papers
from newsletter.sources.limits import MOST_COLUMNS, MOST_PAPERS, MOST_VALUES, check_number

NAME = "csv-papers"
ABOUT = "papers as CSV with named columns"

MORE = "cells behind the last column"
JUDGED = 200  # rows, from the beginning; enough to know a table by


def recognise(dump: DumpFile) -> float:
    """Return how surely the dump is such a table, from 0 (not at all) to 1 (surely)."""
    header = _table(dump.head).partition("\n")[0].lower()
    if "title" not in header or not any(mark in header for mark in ",;\t") or header[:1] in "[{<":
        return 0
    return 0.9 if share_of_papers(_rows(dump, JUDGED)[0]) >= 0.5 else 0


def parse(dump: DumpFile) -> Listing:
    """Read the table; a row that is no paper is unread. Raises nothing."""
    rows, unread = _rows(dump)
    dump.check_papers(len(rows), "rows")
    return read_rows(rows, format=NAME, unread=unread)


def _table(text: str) -> str:
    """The text without Excel's first line, which names the delimiter, and without blanks before it."""
    return re.sub(r"\A\"?sep=.\"?\n", "", text.lstrip("\ufeff").lstrip("\r\n"))


def _rows(dump: DumpFile, most: int = MOST_PAPERS + 1) -> tuple[list[Mapping[str, str]], list[Unread]]:
    text = _table(dump.text)
    header = text.partition("\n")[0]
    mark = max(",;\t", key=header.count)
    check_number(header.count(mark), "columns", most=MOST_COLUMNS, name=dump.name)
    check_number(text.count(mark), "cells", most=MOST_VALUES, name=dump.name)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=mark, restkey=MORE)
    rows: list[Mapping[str, str]] = []
    try:
        for row in islice(reader, most):
            more = "".join(row.pop(MORE, None) or ()).strip()
            found = {k.strip(): v.strip() for k, v in row.items() if v and v.strip()}
            rows.append({MORE: more} if more else found)  # two rows ran into one
    except csv.Error as error:  # a field without end
        return rows, [Unread(line=len(rows) + 1, reason=f"no row of a table: {error}", text="")]
    return rows, []
