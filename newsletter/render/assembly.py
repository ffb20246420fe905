"""Joins pieces to a digest: what a plan shows, in order, and what the whole digest prints in its slots.

No template is rendered here: composing another digest costs a join.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from newsletter.core.debts.digest_plan import EVERYTHING, DigestPlan, PlannedPaper
from newsletter.core.mail.values import Content
from newsletter.render import subject_line
from newsletter.render.layout import OF_PAPERS, REST, Key, Layout, key_of
from newsletter.render.view_models import PaperView, in_words

HTML_LIMIT = 90_000  # bytes of HTML; Gmail clips a mail near 102 KB
SLACK = 4_000  # bytes for what is printed in slots
BAR = 25  # per cent of the longest bar that one paper takes, while there is room
SHORTEST_BAR = 3  # per cent; less is not seen
TEXT_BAR = 20  # columns of the longest bar in plain text
BLOCK = "■"


def budget(layout: Layout, recaps: Sequence[PlannedPaper], note: str) -> int:
    """Bytes of HTML that the papers of a digest may take: what the rest leaves of the limit.

    Prepared pieces are counted as if all topics were in the digest; see `Layout.prepare`.
    """
    furniture = sum(piece.size for key, piece in layout.pieces.items() if key[0] not in OF_PAPERS)
    missed = sum(layout.pieces[key_of(card)].size for card in recaps)
    return HTML_LIMIT - SLACK - layout.frame.size - furniture - missed - 2 * len(note.encode())


def assemble(
    layout: Layout, plan: DigestPlan, papers: Mapping[int, PaperView], *, composed_at: datetime
) -> Content:
    """The content of a plan whose cards are prepared. composed_at: the Date header."""
    chosen = {place: [layout.pieces[key] for key in keys] for place, keys in places(plan).items()}
    html: list[bytes] = []
    text: list[bytes] = []
    for stretch in layout.frame.html:
        html += [stretch] if isinstance(stretch, bytes) else [piece.html for piece in chosen[stretch]]
    for stretch in layout.frame.text:
        text += [stretch] if isinstance(stretch, bytes) else [piece.text for piece in chosen[stretch]]
    return Content(
        subject=subject_line.subject(layout.brand, layout.topics, plan, papers),
        date=composed_at,
        html=tuple(filter(None, html)),
        text=tuple(filter(None, text)),
        values=values(layout, plan, papers),
    )


def places(plan: DigestPlan) -> dict[str, list[Key]]:
    """The pieces of each place, in order."""
    shown: list[Key] = []
    section = None
    for card in plan.news:
        if card.topic != section:
            section = card.topic
            shown.append(("section", *_named(section, alone=not shown)))
        shown.append(key_of(card))
    counts = subject_line.counts(plan)
    return {
        "tally": [("tallies",), *(("tally", *_named(topic, alone=False)) for topic in counts)]
        if len(counts) > 1
        else [],
        "note": [("note",)] if plan.note else [],
        "papers": [*shown, ("more",)] if plan.left_out else shown,
        "maybe": [("doubtful",), *(key_of(card, maybe=True) for card in plan.maybe)] if plan.maybe else [],
        "recaps": [("recaps",), *(key_of(card) for card in plan.recaps)] if plan.recaps else [],
    }


def _named(topic: str, *, alone: bool) -> Key:
    """A section as keys of pieces name it: below others, everything is everything else."""
    return (topic, REST) if topic == EVERYTHING and not alone else (topic,)


def values(layout: Layout, plan: DigestPlan, papers: Mapping[int, PaperView]) -> dict[str, str]:
    """What the digest prints in its slots, the same for all who get it."""
    found = {
        "digest.number": str(plan.edition),
        "digest.date": subject_line.weekday_in_words(plan.date),
        "digest.lede": subject_line.lede(plan, papers),
        "digest.title": f"{layout.brand.name} No. {plan.edition}",
        "digest.preheader": subject_line.preheader(plan, papers),
        "digest.note": plan.note.strip(),
        "digest.more": subject_line.more(plan),
    }
    counts = subject_line.counts(plan)
    most = max(counts.values(), default=1)
    for topic, count in counts.items():
        width = round(count * min(BAR, 100 / most))
        found[f"digest.count_{topic}"] = str(count)
        found[f"digest.width_{topic}"] = str(max(width, SHORTEST_BAR))
        found[f"digest.bar_{topic}"] = BLOCK * max(1, round(count * min(1, TEXT_BAR / most)))
    for card in (*plan.news, *plan.maybe):
        seen_on = papers[card.paper_id].seen_on
        if seen_on is not None:
            found[f"digest.seen_{seen_on}"] = "today" if seen_on == plan.date else in_words(seen_on)
    return found
