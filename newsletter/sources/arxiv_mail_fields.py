"""Reads the fields of one paper in an arXiv mailing: folded lines, authors, and the abstract after them."""

from __future__ import annotations

import re
from collections.abc import Sequence

# By name: a folded line of a title may begin with a word and a colon, too.
_FIELD = re.compile(
    r"(?P<name>Date|Title|Authors?|Categories|Comments|(?:Subj|MSC|ACM)-class|Journal-ref|Report-no|DOI|License|Proxy)"
    r"(?: \([^)]{1,40}\))?:(?: (?P<text>.*)|$)"
)
_AFFILIATION = re.compile(r"\([^()]*(?:\([^()]*\)[^()]*)*\)")
_BETWEEN = re.compile(r",\s+(?:and\s+)?|\s+and\s+")
_SUFFIX = re.compile(r"(?:Jr|Sr|II|III|IV)\.?$")


def read_fields(block: Sequence[str]) -> tuple[dict[str, str], str]:
    """(fields by their names in lower case, the abstract).

    block: the lines of one paper, from its identifier on. The first of several fields of one name counts.
    """
    fields: dict[str, str] = {}
    last: str | None = None
    for number, line in enumerate(block[1:], 1):
        if line == "\\\\":
            return fields, " ".join(block[number + 1 :])
        found = _FIELD.match(line)
        if found is not None:
            last = found["name"].lower() if found["name"].lower() not in fields else None
            if last is not None:
                fields[last] = found["text"] or ""
        elif last is not None and line:
            fields[last] += f" {line}"
    return fields, ""


def author_names(text: str) -> list[str]:
    """The names of “A, B (1), and C ((1) Somewhere)”, without affiliations."""
    names: list[str] = []
    for name in _BETWEEN.split(_AFFILIATION.sub("", text).strip()):
        if names and _SUFFIX.match(name.strip()):
            names[-1] += f", {name.strip()}"
        elif name.strip():
            names.append(name.strip())
    return names
