"""Reads the fields of one paper in an arXiv mailing: folded lines, authors, and the abstract after them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from newsletter.sources.text.cleaning import had_room

# By name: a folded line of a title may begin with a word and a colon, too.
_FIELD = re.compile(
    r"(?P<name>Date|Title|Authors?|Categories|Comments|(?:Subj|MSC|ACM)-class|Journal-ref|Report-no|DOI|License|Proxy)"
    r"(?: \([^)]{1,40}\))?:(?: (?P<text>.*)|$)"
)
_ASTRAY = re.compile(r"(?:Title|Authors?|Categories): |arXiv:\d{4}\.\d{4,5}$|\\\\$")  # of another paper
_AFFILIATION = re.compile(r"\([^()]*(?:\([^()]*\)[^()]*)*\)")
_BETWEEN = re.compile(r", (?:and )?| and ")
_SUFFIX = re.compile(r"(?:Jr|Sr|II|III|IV)\.?$")


LONGEST_TITLE = 300  # characters
WIDTH = 78  # columns; arXiv puts as many words into a line as fit into 79
_UNFINISHED = re.compile(
    r".*(?:[,:]|(?<![-–\w])(?:a|an|the|of|for|and|or|with|in|on|to|by|from|via|using|as|at|into|its|their|through"
    r"|under|between|toward|towards|over|[Tt]he|[Oo]f|[Aa]nd|[Ff]or|[Ww]ith))$",
)  # “Virtual Try-on”, “Agentic Tool Using” and “Than We Are” are whole
_ORDER = ("title", "author", "categories")


def is_folded(lines: Sequence[str]) -> bool:
    """Whether the lines of a text are as arXiv folded them; no program wrapped them again."""
    pairs = [(a, b) for a, b in pairwise(lines) if b.startswith("  ") and b.strip() and _FIELD.match(a)]
    return bool(pairs) and 10 * sum(had_room(a, b, WIDTH) for a, b in pairs) <= len(pairs)


def width_of(lines: Sequence[str], *, folded: bool) -> int:
    """The columns into which a text was folded: those of arXiv, or of the program that wrapped it again."""
    return WIDTH if folded else max((len(line.rstrip()) for line in lines if " " in line.strip()), default=0)


def read_fields(block: Sequence[str], *, folded: bool, width: int) -> tuple[dict[str, str], str] | None:
    """(fields by their names in lower case, the abstract); None when lines of the block are lost or astray.

    block: the lines of one paper, from its identifier to the line that ends it, with their indents. folded
    and width: as `is_folded` and `width_of` say of the whole text.
    """
    fields: dict[str, str] = {}
    last: str | None = None
    for number, line in enumerate(block[1:], 1):
        if line.strip() == "\\\\":
            abstract = block[number + 1 :]
            if any(_ASTRAY.match(text) for text in abstract) or (folded and not _is_indented(abstract)):
                return None
            return (fields, " ".join(abstract)) if _is_whole(fields) else None
        found = _FIELD.match(line.strip())
        if found is not None and not (folded and line.startswith("  ")):
            last = found["name"].lower()
            if last in fields or (last in _ORDER and "   " in line.strip()):
                return None  # the line end within a title is lost
            fields[last] = found["text"] or ""
        elif last is not None and line.strip():
            if last in _ORDER and (
                (folded and not line.startswith("  ")) or had_room(block[number - 1], line, width)
            ):
                return None  # words between these lines are lost, or the line is of another place
            fields[last] += f" {line.strip()}"
        elif not line.strip():
            last = None  # a blank line ends a field
        elif "title" in fields:
            return None
    return (fields, "") if _is_whole(fields) else None


def _is_indented(abstract: Sequence[str]) -> bool:
    """Whether an abstract begins as arXiv indents it, and has no blank line in it."""
    text = "\n".join(line.rstrip() for line in abstract).rstrip("\n")
    return not text or (text.startswith("  ") and "\n\n" not in text)


def _is_whole(fields: dict[str, str]) -> bool:
    """Whether title and authors are there, in their order, and the title has no gap and ends in no phrase."""
    found = [name.rstrip("s") if name == "authors" else name for name in fields]
    order = [name for name in found if name in _ORDER]
    title = fields.get("title", "").strip()
    whole = len(title) <= LONGEST_TITLE and "  " not in title and not _UNFINISHED.match(title)
    return whole and order[:2] == ["title", "author"]


def author_names(text: str) -> list[str]:
    """The names of “A, B (1), and C ((1) Somewhere)”, without affiliations."""
    names: list[str] = []
    for name in _BETWEEN.split(" ".join(_AFFILIATION.sub("", text).split())):
        if names and _SUFFIX.match(name.strip()):
            names[-1] += f", {name.strip()}"
        elif name.strip():
            names.append(name.strip())
    return names
