"""Writes Markdown: a list of papers that a person reads, with links and what each paper found."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import quote

from newsletter.core.papers.reference import Reference

MOST_NAMES = 6  # authors by name; of more, the first three
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&$])")
_LIST_MARK = re.compile(r"^(\d*)([-+=.)])")
_KEPT_IN_LINKS = "%/:?#@!$&'*+,;=~-._"  # without brackets and parentheses, which would end the link


def write(references: Sequence[Reference]) -> str:
    """The references as a Markdown list, an item each, its lines parted by hard breaks; empty for none."""
    return "".join("- " + "\\\n  ".join(_lines(reference)) + "\n" for reference in references)


def _lines(reference: Reference) -> Iterator[str]:
    title = escaped(reference.title)
    yield f"**[{title}]({_address(reference.url)})**" if reference.url else f"**{title}**"
    facts = [_byline(reference), (reference.published_on or reference.listed_on).isoformat()]
    if reference.arxiv_id:
        facts.append(f"arXiv:{escaped(reference.arxiv_id)}")
    if reference.doi:
        facts.append(f"doi:{escaped(reference.doi)}")
    if reference.code_url:
        facts.append(f"[code]({_address(reference.code_url)})")
    yield " · ".join(filter(None, facts))
    if reference.lead or reference.abstract:
        yield escaped(reference.lead or reference.abstract)


def _address(url: str) -> str:
    return quote(url, safe=_KEPT_IN_LINKS)


def _byline(reference: Reference) -> str:
    names = [escaped(name.whole) for name in reference.names]
    if len(names) <= MOST_NAMES:
        return ", ".join(names)
    return f"{', '.join(names[:3])} and {len(names) - 3} more"


def escaped(text: str) -> str:
    """The text on one line, without a meaning for Markdown (CommonMark 0.31, section 2.4)."""
    return _LIST_MARK.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", " ".join(text.split())))
