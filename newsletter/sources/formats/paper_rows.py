"""Turns rows with named fields into entries, for formats that are tables of papers. It reads no file.

A row is a paper when it has a title and an identifier, or authors and an abstract that reads like one.
docs/reference/listing-columns.md names the fields.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import Any

from newsletter.core.papers.listing import Entry, Listing, PartialDate, Unread
from newsletter.sources.entries import full_date, make_entry
from newsletter.sources.gate import is_furniture, is_scholarly
from newsletter.sources.limits import LONGEST_LINK, LONGEST_TEXT, MOST_COLUMNS
from newsletter.sources.printed_dates import read_date

_NAMES = {  # of each field, the best one first; case, blanks and underscores do not count
    "title": ("title", "primarytitle"),
    "abstract": ("abstract", "summary", "notesabstract", "abstractnote"),
    "authors": ("authors", "author", "authornames", "firstauthors"),
    "arxiv_id": (
        *("arxivid", "arxiv", "eprint", "id", "url", "link", "absurl", "paperurl", "pdfurl", "urls", "doi"),
        *("journal", "number", "note", "notes", "howpublished", "extra"),
    ),
    "doi": ("doi",),
    "url": ("url", "link", "absurl", "paperurl", "urls"),
    "published_on": (
        *(
            "publishedon",
            "published",
            "publicationdate",
            "publishedat",
            "date",
            "issued",
            "publicationyear",
            "year",
        ),
    ),
    "listed_on": ("listedon",),
    "organization": ("organization", "organisation"),
    "code_url": ("codeurl", "github", "githubrepo", "code"),
    "categories": ("categories", "subjects", "primaryclass"),
    "comments": ("comments",),
    "upvotes": ("upvotes", "votes"),
}
_OWN = ("arxivid", "arxiv", "eprint", "id", "url", "link", "absurl", "paperurl", "pdfurl", "urls", "doi")
_ARXIV = re.compile(
    r"(?:^|arxiv(?:\.org/(?:abs|pdf|html)/|(?:\.org)?:\s?)|huggingface\.co/papers/|10\.48550/arxiv\.)"
    r"(\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})(?:v\d+)?(?:\.pdf)?(?:\s*\[[\w.-]+\])?/?$",
    re.IGNORECASE,
)
_SUFFIX = re.compile(r"(?:Jr|Sr|II|III|IV)\.?")
_DOI = re.compile(r"(?:^|doi\.org/|doi:\s?)(10\.\d{4,9}/\S+)$", re.IGNORECASE)


def fields_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a row by the names of `_NAMES`; fields of other names are left away."""
    if len(row) > MOST_COLUMNS:
        return {}
    given = {re.sub(r"[\W_]+", "", str(key)).lower(): value for key, value in row.items()}
    found: dict[str, Any] = {}
    for field, names in _NAMES.items():
        for name in names:
            value = given.get(name)
            values = value if isinstance(value, list) else [value]
            if field == "arxiv_id":
                matches = (_ARXIV.search(_link_text(item)) for item in values)
                value = next((match[1] for match in matches if match), None)
            elif field in ("url", "title"):
                value = next(iter(values), None)
            elif field == "doi":
                match = _DOI.search(_link_text(value))
                value = match[1] if match else None
            if value not in (None, "", []):
                found[field] = value
                break
    return found


def names_two(row: Mapping[str, Any]) -> bool:
    """Whether fields that name the paper itself name two papers of arXiv: two rows ran into one."""
    if len(row) > MOST_COLUMNS:
        return False
    given = {re.sub(r"[\W_]+", "", str(key)).lower(): value for key, value in row.items()}
    values = [given.get(name) for name in _OWN]
    items = (item for value in values for item in (value if isinstance(value, list) else [value]))
    found = (_ARXIV.search(_link_text(item)) for item in items)
    return len({match[1].lower() for match in found if match}) > 1


def is_paper(row: Any) -> bool:
    """Whether a row is one of a paper."""
    found = fields_of(row) if isinstance(row, Mapping) else {}
    if not isinstance(found.get("title"), str) or not found["title"].strip():
        return False
    shown = (
        found.get("authors")
        and isinstance(found.get("abstract"), str)
        and is_scholarly(found["abstract"][:LONGEST_TEXT])
    )
    return bool(found.get("arxiv_id") or found.get("doi") or shown)


def share_of_papers(rows: Sequence[Any]) -> float:
    """How many of the rows are papers, from 0 to 1."""
    return sum(map(is_paper, rows)) / len(rows) if rows else 0


def read_rows(rows: Sequence[Any], *, format: str, unread: Iterable[Unread] = ()) -> Listing:
    """The listing of rows. unread: parts of the file that are no rows."""
    entries: list[Entry] = []
    lost = list(unread)
    days: Counter[date] = Counter()
    for number, row in enumerate(rows, 1):
        reason = _why_none(row)
        if reason is not None:
            lost.append(Unread(line=number, reason=reason, text=_shown(row)))
            continue
        found = fields_of(row)
        if day := _day(found.get("listed_on")):
            days[day] += 1
        entries.append(_entry(found, position=len(entries) + 1, number=number))
    return Listing(
        format=format,
        printed=full_date(max(days, key=lambda day: (days[day], day), default=None)),
        entries=tuple(entries),
        unread=tuple(sorted(lost, key=lambda item: item.line)),
        nonblank_lines=len(rows),
        unit="record",
    )


def _why_none(row: Any) -> str | None:
    """Why a row is no paper; None when it is one."""
    if not is_paper(row):
        return "no title, or nothing that shows a paper"
    if names_two(row):
        return "the identifiers of two papers"
    lines = [line.strip() for line in fields_of(row)["title"].strip().split("\n")]
    if "" in lines or any(map(is_furniture, lines[:-1])):
        return "a line of another text within the title"  # the last line of a wrapped title may be “Search”
    return None


def _shown(row: Any) -> str:
    given = list(islice(row.items(), 20)) if isinstance(row, Mapping) else row
    return str({key: value for key, value in given if value} if isinstance(row, Mapping) else given)[:200]


def _entry(found: Mapping[str, Any], *, position: int, number: int) -> Entry:
    categories = found.get("categories", ())
    if isinstance(categories, str):
        categories = re.split(r"[;,\s]+", categories[:LONGEST_LINK])
    printed = read_date(str(found.get("published_on", "")))
    day: date | PartialDate | None = _day(found.get("published_on")) or (printed[0] if printed else None)
    url = found.get("url")
    return make_entry(
        position=position,
        line=number,
        title=found["title"],
        abstract=_text(found.get("abstract")),
        authors=names_of(found.get("authors")),
        published=day,
        arxiv_id=found.get("arxiv_id"),
        doi=found.get("doi"),
        url=url if isinstance(url, str) and url.startswith(("https://", "http://")) else None,
        organization=_text(found.get("organization")) or None,
        code_url=_text(found.get("code_url")) or None,
        categories=tuple(item for item in categories[:LONGEST_LINK] if isinstance(item, str) and item),
        comments=_count(found.get("comments")),
        upvotes=_count(found.get("upvotes")),
    )


def names_of(value: Any) -> list[str]:
    """Authors in order: from a list, or from a text with “;”, “|”, line ends, “ and ” or “,” between them."""
    if isinstance(value, str) and value[:1] == "[" and len(value) <= LONGEST_TEXT:
        value = _listed(value)  # as pandas writes a list
    if isinstance(value, Mapping):
        value = [value]
    if isinstance(value, str):
        value = [re.sub(r"^\s*and\s+", "", part) for part in _parts(value) if part.strip()]
    names = (_name(item) for item in value or ()) if isinstance(value, list) else iter(())
    return [name for name in names if name and name.strip()]


def _parts(value: str) -> list[str]:
    """The names of a text."""
    for mark in (";", "|", "\n"):
        if mark in value.strip():
            return value.split(mark)
    value = " ".join(value.split())
    parts = value.split(" and ")
    reversed_names = len(parts) > 1 and all(part.count(",") == 1 and not part.endswith(",") for part in parts)
    return parts if reversed_names or (len(parts) > 1 and value.count(",") < 2) else value.split(",")


def _listed(value: str) -> Any:
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return value.strip("[] ")


def _plain_keys(item: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        re.sub(r"[\W_]+", "", str(key)).lower(): value for key, value in islice(item.items(), MOST_COLUMNS)
    }


def _name(item: Any) -> str | None:
    """The name of an author: a text, or an object with the whole name or its parts."""
    if isinstance(item, str) or not isinstance(item, Mapping):
        return given_first(item) if isinstance(item, str) else None
    given = _plain_keys(item)
    if isinstance(inner := given.get("author"), str):
        return given_first(inner)
    if isinstance(inner, Mapping):
        given = _plain_keys(inner)
    for key in ("name", "fullname", "displayname", "authorname", "literal"):
        if isinstance(given.get(key), str):
            return str(given[key]) if key == "literal" else given_first(given[key])
    particle = given.get("nondroppingparticle") or given.get("droppingparticle")
    first = given.get("given") or given.get("firstname") or given.get("first") or given.get("forename")
    last = given.get("family") or given.get("lastname") or given.get("last") or given.get("surname")
    return " ".join(str(part).strip() for part in (first, particle, last, given.get("suffix")) if part)


def given_first(name: str) -> str:
    """“Family, Given”, also with “Jr.” in the middle (BibTeX) or last (RIS), as one writes it on a paper."""
    parts = [part.strip() for part in name.split(",") if part.strip()]
    suffixes = [part for part in parts[1:] if _SUFFIX.fullmatch(part)]
    given = [part for part in parts[1:] if part not in suffixes]
    return " ".join([*given, *parts[:1], *suffixes])


def _link_text(value: Any) -> str:
    short = isinstance(value, str) and len(value) <= LONGEST_LINK
    return re.sub(r"[{}]", "", value).strip() if short else ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _day(value: Any) -> date | None:
    """The day of a date of ISO 8601, a mail (RFC 5322) or CSL (date-parts), or of seconds since 1970."""
    if isinstance(value, Mapping):
        parts: list[Any] = next(iter(value.get("date-parts") or [[]]), [])
        value = (
            "-".join(str(part) for part in (*parts, 1, 1)[:3]) if len(parts or ()) > 1 else value.get("raw")
        )
    if isinstance(value, int | float) and not isinstance(value, bool) and value > 100_000_000:
        try:
            return datetime.fromtimestamp(value / 1000 if value > 100_000_000_000 else value, UTC).date()
        except (ValueError, OverflowError, OSError):
            return None
    text = str(value or "").strip().replace("/", "-")
    if found := re.fullmatch(r"(\d{4})-(\d{1,2})(?:-(\d{1,2}))?", text):
        text = f"{found[1]}-{int(found[2]):02}-{int(found[3] or 1):02}"
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        pass
    try:
        return (
            parsedate_to_datetime(text.replace("-", " ")).date()
            if re.search(r"[A-Za-z]{3}.*\d{4}", text)
            else None
        )
    except (ValueError, IndexError):
        return None


def _count(value: Any) -> int | None:
    text = str(value).strip() if not isinstance(value, bool) else ""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None
