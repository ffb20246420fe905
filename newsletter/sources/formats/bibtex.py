"""Reads BibTeX and BibLaTeX, as reference managers export them."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from newsletter.core.papers.listing import Listing, Unread
from newsletter.sources.dump_file import DumpFile
from newsletter.sources.formats.paper_rows import read_rows
from newsletter.sources.limits import LONGEST_TEXT, MOST_AUTHORS, MOST_BRACES, MOST_OBJECTS, check_number
from newsletter.sources.text.latex import readable

NAME = "bibtex"
ABOUT = "BibTeX, as reference managers export it"

DEEPEST = 20  # braces in a row; more of them are an attack
_START = re.compile(r"^[ \t]*@[A-Za-z]{3,20}\s*[{(]\s*[^\s,{}]*\s*,", re.MULTILINE)
_BLOCK = re.compile(r"^[ \t]*@", re.MULTILINE)
_FIELD = re.compile(r"(?:^|,)[ \t]*title\s*=", re.MULTILINE | re.IGNORECASE)
_NEXT_FIELD = re.compile(r"^[ \t]*\w{3,20}[ \t]*=[ \t]*[{\"]", re.MULTILINE)
_GROUP = re.compile(r"(?<![\\^_$A-Za-z}])\{([^{}\\$]*)\}")  # keeps capitals
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()  # noqa: SIM905
_PIECE = re.compile(r'\s*(?:"(?P<quoted>[^"]*)"|\{(?P<braced>[^{}]*)\}|(?P<name>[\w.:-]+))\s*(?:#|$)')
_KEY = re.compile(r"[ \t]*(?P<key>[A-Za-z]\w{1,30})[ \t]*=")  # of a field at the beginning of a line
_BEGIN = re.compile(r"\s*@[A-Za-z]{3,20}\s*[{(]")
_ONCE = ("title", "author", "abstract", "eprint", "doi", "year", "month", "primaryclass")  # in an entry
_NAMED = ("title", "author", "eprint", "doi")  # fields in which no exporter leaves a brace alone
_MARKS = {"{": "}", '"': '"'}
_BRACE = re.compile(r"(?<!\\)[{}]")
_AND = re.compile(" and ", re.IGNORECASE)


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
    strings = {string.key.lower(): str(string.value).strip('"{}') for string in library.strings}
    found: list[tuple[int, dict[str, str]]] = []
    unread: list[Unread] = []
    lines = dump.text.split("\n")
    for block in (*library.entries, *library.failed_blocks):
        inner, line = getattr(block, "ignore_error_block", block), block.start_line or 0
        fields = _fields(inner, strings) if hasattr(inner, "fields_dict") else _by_lines(lines, line)
        if fields is None:
            unread.append(Unread(line=line + 1, reason="no entry of BibTeX", text=str(block.raw)[:200]))
        else:
            found.append((line, fields))
    by_key = {entry.key: _fields(entry, strings) or {} for entry in library.entries}
    rows = [
        {"damaged": str(fields)[:200]} if _holds_next(fields) else _row(fields, by_key)
        for _, fields in sorted(found, key=lambda item: item[0])
    ]
    return read_rows(rows, format=NAME, unread=unread)


def _holds_next(fields: Mapping[str, str]) -> bool:
    """Whether a field holds the next field or the next entry, as happens where a line is lost."""
    return any(_START.search(value) or _NEXT_FIELD.search(value) for value in fields.values())


def _fields(entry: Any, strings: Mapping[str, str]) -> dict[str, str] | None:
    """The fields of an entry; None when two entries ran into one."""
    return _first([(field.key.lower(), _joined(str(field.value), strings)) for field in entry.fields])


def _first(given: Sequence[tuple[str, str]]) -> dict[str, str] | None:
    """The fields by name, of one that is there twice the first; None when it is one that a paper has once."""
    fields: dict[str, str] = {}
    for key, value in given:
        if fields.setdefault(key, value) != value and key in _ONCE:
            return None
    return fields


def _joined(value: str, strings: Mapping[str, str]) -> str:
    """The text of `"1~" # jan`; another value comes back as it is."""
    if "#" not in value:
        return value
    pieces, position = [], 0
    while position < len(value):
        if (piece := _PIECE.match(value, position)) is None:
            return value
        name = piece["name"]
        pieces.append(strings.get(name.lower(), name) if name else piece["quoted"] or piece["braced"] or "")
        position = piece.end()
    return "".join(pieces)


def _by_lines(lines: list[str], start: int) -> dict[str, str] | None:
    """The fields of an entry whose braces do not match, by its lines; None when it is not there as a whole.

    An exporter that copies abstracts as they are writes such entries: an abstract may hold a brace alone.
    start: the number of its first line, from 0.
    """
    end = next((n for n in range(start + 1, len(lines)) if _BEGIN.match(lines[n])), len(lines))
    body = "\n".join(lines[start + 1 : end]).rstrip()
    if not body.endswith(("\n}", "\n)", "}}")):
        return None
    parts: list[tuple[str, list[str]]] = []
    before = ","
    for line in body.split("\n")[:-1] if body.endswith(("\n}", "\n)")) else body[:-1].split("\n"):
        found = _KEY.match(line)
        if found is not None and before.endswith(","):
            parts.append((found["key"].lower(), [line[found.end() :]]))
        elif parts:
            parts[-1][1].append(line)
        before = line.rstrip() or before
    given = [(key, "\n".join(text)) for key, text in parts]
    if not all(_is_whole(key, text.strip().removesuffix(",").rstrip()) for key, text in given):
        return None
    fields = _first([(key, _bare(text)) for key, text in given])
    return fields if fields and "title" in fields else None


def _is_whole(key: str, value: str) -> bool:
    """Whether a value ends with the mark that it begins with, and its braces match in a field of `_NAMED`."""
    if value[:1] in _MARKS and not (len(value) > 1 and value.endswith(_MARKS[value[0]])):
        return False
    depth = 0
    for found in _BRACE.finditer(value) if key in _NAMED else ():
        if (depth := depth + (1 if found[0] == "{" else -1)) < 0 or (
            depth == 0 and value[0] == "{" and found.end() < len(value)
        ):
            return False
    return depth == 0


def _bare(value: str) -> str:
    """The text of a field without the comma after it and one pair of marks around it."""
    value = value.strip().removesuffix(",").rstrip()
    pair = value[:1] + value[-1:]
    return value[1:-1].strip() if pair in ("{}", '""') and len(value) > 1 else value


def _row(fields: Mapping[str, str], by_key: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    parent = by_key.get(fields.get("crossref", ""), {})
    fields = {**{key: parent[key] for key in ("year", "month", "date") if key in parent}, **fields}
    row: dict[str, Any] = {
        key: fields.get(key)
        for key in (
            "doi",
            "eprint",
            "arxivid",
            "url",
            "primaryclass",
            "journal",
            "number",
            "note",
            "howpublished",
        )
    }
    row["title"] = _plain(fields.get("title", ""))
    row["abstract"] = _unwrapped(fields.get("abstract", ""))
    row["authors"] = [
        {"literal": _plain(name)} if _unwrapped(name) != name else _plain(name)  # “{Barnes and Noble, Inc.}”
        for name in _names(fields.get("author", ""))
    ]
    row["date"] = fields.get("date") or _date(fields)
    return row


def _date(fields: Mapping[str, str]) -> str:
    year, month = fields.get("year", "").strip("{} "), fields.get("month", "").strip("{} ").lower()
    word = re.search(r"[a-z]{3}", month)
    number = (
        month if month.isdecimal() else str(_MONTHS.index(word[0]) + 1) if word and word[0] in _MONTHS else ""
    )
    if not (year.isdecimal() and number.isdecimal() and 1 <= int(number) <= 12):
        return ""
    day = fields.get("day", "").strip("{} ") or "".join(re.findall(r"\d+", month)[:1] if word else [])
    return f"{year}-{int(number):02}-{int(day) if day.isdecimal() else 1:02}"


def _names(value: str) -> list[str]:
    """Names between “and” outside of braces, without “others”."""
    names: list[str] = []
    open_braces = 0
    for part in _AND.split(" ".join(value.split())):
        names[-1:] = [f"{names[-1]} and {part}"] if open_braces > 0 else [*names[-1:], part]
        open_braces += part.count("{") - part.count("}") - part.count("\\{") + part.count("\\}")
    return [name.strip() for name in names if name.strip() and name.strip().lower() != "others"][
        : MOST_AUTHORS + 1
    ]


def _unwrapped(text: str) -> str:
    """The text without pairs of braces around the whole of it."""
    while text.startswith("{") and text.endswith("}"):
        depth = 0
        for place, char in enumerate(text):
            depth += (char == "{") - (char == "}")
            if depth == 0 and place < len(text) - 1:
                return text
        if depth:
            return text
        text = text[1:-1].strip()
    return text


def _plain(text: str) -> str:
    if len(text) > LONGEST_TEXT:
        return text
    text = readable(_unwrapped(text).replace('{"}', '"'))
    return _GROUP.sub(r"\1", _GROUP.sub(r"\1", text))
