"""Packs the papers that one digest holds into bytes, and unpacks them.

The form: docs/explanation/history.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from newsletter.core.debts.packed_bytes import EPOCH, DamagedHistoryError, Reader, Writer
from newsletter.core.states import Form, MailKind, Role

VERSION = 1  # the first byte
# Stored by place: only ever append.
_FORMS = (Form.FULL, Form.SHORT, Form.ROW, Form.TITLE, Form.LEFT)
_ROLES = (Role.NEWS, Role.WELCOME, Role.RECAP)
_KINDS = (MailKind.DIGEST, MailKind.NOTHING_NEW)


@dataclass(frozen=True, slots=True, kw_only=True)
class PastPaper:
    """A paper's place in a digest."""

    paper_id: int
    topic: str
    form: str
    role: str
    edition: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastContent:
    """What one digest held."""

    kind: str
    subject: str
    composed_at: datetime
    edition: int | None
    has_left_out: bool
    papers: tuple[PastPaper, ...]
    maybe: tuple[tuple[int, str], ...] = ()  # (paper id, topic) of doubtful ones
    new_versions: tuple[tuple[int, date], ...] = ()  # (paper id, date of the listing)


def pack(content: PastContent) -> bytes:
    """The bytes of a digest's content. Raises ValueError for a form, role or kind that has no place."""
    out = Writer()
    out.number(VERSION)
    out.number(_KINDS.index(MailKind(content.kind)) | content.has_left_out << 1)
    out.text(content.subject)
    out.instant(content.composed_at, EPOCH)
    out.number(0 if content.edition is None else content.edition + 1)
    topics = list(dict.fromkeys([*(p.topic for p in content.papers), *(topic for _, topic in content.maybe)]))
    out.number(len(topics))
    for topic in topics:
        out.text(topic)
    base = content.edition or 0
    out.number(len(content.papers))
    before = 0
    for paper in content.papers:
        own_edition = paper.edition != content.edition
        out.signed(paper.paper_id - before)
        out.number(
            topics.index(paper.topic) << 6
            | own_edition << 5
            | _ROLES.index(Role(paper.role)) << 3
            | _FORMS.index(Form(paper.form))
        )
        if own_edition:
            out.number(0 if paper.edition is None else 1)
            if paper.edition is not None:
                out.signed(paper.edition - base)
        before = paper.paper_id
    out.number(len(content.maybe))
    for paper_id, topic in content.maybe:
        out.signed(paper_id - before)
        out.number(topics.index(topic))
        before = paper_id
    out.number(len(content.new_versions))
    for paper_id, day in content.new_versions:
        out.signed(paper_id - before)
        out.signed(day.toordinal() - EPOCH.toordinal())
        before = paper_id
    return bytes(out.data)


def unpack(body: bytes) -> PastContent:
    """What `pack` packed. Raises DamagedHistoryError."""
    taken = Reader(body)
    if taken.number() != VERSION:
        raise DamagedHistoryError("the bytes are of another version")
    try:
        return _unpacked(taken)
    except (IndexError, UnicodeDecodeError, ValueError, OverflowError) as error:
        raise DamagedHistoryError(str(error)) from None


def _unpacked(taken: Reader) -> PastContent:
    flags, subject, composed_at = taken.number(), taken.text(), taken.instant(EPOCH)
    edition: int | None = taken.number() - 1
    base = max(edition or 0, 0)
    edition = None if edition == -1 else edition
    topics = [taken.text() for _ in range(taken.number())]
    papers: list[PastPaper] = []
    paper_id = 0
    for _ in range(taken.number()):
        paper_id += taken.signed()
        how = taken.number()
        own = edition
        if how >> 5 & 1:
            own = base + taken.signed() if taken.number() else None
        papers.append(
            PastPaper(
                paper_id=paper_id,
                topic=topics[how >> 6],
                form=_FORMS[how & 7].value,
                role=_ROLES[how >> 3 & 3].value,
                edition=own,
            )
        )
    maybe: list[tuple[int, str]] = []
    for _ in range(taken.number()):
        paper_id += taken.signed()
        maybe.append((paper_id, topics[taken.number()]))
    versions: list[tuple[int, date]] = []
    for _ in range(taken.number()):
        paper_id += taken.signed()
        versions.append((paper_id, date.fromordinal(EPOCH.toordinal() + taken.signed())))
    return PastContent(
        kind=_KINDS[flags & 1].value,
        subject=subject,
        composed_at=composed_at,
        edition=edition,
        has_left_out=bool(flags >> 1 & 1),
        papers=tuple(papers),
        maybe=tuple(maybe),
        new_versions=tuple(versions),
    )
