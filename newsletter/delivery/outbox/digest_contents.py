"""Reads which papers digests show, doubtful ones too, with the matched words of each, and new versions.

Papers for which a digest had no room are not included. It knows nothing of readers.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, and_, func, select

from newsletter.core.states import Form
from newsletter.db.schema import digest_maybes, digest_papers, digests, paper_topics, papers
from newsletter.delivery.outbox.past_contents import past_contents

IDS_PER_STATEMENT = 400  # digests or papers named in one statement; far below any limit


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPaper:
    """A paper as a digest shows it."""

    id: int
    title: str
    topic: str  # slug that it is shown under, or, for a doubtful paper, may belong to
    evidence: tuple[str, ...]  # matched words as they are now, strongest first
    form: str = ""  # full, short, title; doubtful ones have none
    role: str = ""  # news, recap, welcome; doubtful ones have none


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownVersion:
    """A line of a digest that tells of a new version."""

    id: int  # of the paper
    title: str  # as it is now
    listed_on: date  # of the listing that brought the version

    def as_json(self) -> dict[str, Any]:
        """The JSON of every command that shows it."""
        return {"id": self.id, "title": self.title, "listed_on": self.listed_on.isoformat()}


@dataclass(slots=True, kw_only=True)
class DigestPapers:
    """The papers that one digest shows, in its order."""

    papers: list[ShownPaper] = field(default_factory=list)
    maybe: list[ShownPaper] = field(default_factory=list)  # doubtful ones
    new_versions: list[ShownVersion] = field(default_factory=list)  # of papers that its readers had


def contents_of(connection: Connection, digest_ids: Collection[int]) -> dict[int, DigestPapers]:
    """The papers of these digests by digest id. A digest without papers has no key."""
    found: dict[int, DigestPapers] = {}
    ids = sorted(digest_ids)
    for start in range(0, len(ids), IDS_PER_STATEMENT):
        page = ids[start : start + IDS_PER_STATEMENT]
        shown = _papers_of(digest_papers, digest_papers.c.form, digest_papers.c.role).where(
            digest_papers.c.digest_id.in_(page), digest_papers.c.form != Form.LEFT
        )
        for digest_id, *values in connection.execute(shown):
            found.setdefault(digest_id, DigestPapers()).papers.append(_shown_paper(*values))
        doubted = _papers_of(digest_maybes).where(digest_maybes.c.digest_id.in_(page))
        for digest_id, *values in connection.execute(doubted):
            found.setdefault(digest_id, DigestPapers()).maybe.append(_shown_paper(*values))
        for digest_id, version in _versions_of(connection, page):
            found.setdefault(digest_id, DigestPapers()).new_versions.append(version)
    return found | _packed_contents(connection, [key for key in ids if key not in found])


def _packed_contents(connection: Connection, digest_ids: Sequence[int]) -> dict[int, DigestPapers]:
    """The same of digests whose rows are packed."""
    packed = past_contents(connection, digest_ids)
    pairs = {(p.paper_id, p.topic) for of in packed.values() for p in of.papers if p.form != Form.LEFT}
    pairs |= {pair for of in packed.values() for pair in of.maybe}
    ids = sorted(
        {paper for paper, _ in pairs} | {key for of in packed.values() for key, _ in of.new_versions}
    )
    titles = _titles(connection, ids)
    words = _matched_words(connection, ids)
    found: dict[int, DigestPapers] = {}
    for digest_id, of in packed.items():

        def card(paper: int, topic: str, form: str = "", role: str = "") -> ShownPaper:
            evidence = words.get((paper, topic))
            return _shown_paper(paper, titles[paper], topic, evidence, form, role)

        shown = DigestPapers(
            papers=[card(p.paper_id, p.topic, p.form, p.role) for p in of.papers if p.form != Form.LEFT],
            maybe=[card(paper, topic) for paper, topic in of.maybe],
            new_versions=[
                ShownVersion(id=paper, title=titles[paper], listed_on=day) for paper, day in of.new_versions
            ],
        )
        if shown.papers or shown.maybe or shown.new_versions:
            found[digest_id] = shown
    return found


def _titles(connection: Connection, ids: Sequence[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    for start in range(0, len(ids), IDS_PER_STATEMENT):
        page = ids[start : start + IDS_PER_STATEMENT]
        chosen = select(papers.c.id, papers.c.title).where(papers.c.id.in_(page))
        found |= {row.id: row.title for row in connection.execute(chosen)}
    return found


def _matched_words(connection: Connection, ids: Sequence[int]) -> dict[tuple[int, str], list[str]]:
    """By paper and topic; a merged paper has its matches under the kept one."""
    kept = func.coalesce(papers.c.merged_into, papers.c.id)
    found: dict[tuple[int, str], list[str]] = {}
    for start in range(0, len(ids), IDS_PER_STATEMENT):
        page = ids[start : start + IDS_PER_STATEMENT]
        rows = connection.execute(
            select(papers.c.id, paper_topics.c.topic, paper_topics.c.evidence)
            .join(paper_topics, paper_topics.c.paper_id == kept)
            .where(papers.c.id.in_(page))
        )
        found |= {(row.id, row.topic): row.evidence for row in rows}
    return found


def _versions_of(connection: Connection, digest_ids: Sequence[int]) -> list[tuple[int, ShownVersion]]:
    """(digest, line) of these digests, in their order."""
    rows = connection.execute(
        select(digests.c.id, digests.c.new_versions)
        .where(digests.c.id.in_(digest_ids), digests.c.new_versions.is_not(None))
        .order_by(digests.c.id)
    ).all()
    lines = [(row.id, paper_id, day) for row in rows for paper_id, day in row.new_versions]
    titles = _titles(connection, sorted({paper_id for _, paper_id, _ in lines}))
    return [
        (
            digest_id,
            ShownVersion(id=paper_id, title=titles[paper_id], listed_on=date.fromisoformat(day)),
        )
        for digest_id, paper_id, day in lines
    ]


def _papers_of(held: Table, *more: ColumnElement[str]) -> Select[Any]:
    kept = func.coalesce(
        papers.c.merged_into, papers.c.id
    )  # a merged paper has its matches under the kept one
    return (
        select(
            held.c.digest_id, held.c.paper_id, papers.c.title, held.c.topic, paper_topics.c.evidence, *more
        )
        .join(papers, papers.c.id == held.c.paper_id)
        .outerjoin(paper_topics, and_(paper_topics.c.paper_id == kept, paper_topics.c.topic == held.c.topic))
        .order_by(held.c.digest_id, held.c.position)
    )


def _shown_paper(
    paper_id: int, title: str, topic: str, evidence: list[str] | None, form: str = "", role: str = ""
) -> ShownPaper:
    return ShownPaper(
        id=paper_id, title=title, topic=topic, evidence=tuple(evidence or ()), form=form, role=role
    )
