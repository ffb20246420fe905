"""Joins pieces to a digest in the order of a plan, and makes the values of the digest's slots.

It renders no template: one more digest costs a join.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from newsletter.core.debts.digest_plan import EVERYTHING, DigestPlan, NewVersion, PlannedPaper
from newsletter.core.mail.quoted_printable import decoded, encode_piece, encode_value
from newsletter.core.mail.values import SLOT, Content
from newsletter.core.states import Form
from newsletter.render import subject_line
from newsletter.render.editor_note import rendered
from newsletter.render.layout import (
    EVERYTHING_ELSE,
    PAPER_PIECES,
    EncodedPiece,
    Layout,
    PieceKey,
    key_of,
    key_of_version,
)
from newsletter.render.view_models import PaperView, in_words

HTML_LIMIT = 90_000  # bytes of HTML; Gmail clips a message near 102 KB
SLOT_RESERVE = 4_000  # bytes for the values of slots
WORDS_PER_MINUTE = 230  # of a reader who wants to know what there is
BAR_PER_PAPER = 25  # per cent of the longest bar, while there is room
SHORTEST_BAR = 3  # per cent; a shorter bar cannot be seen
TEXT_BAR_LENGTH = 20  # columns of the longest bar in plain text
TEXT_BAR_CHARACTER = "■"
ROWS = (Form.ROW, Form.TITLE)  # forms of papers that are no cards
_NOTE_SLOT = SLOT + b"digest.note" + SLOT
_NO_SLOT = re.compile("(?!)")


def budget(layout: Layout, recaps: Sequence[PlannedPaper], note: str) -> int:
    """Bytes of HTML for the papers of a digest: the limit less all other parts.

    The other pieces are counted as if the digest had every topic; see `Layout.prepare`. New versions get what
    the papers leave.
    """
    others = (*PAPER_PIECES, "versions")
    fixed = sum(piece.size for key, piece in layout.pieces.items() if key[0] not in others)
    recapped = sum(layout.pieces[key_of(card)].size for card in recaps)
    noted = 2 * len(rendered(note).html.encode()) if note else 0
    return HTML_LIMIT - SLOT_RESERVE - layout.frame.size - fixed - recapped - noted


def size_of_versions(layout: Layout, lines: Sequence[NewVersion]) -> int | None:
    """Bytes of HTML of the section with these lines; None where the templates have no place for it."""
    if not layout.shows_versions:
        return None
    return sum(layout.pieces[key].size for key in _version_keys(lines))


def assemble(
    layout: Layout, plan: DigestPlan, papers: Mapping[int, PaperView], *, composed_at: datetime
) -> Content:
    """The content of a plan with prepared cards. composed_at: the Date header."""
    chosen = {place: [layout.pieces[key] for key in keys] for place, keys in places(plan).items()}
    chosen["note"] = [_with_note(piece, plan.note) for piece in chosen["note"]]
    html: list[bytes] = []
    text: list[bytes] = []
    for part in layout.frame.html:
        html += [part] if isinstance(part, bytes) else [piece.html for piece in chosen[part]]
    for part in layout.frame.text:
        text += [part] if isinstance(part, bytes) else [piece.text for piece in chosen[part]]
    return Content(
        subject=subject_line.subject(layout.brand, layout.topics, plan, papers),
        date=composed_at,
        html=tuple(filter(None, html)),
        text=tuple(filter(None, text)),
        values=values(layout, plan, papers),
    )


def _with_note(piece: EncodedPiece, note: str) -> EncodedPiece:
    """The piece around the note, with the note in it: no later step escapes its markup."""
    shown = rendered(note)
    before = decoded(piece.html.partition(_NOTE_SLOT)[0])
    in_attribute = before.rfind(b"<") > before.rfind(b">")
    markup = encode_value(shown.text, markup=True) if in_attribute else encode_piece(shown.html, _NO_SLOT)
    return EncodedPiece(
        html=piece.html.replace(_NOTE_SLOT, markup),
        text=piece.text.replace(_NOTE_SLOT, encode_value(shown.text, markup=False)),
        size=piece.size,
    )


def places(plan: DigestPlan) -> dict[str, list[PieceKey]]:
    """The pieces of each place of the layout, in order."""
    shown: list[PieceKey] = []
    before: PlannedPaper | None = None
    for card in plan.news:
        if before is None or card.topic != before.topic:
            shown.append(("section", *_topic_key(card.topic, alone=not shown)))
        elif card.form in ROWS and before.form not in ROWS and ("also", card.topic) not in shown:
            shown.append(("also", card.topic))
        shown.append(key_of(card))
        before = card
    counts = subject_line.counts(plan)
    return {
        "tally": [("tallies",), *(("tally", *_topic_key(topic, alone=False)) for topic in counts)]
        if len(counts) > 1
        else [],
        "note": [("note",)] if plan.note else [],
        "papers": [*shown, ("more",)] if plan.left_out else shown,
        "maybe": [("doubtful",), *(key_of(card, maybe=True) for card in plan.maybe)] if plan.maybe else [],
        "recaps": [("recaps",), *(key_of(card) for card in plan.recaps)] if plan.recaps else [],
        "versions": _version_keys(plan.new_versions),
    }


def _version_keys(lines: Sequence[NewVersion]) -> list[PieceKey]:
    return [("versions",), *map(key_of_version, lines)] if lines else []


def _topic_key(topic: str, *, alone: bool) -> PieceKey:
    """The topic part of a piece's key: below other sections, "Everything" becomes "Everything else"."""
    return (topic, EVERYTHING_ELSE) if topic == EVERYTHING and not alone else (topic,)


def values(layout: Layout, plan: DigestPlan, papers: Mapping[int, PaperView]) -> dict[str, str]:
    """The values of the `digest.…` slots, equal for all its readers."""
    found = {
        "digest.number": str(plan.edition),
        "digest.date": subject_line.weekday_in_words(plan.date),
        "digest.lede": subject_line.lede(plan, papers, minutes=minutes(layout, plan)),
        "digest.title": f"{layout.brand.name} No. {plan.edition}",
        "digest.preheader": subject_line.preheader(layout.brand, plan, papers),
        "digest.note": rendered(plan.note).text if plan.note else "",  # for a template with it elsewhere
        "digest.more": subject_line.more(plan),
    }
    counts = subject_line.counts(plan)
    largest = max(counts.values(), default=1)
    for topic, count in counts.items():
        width = round(count * min(BAR_PER_PAPER, 100 / largest))
        found[f"digest.count_{topic}"] = str(count)
        found[f"digest.width_{topic}"] = str(max(width, SHORTEST_BAR))
        found[f"digest.bar_{topic}"] = TEXT_BAR_CHARACTER * max(
            1, round(count * min(1, TEXT_BAR_LENGTH / largest))
        )
    for card in (*plan.news, *plan.maybe):
        seen_on = papers[card.paper_id].seen_on
        if seen_on is not None:
            found[f"digest.seen_{seen_on}"] = "today" if seen_on == plan.date else in_words(seen_on)
            found[f"digest.listed_{seen_on}"] = subject_line.listed(seen_on, plan.date)
    for topic, count in rows_below_cards(plan).items():
        found[f"digest.also_{topic}"] = subject_line.also(layout.topics, topic, count)
    return found


def minutes(layout: Layout, plan: DigestPlan) -> int:
    """Minutes that it takes to read the papers of a plan; at least one."""
    keys = [*map(key_of, plan.news), *(key_of(card, maybe=True) for card in plan.maybe)]
    return max(1, round(sum(layout.pieces[key].words for key in keys) / WORDS_PER_MINUTE))


def rows_below_cards(plan: DigestPlan) -> dict[str, int]:
    """Number of rows by section, for sections that begin with a card."""
    cards = {card.topic for card in plan.news if card.form not in ROWS}
    rows = Counter(card.topic for card in plan.news if card.form in ROWS)
    return {topic: count for topic, count in rows.items() if topic in cards}
