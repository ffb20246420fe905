"""The values of one reader's account: what they follow, what they were mailed, and their own debts.

Values only. `ledger` balances them, `pending` and `no_digest` explain them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from newsletter.core.cadence import Cadence
from newsletter.core.states import DebtEnd


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


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowInterval:
    """That the reader followed a topic."""

    topic: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MailedPaper:
    """A paper's place in a delivery."""

    paper: int  # canonical id
    form: str
    role: str
    own: int | None = None  # the id it had in the mail
    names: Sequence[tuple[datetime, int]] = ()  # canonical ids that this id came to have, and since when
    inherited: bool = False  # it was part of what the mail shows, and was split off since


@dataclass(frozen=True, slots=True, kw_only=True)
class MailedDigest:
    """One digest delivery of the reader's, in the order of composing."""

    delivery: int
    state: str
    reason: str | None
    composed_at: datetime
    papers: Sequence[MailedPaper]
    key: str = ""  # the local date of its slot, when a slot asked for it
    finished_at: datetime | None = None  # when its fate was known


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalDebt:
    """A debt that is a row of the reader's own."""

    paper: int
    kind: str  # returned, welcome, recap, resent
    open: bool  # neither carried by a delivery nor ended
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
    mailed: Sequence[MailedDigest]
    debts: Sequence[PersonalDebt]
    suppressed: bool = False  # now
