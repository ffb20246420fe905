"""Explains why a debt is pending: which slot is to bring the paper, and whether that slot has come.

It settles no debt (`newsletter.core.debts.ledger`).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from newsletter.core.cadence import DIGEST_SPACING, MAX_CLOCK_LAG, MINIMUM_YIELDS_AFTER, Slot, next_slot
from newsletter.core.debts.account import (
    NEVER_RECEIVED,
    SMALLEST_STEP,
    Account,
    EditionPair,
    MailedDigest,
)
from newsletter.core.states import Form


class Pending(StrEnum):
    """Why a debt is not paid yet."""

    IN_MAIL = "in a mail that is on its way"
    NOT_READY = "its edition is not ready"
    HELD = "its edition is held"
    NO_ROOM = "no room in the last digest; it leads the next"
    SLOT = "waits for the next slot"
    NO_RUN = "no run since its slot"
    PAUSED = "the reader paused"
    TOO_FEW = "fewer papers than the reader's minimum"
    CLOCK_BEHIND = "the clock is behind the last digest"
    RETURNED = "given back; it leads the next digest"
    UNCERTAIN = "its mail's fate is uncertain; it comes as a recap"


def why_pending(
    account: Account, pair: EditionPair, *, now: datetime, last_run: datetime | None
) -> Pending | None:
    """Why a debt that no delivery carries is pending; None when there is no reason: it was missed.

    last_run: the last compose run for everybody, if any.
    """
    if pair.held:
        return Pending.HELD
    if pair.ready_at > now:
        return Pending.NOT_READY
    if account.paused_until is not None and account.paused_until > now:
        return Pending.PAUSED
    last = last_digest(account, now)
    if last is not None and last.composed_at > now:
        return Pending.CLOCK_BEHIND
    if last is not None and last.composed_at >= _known_at(pair, now):
        # A digest was composed after the paper was ready: it must list the paper as left out.
        if not any(c.paper == pair.paper and c.form == Form.LEFT for c in last.papers):
            return None
        later = replace(pair, ready_at=last.composed_at + SMALLEST_STEP)  # the next digest brings it
        waits = _why_no_digest(account, later, now=now, last_run=last_run)
        return Pending.NO_ROOM if waits in (Pending.SLOT, Pending.NO_RUN) else waits
    return _why_no_digest(account, pair, now=now, last_run=last_run)


def _why_no_digest(
    account: Account, pair: EditionPair, *, now: datetime, last_run: datetime | None
) -> Pending | None:
    """Why no digest was composed since the pair was ready; None when one should have been."""
    due = _known_at(pair, now) - SMALLEST_STEP  # a slot at that instant counts
    if account.cadence_since is not None and account.cadence_since <= now:
        due = max(due, account.cadence_since)  # a change recomputes the next slot from its own instant
    if account.paused_until is not None:
        due = max(due, account.paused_until - SMALLEST_STEP)  # slots of a pause are closed
    slot = next_slot(account.cadence, due)
    while _passed_over(account, slot, now):
        slot = next_slot(account.cadence, slot.at)
    if slot.at > now:
        return Pending.SLOT
    if last_run is None or last_run < slot.at:
        return Pending.NO_RUN
    if account.minimum > 1 and last_run < next_slot(account.cadence, pair.ready_at + MINIMUM_YIELDS_AFTER).at:
        return Pending.TOO_FEW
    return None


def last_digest(account: Account, now: datetime) -> MailedDigest | None:
    """The reader's last digest, without those that a wrong clock dated far ahead of `now`."""
    return next((mail for mail in reversed(account.mailed) if mail.composed_at <= now + MAX_CLOCK_LAG), None)


def _known_at(pair: EditionPair, now: datetime) -> datetime:
    """The first instant at which a run could see that the pair was ready, and was not dropped."""
    known = (
        pair.ready_at,
        *(at for at in (pair.stored_at, pair.restored_at) if at is not None and at <= now),
    )
    return max(known)


def _passed_over(account: Account, slot: Slot, now: datetime) -> bool:
    """Whether the slot's date has a digest, or the 12 hours before it one that had not failed by then."""
    return any(
        mail.key == slot.day.isoformat()
        or (
            slot.at - DIGEST_SPACING < mail.composed_at <= now
            and (mail.state not in NEVER_RECEIVED or mail.finished_at is None or mail.finished_at > slot.at)
        )
        for mail in account.mailed
    )
