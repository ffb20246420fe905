"""Names the values of one reader's account: topics followed, digests mailed, debts stored as rows.

Decides nothing: `ledger` balances an account, `pending` and `no_digest` explain it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from newsletter.core.cadence import Cadence
from newsletter.core.states import DebtEnd, DeliveryState

NEVER_RECEIVED = (DeliveryState.FAILED, DeliveryState.SKIPPED)  # the reader has nothing of such a delivery
SMALLEST_STEP = timedelta(microseconds=1)  # the least time by which one event is after another


@dataclass(frozen=True, slots=True, kw_only=True)
class EditionPair:
    """A frozen (paper, topic) pair."""

    paper: int  # canonical id
    topic: str
    edition: int
    ready_at: datetime
    stored_at: datetime | None = None  # when its edition was made; may be after it counts as ready
    held: bool = False
    end: DebtEnd | None = None  # dropped or withdrawn, for everybody
    released: bool = False  # by an admin, after a hold or within the hold time
    restored_at: datetime | None = None  # when it was taken back in after a drop

    def waited_at(self, at: datetime) -> bool:
        """Whether its edition had been made by then, and was held or in its hold time."""
        if self.stored_at is not None and self.stored_at <= at < self.ready_at:
            return True
        return self.held and self.ready_at <= at


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowInterval:
    """A time in which the reader followed a topic."""

    topic: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MailedPaper:
    """A paper's place in a delivery."""

    paper: int  # canonical id
    form: str
    role: str
    mailed_as: int | None = None  # the id that the delivery shows
    merged_into: Sequence[tuple[datetime, int]] = ()  # (since when, canonical id) of that id, oldest first
    inherited: bool = False  # split off, after the mail, from a paper that the delivery shows


@dataclass(frozen=True, slots=True, kw_only=True)
class MailedDigest:
    """One digest delivery."""

    delivery: int
    state: str
    reason: str | None
    composed_at: datetime
    papers: Sequence[MailedPaper]
    key: str = ""  # the local date of its slot, if it has one
    finished_at: datetime | None = None  # when its outcome was known


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalDebt:
    """A debt that is a row of its own for this reader."""

    paper: int
    kind: str  # returned, welcome, recap, resent
    open: bool  # no delivery carries it, and it has not ended
    ended: DebtEnd | None
    made_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """All that is known of one reader."""

    confirmed: bool
    cadence: Cadence
    cadence_since: datetime | None  # when the cadence was last changed
    paused_until: datetime | None
    minimum: int
    intervals: Sequence[FollowInterval]
    mailed: Sequence[MailedDigest]  # in the order of composing
    debts: Sequence[PersonalDebt]
    suppressed: bool = False  # now
