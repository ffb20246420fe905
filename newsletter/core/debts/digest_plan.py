"""Plans a digest: which papers, and in which order. Renders nothing.

`newsletter.core.debts.fit_to_size` shortens it to the size that mailbox providers show.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from newsletter.core.states import Form, Role

EVERYTHING = "everything"  # the topic that holds every paper, matched or not
MAX_MAYBES = 10  # doubtful papers at the end of a digest; nobody scrolls further
MAX_NEW_VERSIONS = 10  # lines at the end of a digest; of more, the newest
MAX_RECAPS = 30  # papers in the box "in case you missed it"; more wait for the next digest


@dataclass(frozen=True, slots=True, kw_only=True)
class OwedPair:
    """A paper that a reader is owed, through one topic."""

    paper_id: int
    topic: str
    score: float
    edition: int | None  # that froze the pair
    place: int  # in its edition; 1 for the first
    ready_at: datetime
    leads: bool = False  # left out or given back before: comes first
    restored: bool = False  # dropped once: whoever got a digest meanwhile may still be owed it
    role: Role = Role.NEWS


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPaper:
    """One paper's place in a digest."""

    paper_id: int
    topic: str  # slug it is shown under
    also_in: tuple[str, ...] = ()  # other slugs that the reader follows and it belongs to
    form: Form = Form.FULL
    role: Role = Role.NEWS
    edition: int | None = None  # that froze the pair


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVersion:
    """A line that tells of a new version of a paper which the reader had."""

    paper_id: int
    listed_on: date  # of the listing that brought it


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestPlan:
    """One ordered content; equal plans are one digest."""

    edition: int  # the newest edition that was ready
    date: date  # printed in the masthead
    news: tuple[PlannedPaper, ...]  # section by section, in order
    recaps: tuple[PlannedPaper, ...] = ()
    left_out: tuple[PlannedPaper, ...] = ()  # no room: still owed, lead the next digest
    maybe: tuple[PlannedPaper, ...] = ()  # doubtful papers; nobody is owed them
    note: str = ""  # the editor's words
    new_versions: tuple[NewVersion, ...] = ()  # of papers that the reader had; nobody is owed them

    def key(self, composed_at: datetime) -> str:
        """The digest's key: SHA-256 over its content and the instant of its Date header, in hex."""
        identity = [
            self.edition,
            self.date.isoformat(),
            composed_at.isoformat(),
            self.note,
            *(
                [[p.paper_id, p.topic, p.also_in, p.form, p.role, p.edition] for p in part]
                for part in (self.news, self.recaps, self.left_out, self.maybe)
            ),
            *([version.paper_id, version.listed_on.isoformat()] for version in self.new_versions),
        ]
        return hashlib.sha256(json.dumps(identity, separators=(",", ":")).encode()).hexdigest()


def arrange(pairs: Iterable[OwedPair], *, topic_order: Mapping[str, int]) -> tuple[PlannedPaper, ...]:
    """Each owed paper once, in its strongest topic, section by section.

    pairs: all that one reader is owed. topic_order: slug to rank, for sections of equal weight.
    A section weighs what its strongest paper scores; of equal ones the longer goes first, `everything` last.
    Within a section papers that were left out before come first; then score decides, then the listing.
    """
    by_paper: dict[int, list[OwedPair]] = {}
    for pair in pairs:
        by_paper.setdefault(pair.paper_id, []).append(pair)
    rows: list[tuple[tuple[object, ...], PlannedPaper]] = []
    scores: dict[str, list[float]] = {}
    last = len(topic_order)
    for paper_id, of_paper in by_paper.items():
        special = [p for p in of_paper if p.topic != EVERYTHING] or of_paper
        shown = min(special, key=lambda p: (-p.score, topic_order.get(p.topic, last)))
        also = sorted({p.topic for p in special} - {shown.topic}, key=lambda t: (topic_order.get(t, last), t))
        scores.setdefault(shown.topic, []).append(shown.score)
        leads = any(p.leads for p in of_paper)
        role = Role.WELCOME if all(p.role is Role.WELCOME for p in of_paper) else Role.NEWS
        order = (not leads, -shown.score, shown.edition or 0, shown.place, paper_id)
        rows.append(
            (
                order,
                PlannedPaper(
                    paper_id=paper_id,
                    topic=shown.topic,
                    also_in=tuple(also),
                    role=role,
                    edition=shown.edition,
                ),
            )
        )
    weights = {
        topic: (topic == EVERYTHING, -max(of), -len(of), topic_order.get(topic, last), topic)
        for topic, of in scores.items()
    }
    rows.sort(key=lambda row: (weights[row[1].topic], row[0]))
    return tuple(planned for _, planned in rows)
