"""What a digest holds, in which order and form. Decides only; sizes come in as numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from newsletter.core.states import Form, Role


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
class DigestPlan:
    """One ordered content; equal plans are one digest."""

    edition: int  # the newest edition that it covers
    date: date  # printed in the masthead
    news: tuple[PlannedPaper, ...]  # section by section, in order
    recaps: tuple[PlannedPaper, ...] = ()
    left_out: tuple[PlannedPaper, ...] = ()  # no room: still owed, lead the next digest
    maybe: tuple[PlannedPaper, ...] = ()
    note: str = ""  # the editor's words
