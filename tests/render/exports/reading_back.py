"""Reads exported references back with independent libraries."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass

import bibtexparser
import rispy
from bibtexparser.library import Library
from pybtex.database import Person, parse_string
from pylatexenc.latex2text import LatexNodes2Text

_LATEX = LatexNodes2Text(math_mode="verbatim", keep_comments=True)


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What a reader found in one reference; texts as a person reads them."""

    title: str
    abstract: str
    authors: tuple[str, ...]
    doi: str
    arxiv_id: str


def plain(latex: str) -> str:
    """LaTeX as text. The library prints a circumflex as the modifier letter, and "--" as a dash."""
    return " ".join(_LATEX.latex_to_text(latex).replace("ˆ", "^").split())


def by_bibtexparser(text: str) -> list[ReadBack]:
    """Read BibTeX with bibtexparser."""
    logging.getLogger("bibtexparser").setLevel(logging.CRITICAL)
    library: Library = bibtexparser.parse_string(text)
    assert library.failed_blocks == []
    found = []
    for entry in library.entries:
        fields = {field.key: str(field.value) for field in entry.fields}
        names = re.split(r"\s+and\s+(?![^{}]*\})", fields["author"]) if "author" in fields else []
        found.append(_read_back(fields, tuple(_given_first(plain(name), name) for name in names)))
    return found


def by_pybtex(text: str) -> list[ReadBack]:
    """Read BibTeX with pybtex, which splits names by BibTeX's own rules."""
    return [
        _read_back(entry.fields, tuple(_joined(person) for person in entry.persons.get("author", [])))
        for entry in parse_string(text, "bibtex").entries.values()
    ]


def by_rispy(text: str) -> list[ReadBack]:
    """Read RIS with rispy."""
    return [
        ReadBack(
            title=entry["title"],
            abstract=entry.get("abstract", ""),
            authors=tuple(_given_first(name, name) for name in entry.get("authors", [])),
            doi=entry.get("doi", ""),
            arxiv_id=entry.get("number", "").removeprefix("arXiv:"),
        )
        for entry in rispy.loads(text)
    ]


def by_json(text: str) -> list[ReadBack]:
    """Read CSL-JSON."""
    return [
        ReadBack(
            title=item["title"],
            abstract=item.get("abstract", ""),
            authors=tuple(
                name.get("literal") or f"{name['given']} {name['family']}" for name in item.get("author", [])
            ),
            doi=item.get("DOI", ""),
            arxiv_id=item.get("number", "").removeprefix("arXiv:"),
        )
        for item in json.loads(text)
    ]


def _read_back(fields: dict[str, str], authors: tuple[str, ...]) -> ReadBack:
    return ReadBack(
        title=plain(fields["title"]),
        abstract=plain(fields.get("abstract", "")),
        authors=authors,
        doi=fields.get("doi", ""),
        arxiv_id=fields.get("eprint", ""),
    )


def _joined(person: Person) -> str:
    parts = (
        person.first_names,
        person.middle_names,
        person.prelast_names,
        person.last_names,
        person.lineage_names,
    )
    return plain(" ".join(" ".join(part) for part in parts if part))


def _given_first(text: str, written: str) -> str:
    family, comma, given = text.partition(", ")
    return f"{given} {family}" if comma and not written.startswith("{") else text
