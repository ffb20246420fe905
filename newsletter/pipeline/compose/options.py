"""Names the options of publishing and composing, in one value. Decides nothing and reads no settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import Connection

from newsletter.core.debts.digest_plan import DigestPlan, NewVersion, PlannedPaper
from newsletter.core.mail.values import Content
from newsletter.pipeline.content.transactional import TransactionalRenderer


class Renderer(Protocol):
    """Makes digests from prepared pieces; in use: `newsletter.pipeline.content.digest_renderer`."""

    @property
    def topic_order(self) -> Mapping[str, int]:
        """Slug to the rank of its section."""

    def prepare(
        self,
        connection: Connection,
        cards: Iterable[PlannedPaper],
        *,
        maybe: Iterable[PlannedPaper] = (),
        new_versions: Iterable[NewVersion] = (),
    ) -> None:
        """Render the pieces of these papers, each in its form. maybe: papers to render as doubtful ones."""

    def size(self, card: PlannedPaper, *, maybe: bool = False) -> int:
        """Bytes of HTML that a prepared paper takes in its form, which may be shorter than it was prepared.

        maybe: among the doubtful ones.
        """

    def size_of_versions(self, lines: Sequence[NewVersion]) -> int | None:
        """Bytes of HTML of the section with these prepared lines; None where the templates have none."""

    def budget(self, recaps: Sequence[PlannedPaper], note: str) -> int:
        """Bytes of HTML that the papers of one digest may take."""

    def content(self, plan: DigestPlan, *, composed_at: datetime) -> Content:
        """Join the pieces of a plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EditionSchedule:
    """How editions are dated and held back."""

    zone: str = "UTC"  # of the date that an edition bears
    hold: timedelta = timedelta(0)  # between the last ingest and readiness, for an admin to look
    canaries: tuple[str, ...] = ()  # addresses of the readers who get an edition when it is published


@dataclass(frozen=True, slots=True, kw_only=True)
class SendOptions:
    """How digests are made, and for whom: the same for sending, a dry run, a preview and a trial."""

    renderer: Renderer
    edition_schedule: EditionSchedule = field(default_factory=EditionSchedule)
    note_renderer: TransactionalRenderer | None = None  # of the note for a slot without news; None: no note
    signed_with: str | None = None  # id of the secret key that signs the digests
    everyone: bool = False  # all with debts, regardless of the hour
    new_versions: bool = False  # tell readers of new versions of papers that they had
    only: int | None = None  # one subscriber's id; None: all
