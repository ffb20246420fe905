"""Packs what one reader was sent in one month into bytes, and unpacks it.

The form: docs/explanation/history.md. The first part is equal for readers with equal mail.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from newsletter.core.debts.packed_bytes import EPOCH, DamagedHistoryError, Reader, Writer
from newsletter.core.states import NOW_KEY, RESENT, DebtEnd, DeliveryState, MailKind, Role

VERSION = 1  # the first byte
# Stored by place: only ever append.
_STATES = (DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.UNCERTAIN, DeliveryState.SKIPPED)
_KINDS = (MailKind.DIGEST, MailKind.NOTHING_NEW)
_DEBT_KINDS = ("returned", Role.WELCOME.value, Role.RECAP.value, RESENT)
_ENDS = (
    DebtEnd.GIVEN,
    DebtEnd.DROPPED,
    DebtEnd.LEFT,
    DebtEnd.SUPPRESSED,
    DebtEnd.REFUSED,
    DebtEnd.WITHDRAWN,
    DebtEnd.TOO_OLD,
)
_KEY_IS_DAY, _KEY_IS_OTHER_DAY, _KEY_IS_NOW, _KEY_IS_TEXT = range(4)


@dataclass(frozen=True, slots=True, kw_only=True)
class PastMail:
    """One digest, or note that nothing was new, whose outcome is known."""

    id: int  # of its row of `deliveries`
    kind: str
    digest_id: int
    key: str
    state: str
    composed_at: datetime
    reason: str | None = None
    finished_at: datetime | None = None
    bounced_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastDebt:
    """One ended row of `reader_debts`."""

    paper_id: int
    kind: str
    ended: DebtEnd
    made_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderMonth:
    """What one reader was sent in one month, in the order of composing."""

    mails: tuple[PastMail, ...]
    debts: tuple[PastDebt, ...] = ()


def pack(month: ReaderMonth) -> bytes:
    """The bytes of a month. Raises ValueError for a state or kind that has no place."""
    shared, own = Writer(), Writer()
    before = PastMail(id=0, kind="", digest_id=0, key="", state="", composed_at=EPOCH)
    shared.number(len(month.mails))
    for mail in month.mails:
        how, key = _key_form(mail)
        sent = mail.state == DeliveryState.SENT
        shared.number(
            _STATES.index(DeliveryState(mail.state))
            | _KINDS.index(MailKind(mail.kind)) << 2
            | how << 3
            | (mail.reason is not None) << 5
            | (mail.bounced_at is not None) << 6
        )
        shared.signed(mail.digest_id - before.digest_id)
        shared.instant(mail.composed_at, before.composed_at)
        if how == _KEY_IS_OTHER_DAY:
            shared.signed((date.fromisoformat(mail.key) - _day(mail)).days)
        elif how == _KEY_IS_TEXT:
            shared.text(key)
        if mail.reason is not None:
            shared.text(mail.reason)
        # When a mail failed decides what was owed; when one was sent does not.
        _optional_instant(own if sent else shared, mail.finished_at, mail.composed_at)
        if mail.bounced_at is not None:
            shared.instant(mail.bounced_at, mail.composed_at)
        own.signed(mail.id - before.id)
        before = mail
    shared.number(len(month.debts))
    at, paper = EPOCH, 0
    for debt in month.debts:
        shared.signed(debt.paper_id - paper)
        shared.number(_DEBT_KINDS.index(debt.kind) | _ENDS.index(debt.ended) << 2)
        shared.instant(debt.made_at, at)
        at, paper = debt.made_at, debt.paper_id
    whole = Writer()
    whole.number(VERSION)
    whole.number(len(shared.data))
    body = bytes(whole.data + shared.data + own.data)
    return body + zlib.crc32(body).to_bytes(4, "big")


def is_sound(body: bytes) -> bool:
    """Whether the bytes are as `pack` wrote them, by the sum at their end."""
    return len(body) > 4 and zlib.crc32(body[:-4]) == int.from_bytes(body[-4:], "big")


def shared_part(body: bytes) -> bytes:
    """The part that is equal for readers with equal mail. Raises DamagedHistoryError."""
    return _parts(body)[0]


def unpack(body: bytes) -> ReaderMonth:
    """What `pack` packed. Raises DamagedHistoryError."""
    if not is_sound(body):
        raise DamagedHistoryError("the bytes were changed")
    return _unpacked(*_parts(body))


def unpack_shared(shared: bytes) -> ReaderMonth:
    """The month of readers with equal mail: ids count from 1, and nothing says when a mail was sent."""
    return _unpacked(shared, None)


def _unpacked(shared: bytes, own_part: bytes | None) -> ReaderMonth:
    taken = Reader(shared)
    own = Reader(own_part) if own_part is not None else None
    mails: list[PastMail] = []
    delivery, digest, at = 0, 0, EPOCH
    try:
        for _ in range(taken.number()):
            flags = taken.number()
            state, how = _STATES[flags & 3], flags >> 3 & 3
            digest += taken.signed()
            at = taken.instant(at)
            key = _read_key(taken, how, at)
            reason = taken.text() if flags >> 5 & 1 else None
            source = own if state is DeliveryState.SENT else taken
            finished = _read_optional_instant(source, at) if source is not None else None
            bounced = taken.instant(at) if flags >> 6 & 1 else None
            delivery += own.signed() if own is not None else 1
            mails.append(
                PastMail(
                    id=delivery,
                    kind=_KINDS[flags >> 2 & 1].value,
                    digest_id=digest,
                    key=key,
                    state=state.value,
                    reason=reason,
                    composed_at=at,
                    finished_at=finished,
                    bounced_at=bounced,
                )
            )
        return ReaderMonth(mails=tuple(mails), debts=tuple(_read_debts(taken)))
    except (IndexError, UnicodeDecodeError, OverflowError) as error:
        raise DamagedHistoryError(str(error)) from None


def _read_debts(taken: Reader) -> list[PastDebt]:
    found: list[PastDebt] = []
    made, paper = EPOCH, 0
    for _ in range(taken.number()):
        paper += taken.signed()
        flags = taken.number()
        made = taken.instant(made)
        found.append(
            PastDebt(paper_id=paper, kind=_DEBT_KINDS[flags & 3], ended=_ENDS[flags >> 2], made_at=made)
        )
    return found


def _parts(body: bytes) -> tuple[bytes, bytes]:
    taken = Reader(body)
    if taken.number() != VERSION:
        raise DamagedHistoryError("the bytes are of another version")
    return taken.take(taken.number()), taken.rest()[:-4]


def _day(mail: PastMail) -> date:
    return mail.composed_at.astimezone(UTC).date()


def _key_form(mail: PastMail) -> tuple[int, str]:
    """How the key is stored, and its text when it is stored as one."""
    if mail.key == _day(mail).isoformat():
        return _KEY_IS_DAY, ""
    if mail.key == NOW_KEY + mail.composed_at.isoformat():
        return _KEY_IS_NOW, ""
    try:
        if date.fromisoformat(mail.key).isoformat() == mail.key:
            return _KEY_IS_OTHER_DAY, ""
    except ValueError:
        pass
    return _KEY_IS_TEXT, mail.key


def _read_key(taken: Reader, how: int, at: datetime) -> str:
    if how == _KEY_IS_DAY:
        return at.date().isoformat()
    if how == _KEY_IS_OTHER_DAY:
        return (at.date() + timedelta(days=taken.signed())).isoformat()
    return NOW_KEY + at.isoformat() if how == _KEY_IS_NOW else taken.text()


def _optional_instant(into: Writer, value: datetime | None, after: datetime) -> None:
    into.number(value is not None)
    if value is not None:
        into.instant(value, after)


def _read_optional_instant(taken: Reader, after: datetime) -> datetime | None:
    return taken.instant(after) if taken.number() else None
