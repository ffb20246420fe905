"""Writes BibTeX. Letters stay as they are (UTF-8); what TeX would take for a command is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from newsletter.core.papers.reference import PersonName, Reference, citation_keys

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{sign: f"\\{sign}" for sign in "&%$#_"},
}
_PAIRED = str.maketrans({**_SPECIAL, "{": r"\{", "}": r"\}"})
# BibTeX counts braces with a backslash as well: where they do not pair, they need a name.
_UNPAIRED = str.maketrans({**_SPECIAL, "{": r"\lbrace{}", "}": r"\rbrace{}"})
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# Styles turn titles to small letters; these words would no longer be the same.
_KEPT_CAPITALS = re.compile(r"[^\s-]*[^\W\d_][^\s-]*[A-Z][^\s-]*|\b[A-Z]\b(?!\w)")
_PARTICLE_OR_AND = re.compile(r"\band\b|\bothers\b|,", re.IGNORECASE)


def write(references: Sequence[Reference]) -> str:
    """The references as a BibTeX file; empty for none."""
    from bibtexparser.entrypoint import write_string  # 60 ms
    from bibtexparser.library import Library
    from bibtexparser.model import Entry, Field

    keys = citation_keys(references)
    library = Library()
    for reference in references:
        fields = [Field(name, value) for name, value in _fields(reference)]
        library.add(Entry("misc", keys[reference.id], fields))
    return write_string(library, unparse_stack=[])


def _fields(reference: Reference) -> Iterator[tuple[str, str]]:
    """Name and value of each field, the values with their braces."""
    yield "title", f"{{{_title(reference.title)}}}"
    if reference.names:
        yield "author", "{" + " and ".join(map(_author, reference.names)) + "}"
    yield "year", f"{{{reference.year}}}"
    if reference.published_on is not None:
        yield "month", _MONTHS[reference.published_on.month - 1]
        yield "date", f"{{{reference.published_on.isoformat()}}}"
    if reference.arxiv_id:
        yield "eprint", f"{{{reference.arxiv_id}}}"
        yield "archiveprefix", "{arXiv}"
        if reference.categories:
            yield "primaryclass", f"{{{reference.categories[0]}}}"
    for name, value in (("doi", reference.doi), ("url", reference.url)):
        if value:
            yield name, f"{{{_verbatim(value)}}}"
    if reference.abstract:
        yield "abstract", f"{{{escaped(' '.join(reference.abstract.split()))}}}"
    if reference.topics:
        yield "keywords", f"{{{escaped(', '.join(reference.topics))}}}"
    if reference.code_url:
        yield "note", f"{{Code: \\url{{{_verbatim(reference.code_url)}}}}}"


def escaped(text: str) -> str:
    """The text as TeX prints it."""
    return text.translate(_PAIRED if _is_paired(text) else _UNPAIRED)


def _title(text: str) -> str:
    """The title, with braces around words whose capitals are to stay."""
    if "{" in text or "}" in text:
        return escaped(text)
    words = re.split(r"(\s+|-)", " ".join(text.split()))
    return "".join(
        f"{{{escaped(word)}}}" if position and _KEPT_CAPITALS.fullmatch(word) else escaped(word)
        for position, word in enumerate(words)
    )


def _author(name: PersonName) -> str:
    """One author. A group, and a name that BibTeX would take apart elsewhere, is in braces."""
    whole = escaped(name.whole)
    if not name.given and (" " in whole or _PARTICLE_OR_AND.search(whole)):
        return f"{{{whole}}}"
    if not name.given:
        return whole
    return f"{escaped(name.family)}, {escaped(name.given)}"


def _is_paired(text: str) -> bool:
    if "{" not in text and "}" not in text:
        return True
    depth = 0
    for sign in text:
        depth += (sign == "{") - (sign == "}")
        if depth < 0:
            return False
    return depth == 0


def _verbatim(address: str) -> str:
    """A web address or DOI: packages print it as it is, so only braces are encoded."""
    return address.replace("{", "%7B").replace("}", "%7D").replace("\\", "%5C")
