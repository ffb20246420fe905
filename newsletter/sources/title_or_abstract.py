"""Tells titles from abstracts in a run of paragraphs: the cheapest assignment of roles to all of them.

It knows no format: its caller has removed dates, authors and banners.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

LONGEST_TITLE = 400  # characters; the longest in the real dumps has 163
TYPICAL_TITLE = 200  # characters; longer titles are rare, so a longer line is a paragraph
_SENTENCES = re.compile(r"[a-z0-9)%\]][.!?] +[A-Z]")
_OPENING = re.compile(
    r"(?:We|In this|This|These|Our|Recent|Recently|However|Here|To this end|Code|Project page)\b[ ,:]"
)
_STOPS = (".", ".”", '."', ".)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """Consecutive lines of a dump."""

    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """The paragraph as one line."""
        return " ".join(self.lines)


class ParagraphRole(Enum):
    """The role of a paragraph."""

    TITLE = "title"
    ABSTRACT = "abstract"  # or the continuation of one
    BOTH = "both"  # the first line is the title, the others are the abstract
    ORPHAN = "orphan"  # an abstract whose title is missing


# The costs of an assignment. They only rank assignments against each other.
_NO_ABSTRACT = 3.0  # a title directly followed by another title
_LAST_WITHOUT_ABSTRACT = 1.5
_CONTINUED = 1.5  # an abstract in two paragraphs
_JOINED = 2.0  # title and abstract without a blank line between
_ORPHAN = 6.0
_EXTRA_ENTRY = 1.0  # an entry without its own author block, in a dump that has such blocks
_IMPOSSIBLE = 1e9


def title_cost(text: str, lines: int = 1) -> float:
    """How unlike a title `text` (which stood on so many lines) is; 0 for a good one."""
    if len(text) > LONGEST_TITLE:
        return _IMPOSSIBLE
    cost = max(0, len(text) - TYPICAL_TITLE) / 25
    if text.endswith(_STOPS) and not text.endswith("..."):
        cost += 3
    if _SENTENCES.search(text):
        cost += 1 if "? " in text or "! " in text else 3
    if text[:1].islower():
        cost += 1.5
    if lines > 3:
        cost += 2
    if "://" in text or "www." in text:
        cost += 2
    if _OPENING.match(text):
        cost += 1.5
    return cost


def abstract_cost(text: str) -> float:
    """How unlike an abstract, or a part of one, `text` is; 0 for a good one."""
    if len(text) > TYPICAL_TITLE:
        return 0
    if "://" in text or "www." in text:
        return 1
    if text.endswith((*_STOPS, "?", "!")):
        return 1 if len(text) < 150 else 0
    return 4


def is_title(text: str) -> bool:
    """Whether `text` reads as a title rather than as an abstract."""
    return title_cost(text) < abstract_cost(text) + 1


def is_abstract(text: str) -> bool:
    """Whether `text` reads as an abstract rather than as a title."""
    return abstract_cost(text) < 1 and title_cost(text) >= 3


def assign_roles(paragraphs: Sequence[Paragraph], *, blocks: bool) -> list[ParagraphRole]:
    """Return the role of each paragraph of a run, which ends at an author block or at the end of the dump.

    blocks: whether the dump has author blocks at all. Dynamic programming over (paragraph, role); linear in
    the number of paragraphs.
    """
    extra = _EXTRA_ENTRY if blocks else 0.0
    table: list[dict[ParagraphRole, tuple[float, ParagraphRole | None]]] = []
    for paragraph in paragraphs:
        text = paragraph.text
        own = {
            ParagraphRole.TITLE: title_cost(text, len(paragraph.lines)),
            ParagraphRole.ABSTRACT: abstract_cost(text),
        }
        if len(paragraph.lines) > 1:
            own[ParagraphRole.BOTH] = (
                _JOINED + title_cost(paragraph.lines[0]) + abstract_cost(" ".join(paragraph.lines[1:]))
            )
        if not table:
            row: dict[ParagraphRole, tuple[float, ParagraphRole | None]] = {
                role: (cost, None) for role, cost in own.items() if role is not ParagraphRole.ABSTRACT
            }
            row[ParagraphRole.ORPHAN] = (_ORPHAN + own[ParagraphRole.ABSTRACT], None)
            table.append(row)
            continue
        row = {}
        for role, cost in own.items():
            for before, (sum_before, _) in table[-1].items():
                step = _step(before, role, extra)
                if step is not None and (role not in row or sum_before + step + cost < row[role][0]):
                    row[role] = (sum_before + step + cost, before)
        orphan = table[-1].get(ParagraphRole.ORPHAN)
        if orphan:
            row[ParagraphRole.ORPHAN] = (
                orphan[0] + own[ParagraphRole.ABSTRACT] + _CONTINUED,
                ParagraphRole.ORPHAN,
            )
        table.append(row)
    return _cheapest(table)


def _step(before: ParagraphRole, role: ParagraphRole, extra: float) -> float | None:
    """The cost of `role` after `before`; None where it cannot follow."""
    if role is ParagraphRole.ABSTRACT:
        if before is ParagraphRole.ORPHAN:
            return None  # an orphan goes on as an orphan
        return 0.0 if before is ParagraphRole.TITLE else _CONTINUED
    if before is ParagraphRole.ORPHAN:
        return 0.0
    return extra + (_NO_ABSTRACT if before is ParagraphRole.TITLE else 0.0)


def _cheapest(table: list[dict[ParagraphRole, tuple[float, ParagraphRole | None]]]) -> list[ParagraphRole]:
    if not table:
        return []
    last = {
        role: cost + (_LAST_WITHOUT_ABSTRACT if role is ParagraphRole.TITLE else 0.0)
        for role, (cost, _) in table[-1].items()
    }
    role: ParagraphRole | None = min(last, key=last.__getitem__)
    roles: list[ParagraphRole] = []
    for row in reversed(table):
        assert role is not None
        roles.append(role)
        role = row[role][1]
    return roles[::-1]
