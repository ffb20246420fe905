"""Reads Hugging Face's search pages converted to Markdown: inline links, or lynx's numbered links."""

from __future__ import annotations

import re
from itertools import pairwise

from newsletter.core.papers.listing import Entry, Listing, PartialDate, Unread
from newsletter.sources.dump_file import DumpFile
from newsletter.sources.entries import make_entry
from newsletter.sources.gate import is_furniture
from newsletter.sources.hf_records import PAGE
from newsletter.sources.limits import LONGEST_LINK
from newsletter.sources.printed_dates import read_count, read_date
from newsletter.sources.text.cleaning import had_room

NAME = "hf-search-markdown"
ABOUT = "a search page of Hugging Face's papers as Markdown, or as lynx prints it"

_ID = r"(?P<id>\d{4}\.\d{4,5})"
_LINK = rf"(?:\(https?://(?:www\.)?huggingface\.co/papers/{_ID}\)|\[(?P<number>\d{{1,5}})\])"
_HEADING = re.compile(
    rf"^#{{2,4}}\s*\[(?P<title>(?:(?!\]\(|\n\n|\n#).){{1,600}}?)\]{_LINK}", re.MULTILINE | re.DOTALL
)
_ABSTRACT = re.compile(
    rf"^\[\n*+(?P<text>(?!!\[|[-*] |\d+\n)(?:(?!\n\[).){{20,5000}}?)\n*\]{_LINK}", re.MULTILINE | re.DOTALL
)
_PRINTED = (
    re.compile(  # as lynx prints it, with brackets in lines of their own; the text may begin lines with one
        r"^\[\n+(?P<text>(?!!\[|[-*] |\d+\n)(?:(?!\n\[\n).){20,5000}?)\n+\]\[(?P<number>\d{1,5})\]",
        re.MULTILINE | re.DOTALL,
    )
)
_AUTHORS = re.compile(r"^(?:\[)?[-*] (?P<count>\d{1,5}) authors?\b", re.MULTILINE)
_ORGANIZATION = re.compile(
    r"^\[(?:!\[[^\]\n]*\]\([^)\n]*\)|\[[^\]\n]*\])\s*(?P<name>[^\]\n]{1,100})\](?:\(|\[)", re.MULTILINE
)
_DATE = re.compile(
    r"^·\s*+(?<=\n)(?P<date>[A-Z][a-z]{2} \d{1,2}(?:, \d{4})?)(?P<rest>[^\n]*(?:\n\d+)?)", re.MULTILINE
)
_COMMENTS = re.compile(r"\[\s*(?P<count>\d{1,6})\s*\]?")
_VOTES = re.compile(r"\[\s*(?P<count>\d[\d,]*(?:\.\d+)?k?|-)\s*\](?:\([^)\n]*login[^)\n]*\)|\[\d+\])\s*$")
_REFERENCE = re.compile(
    rf"^[ \t]*(?:\[(?P<n>\d{{1,5}})\]:?|(?P<m>\d{{1,5}})\.)\s+https?://huggingface\.co/papers/{_ID}[ \t]*$",
    re.MULTILINE,
)
_STRAY = re.compile(
    r"\]\[\d+\]|\]\(https?://(?:www\.)?huggingface\.co/|^#{2,4} |^·|^[-*] \d+ authors?\b", re.MULTILINE
)
_ESCAPE = re.compile(r"\\([\\`*_\[\]#+.!|>~-])")  # no braces: they are of TeX


def recognise(dump: DumpFile) -> float:
    """Return how surely the dump is such a page, from 0 (not at all) to 1 (surely)."""
    if "daily papers" not in dump.head.lower() and "huggingface.co/papers/" not in dump.head:
        return 0
    return 0.95 if "### " in dump.head and _HEADING.search(dump.head) else 0


def parse(dump: DumpFile) -> Listing:
    """Read the page; a paper without an abstract is one all the same. Raises nothing."""
    text = dump.text
    width = max((len(line.rstrip()) for line in dump.lines if " " in line), default=0)
    references = {found["n"] or found["m"]: found["id"] for found in _REFERENCE.finditer(text)}
    found = list(_HEADING.finditer(text))
    dump.check_papers(len(found))
    entries: list[Entry] = []
    unread: list[Unread] = []
    line = 1
    for number, heading in enumerate(found):
        end = found[number + 1].start() if number + 1 < len(found) else len(text)
        before = text[found[number - 1].end() if number else 0 : heading.start()]
        card = text[heading.end() : end]
        paper_id = heading["id"] or references.get(heading["number"])
        line += text.count("\n", found[number - 1].start() if number else 0, heading.start())
        entry = _entry(heading, card, before, paper_id, position=len(entries) + 1, line=line)
        if entry is not None and _is_title(heading[0], width):
            entries.append(entry)
        else:
            unread.append(Unread(line=line, reason="a card in disorder", text=heading["title"][:200]))
    return Listing(
        format=NAME,
        printed=_printed(text[: found[0].start()] if found else ""),
        entries=tuple(entries),
        unread=tuple(unread),
        nonblank_lines=len(found),
        unit="card",
    )


def _entry(
    heading: re.Match[str],
    card: str,
    before: str,
    paper_id: str | None,
    *,
    position: int,
    line: int,
) -> Entry | None:
    plain = _plain if heading["id"] else str  # lynx escapes nothing
    printed_text = None if heading["id"] else _PRINTED.search(card)
    abstract = printed_text or _ABSTRACT.search(card)
    if _STRAY.search(heading["title"]):
        return None
    if abstract is not None and (_STRAY.search(abstract["text"]) or not _belongs(abstract, heading)):
        return None
    after = card[abstract.end() :] if abstract else card
    authors, organization, dated = (pattern.search(after) for pattern in (_AUTHORS, _ORGANIZATION, _DATE))
    printed = read_date(dated["date"]) if dated else None
    comments = _COMMENTS.search(dated["rest"].replace("\n", "")) if dated else None
    votes = _VOTES.search(before.rstrip()[-LONGEST_LINK:])
    return make_entry(
        position=position,
        line=line,
        title=plain(heading["title"]),
        abstract=plain(abstract["text"]) if abstract else "",
        published=printed[0] if printed else None,
        arxiv_id=paper_id,
        url=PAGE + paper_id if paper_id else None,
        author_count=int(authors["count"]) if authors else None,
        organization=organization["name"].strip() if organization and not authors else None,
        comments=int(comments["count"]) if comments else None,
        upvotes=read_count(votes["count"]) if votes and votes["count"] != "-" else None,
    )


def _is_title(text: str, width: int) -> bool:
    """Whether the lines of a heading are those of one that was wrapped."""
    lines = [line for line in text.split("\n") if line.strip()]
    whole = not any(had_room(first, second, width) for first, second in pairwise(lines))
    return whole and not any(map(is_furniture, lines[1:]))


def _belongs(abstract: re.Match[str], heading: re.Match[str]) -> bool:
    """Whether an abstract's link leads where the title's does, or is the next one."""
    if heading["id"]:
        return bool(abstract["id"] == heading["id"])
    return abstract["number"] is not None and 0 < int(abstract["number"]) - int(heading["number"]) < 3


def _plain(text: str) -> str:
    return _ESCAPE.sub(r"\1", re.sub(r"\\{1,2}\n", "\n", text))


def _printed(header: str) -> PartialDate | None:
    found = [
        printed for line in header.split("\n") if (printed := read_date(line.strip())) and printed[1] is None
    ]
    return found[-1][0] if found else None
