"""Joins pieces to a digest: what a plan shows, in order, and what the whole digest prints in its slots.

No template is rendered here: composing another digest costs a join.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from string import Formatter

from newsletter.core.errors import ConfigurationError
from newsletter.core.mail import Content
from newsletter.core.plan import EVERYTHING, DigestPlan, PlannedPaper
from newsletter.render.layout import Key, Layout, Piece, key_of
from newsletter.render.views import PaperView, in_words

HTML_LIMIT = 90_000  # bytes of HTML; Gmail clips a mail near 102 KB
SLACK = 3_000  # bytes for what is printed in slots
SUBJECT_LENGTH = 110  # characters; most clients show fewer
TITLE_LENGTH = 80  # characters of the first title in the subject
BAR = 14  # pixels a paper in the bar of its topic
LONGEST_BAR = 180  # pixels
FIELDS = ("name", "number", "date", "topics", "first", "count")
_NUMBERS = [
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
]


def budget(layout: Layout, recaps: Sequence[PlannedPaper], note: str) -> int:
    """Bytes that the papers of a digest may take: what the rest leaves of the limit."""
    furniture = sum(
        piece.size for key, piece in layout.pieces.items() if key[0] in ("tally", "section", "recaps")
    )
    missed = sum(layout.pieces[key_of(card)].size for card in recaps)
    return HTML_LIMIT - SLACK - layout.frame.size - furniture - missed - 2 * len(note.encode())


def assemble(
    layout: Layout, plan: DigestPlan, papers: Mapping[int, PaperView], *, composed_at: datetime
) -> Content:
    """The content of a plan whose cards are prepared. composed_at: the Date header."""
    chosen = _chosen(plan)
    html: list[bytes] = []
    text: list[bytes] = []
    for parts, frame, pick in (
        (html, layout.frame.html, _html_of),
        (text, layout.frame.text, _text_of),
    ):
        for stretch in frame:
            if isinstance(stretch, bytes):
                parts.append(stretch)
            else:
                parts += [pick(layout.pieces[key]) for key in chosen[stretch]]
    return Content(
        subject=subject(layout, plan, papers),
        date=composed_at,
        html=tuple(html),
        text=tuple(text),
        values=values(layout, plan, papers),
    )


def _html_of(piece: Piece) -> bytes:
    return piece.html


def _text_of(piece: Piece) -> bytes:
    return piece.text


def _chosen(plan: DigestPlan) -> dict[str, list[Key]]:
    """The pieces of each place, in order."""
    shown: list[Key] = []
    section = None
    for card in plan.news:
        if card.topic != section:
            section = card.topic
            shown.append(("section", section))
        shown.append(key_of(card))
    return {
        "tally": [("tally", topic) for topic in _counts(plan)],
        "note": [("note",)] if plan.note else [],
        "papers": shown,
        "recaps": [("recaps",), *(key_of(card) for card in plan.recaps)] if plan.recaps else [],
    }


def _counts(plan: DigestPlan) -> dict[str, int]:
    counts: dict[str, int] = {}
    for card in plan.news:
        counts[card.topic] = counts.get(card.topic, 0) + 1
    return counts


def values(layout: Layout, plan: DigestPlan, papers: Mapping[int, PaperView]) -> dict[str, str]:
    """What the digest prints in its slots, the same for all who get it."""
    found = {
        "digest.number": str(plan.edition),
        "digest.date": weekday_in_words(plan.date),
        "digest.lede": _lede(plan, papers),
        "digest.title": f"{layout.brand.name} No. {plan.edition}",
        "digest.preheader": _preheader(plan, papers),
        "digest.note": plan.note,
    }
    for topic, count in _counts(plan).items():
        found[f"digest.count_{topic}"] = str(count)
        found[f"digest.width_{topic}"] = str(min(count * BAR, LONGEST_BAR))
    return found


def weekday_in_words(day: date) -> str:
    """Friday 17 April 2026."""
    return f"{day:%A} {in_words(day)}"


def _lede(plan: DigestPlan, papers: Mapping[int, PaperView]) -> str:
    count = len(plan.news)
    if not count:
        return "Nothing new today, but an earlier mail to you may not have arrived."
    with_code = sum(1 for card in plan.news if papers[card.paper_id].code)
    topics = {card.topic for card in plan.news} - {EVERYTHING}
    where = " in the topics you follow" if topics else ""
    code = f", {_number(with_code)} of them with code" if with_code and count > 1 else ""
    code = ", with code" if with_code and count == 1 else code
    return f"{_number(count).capitalize()} new paper{'s' if count > 1 else ''}{where}{code}."


def _number(count: int) -> str:
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)


def _preheader(plan: DigestPlan, papers: Mapping[int, PaperView]) -> str:
    titles = [papers[card.paper_id].title for card in (*plan.news, *plan.recaps)]
    return _shortened("; ".join(titles[:3]), 140)


def subject(layout: Layout, plan: DigestPlan, papers: Mapping[int, PaperView]) -> str:
    """The subject line: by the brand's pattern, or else what is inside."""
    first = papers[(plan.news or plan.recaps)[0].paper_id].title
    topics = _topics(layout, _counts(plan)) or "In case you missed it"
    fields = {
        "name": layout.brand.name,
        "number": str(plan.edition),
        "date": in_words(plan.date),
        "topics": topics,
        "first": _shortened(first, TITLE_LENGTH),
        "count": str(len(plan.news)),
    }
    if layout.brand.subject:
        return check_subject(layout.brand.subject).format(**fields)
    if len(plan.news) == 1:
        return _shortened(first, SUBJECT_LENGTH)
    return _shortened(f"{topics}: {first}", SUBJECT_LENGTH)


def _topics(layout: Layout, counts: Mapping[str, int]) -> str:
    """3 Circuits, 1 Quantum, 2 more."""
    if list(counts) == [EVERYTHING]:
        return f"{counts[EVERYTHING]} papers"
    return ", ".join(
        f"{count} {'more' if topic == EVERYTHING else layout.topics[topic].title}"
        for topic, count in counts.items()
    )


def check_subject(pattern: str) -> str:
    """The pattern itself. Raises ConfigurationError when it names a field that there is not."""
    try:
        used = {name for _, name, _, _ in Formatter().parse(pattern) if name is not None}
    except ValueError as error:
        raise ConfigurationError(f"brand.subject cannot be read: {error}", hint=_HINT) from error
    unknown = used - set(FIELDS)
    if unknown:
        raise ConfigurationError(f"brand.subject has no field {sorted(unknown)[0]!r}", hint=_HINT)
    return pattern


_HINT = "Use any of " + ", ".join("{" + name + "}" for name in FIELDS) + "."


def _shortened(text: str, length: int) -> str:
    if len(text) <= length:
        return text
    return text[: length - 1].rsplit(" ", 1)[0].rstrip(" ,;:–—-") + "…"
