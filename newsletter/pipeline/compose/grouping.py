"""Groups readers who are owed the same: they have equal group keys, and get one digest.

The database writes the keys for a whole batch; each distinct one is read back once. What a group is owed is
decided in `newsletter.pipeline.compose.edition_debts`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import reduce
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    String,
    bindparam,
    case,
    cast,
    func,
    insert,
    select,
    update,
)
from sqlmodel.sql.sqltypes import UTCDateTime

from newsletter.core.debts.digest_plan import NewVersion
from newsletter.db.schema import (
    digests,
    editions,
)
from newsletter.pipeline.compose.batch import (
    batch,
    covers,
    groups,
    last_digests,
    own_debts,
    papers_had,
    version_lines,
)
from subscribers import audience

SEPARATOR = "|"  # between the fields; occurs in none of them

_WINDOW = bindparam("window", type_=UTCDateTime())  # editions that were ready before it are too old


class OwnDebt(NamedTuple):
    """A row of reader_debts, without what differs between readers who are owed the same."""

    paper_id: int  # canonical
    kind: str  # returned, welcome, recap
    topic: str  # that it was first shown under
    leads: bool
    after_slot: bool  # ready after the slot
    fresh: bool  # not old enough to go alone
    brought_by: tuple[int, ...]  # ids of the pairs that can bring it now


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupKey:
    """All that decides what a group of readers is owed."""

    slot_at: datetime
    day: date  # in the reader's zone
    forced: bool  # regardless of the hour
    minimum: int  # papers that make a digest worth sending
    maximum: int | None  # papers that one may hold
    cards: int | None  # papers shown at length; None: all
    maybe: bool  # doubtful papers as well
    early: bool  # a canary: editions that are not ready as well
    kept: bool  # their delivery waited: editions that the program itself holds as well
    settled_number: int  # editions up to this number …
    settled_count: int  # … among the first so many recent ones by readiness were settled by the last digest
    left_by: int | None  # the last digest, when it left papers out
    topics: dict[str, int]  # slug to how many recent editions were ready before it was followed
    debts: tuple[OwnDebt, ...]  # what their open rows in reader_debts say, in the order of the rows
    had: frozenset[int]  # reappearing papers that a digest of theirs showed
    seen: frozenset[int]  # reappearing papers that one showed as doubtful
    new_versions: tuple[NewVersion, ...]  # of papers that they had, the newest first


@dataclass(frozen=True, slots=True)
class KeyField:
    """One field of the group key: how the database writes it, and how it is read back."""

    name: str  # of an attribute of GroupKey
    sql: ColumnElement[str]  # for a row of the batch; never null, and without SEPARATOR
    parse: Callable[[str], Any]


def parse_group_key(text: str) -> GroupKey:
    """Read a group key back."""
    parts = zip(FIELDS, text.split(SEPARATOR), strict=True)
    return GroupKey(**{field.name: field.parse(part) for field, part in parts})


def write_group_keys(connection: Connection, *, window: datetime) -> None:
    """Write each reader's group key into the batch, and each distinct key into `groups`.

    window: editions that were ready before it are too old.
    """
    connection.execute(_SETTLE_LAST_DIGESTS, {"window": window})
    connection.execute(_WRITE_KEYS, {"window": window})
    connection.execute(_ADD_GROUPS)


def _number(column: ColumnElement[Any]) -> ColumnElement[str]:
    return cast(column, String)


def _optional_number(column: ColumnElement[Any]) -> ColumnElement[str]:
    return func.coalesce(cast(column, String), "")


def _flag(column: ColumnElement[bool]) -> ColumnElement[str]:
    return cast(cast(column, Integer), String)


def _parse_instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)  # with an offset on PostgreSQL, without on SQLite
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _parse_flag(text: str) -> bool:
    return text == "1"


def _parse_optional_number(text: str) -> int | None:
    return int(text) if text else None


def _parse_topics(text: str) -> dict[str, int]:
    return {slug: int(late) for slug, _, late in (part.partition("@") for part in text.split(",") if part)}


def _parse_numbers(text: str) -> tuple[int, ...]:
    return tuple(sorted(int(part) for part in text.split(",") if part))


def _parse_debts(text: str) -> tuple[OwnDebt, ...]:
    rows = sorted((part.split(":") for part in text.split(",") if part), key=lambda row: int(row[0]))
    return tuple(
        OwnDebt(
            paper_id=int(paper),
            kind=kind,
            topic=topic,
            leads=_parse_flag(leads),
            after_slot=_parse_flag(after),
            fresh=_parse_flag(fresh),
            brought_by=tuple(sorted(int(pair) for pair in pairs.split("+") if pair)),
        )
        for _, paper, kind, topic, leads, after, fresh, pairs in rows
    )


def _parse_number_set(text: str) -> frozenset[int]:
    return frozenset(_parse_numbers(text))


def _parse_versions(text: str) -> tuple[NewVersion, ...]:
    lines = [part.partition("@") for part in text.split(",") if part]
    found = [NewVersion(paper_id=int(id_), listed_on=date.fromisoformat(day)) for id_, _, day in lines]
    return tuple(sorted(found, key=lambda line: (line.listed_on, line.paper_id), reverse=True))


def _settled(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """A column of the reader's last digest; null without one."""
    return select(column).where(last_digests.c.digest_id == batch.c.last_digest).scalar_subquery()


def _topics() -> ColumnElement[str]:
    """Topics followed now, each with the number of recent editions that were ready before."""
    following = audience.following().subquery()
    late = (
        select(func.count())
        .select_from(editions)
        .where(editions.c.ready_at >= _WINDOW, editions.c.ready_at < following.c.since)
        .correlate(following)
        .scalar_subquery()
    )
    return func.coalesce(
        select(func.aggregate_strings(following.c.topic + "@" + cast(late, String), ","))
        .where(following.c.subscriber_id == batch.c.subscriber_id, following.c.until.is_(None))
        .correlate(batch)
        .scalar_subquery(),
        "",
    )


def _debts() -> ColumnElement[str]:
    """The reader's open rows of reader_debts, by their content."""
    brought_by = func.coalesce(
        select(func.aggregate_strings(cast(covers.c.best, String), "+"))
        .where(covers.c.debt_id == own_debts.c.debt_id, covers.c.best.is_not(None))
        .correlate(own_debts)
        .scalar_subquery(),
        "",
    )
    place = func.row_number().over(order_by=own_debts.c.debt_id)
    parts = (
        cast(place, String),
        cast(own_debts.c.kept, String),
        own_debts.c.kind,
        own_debts.c.topic,
        _flag(own_debts.c.leads),
        _flag(own_debts.c.after_slot),
        _flag(own_debts.c.fresh),
        brought_by,
    )
    rows = (
        select(reduce(lambda line, part: line + ":" + part, parts).label("words"))
        .where(own_debts.c.subscriber_id == batch.c.subscriber_id)
        .correlate(batch)
        .subquery()
    )
    every = select(func.aggregate_strings(rows.c.words, ",")).scalar_subquery()
    any_open = select(own_debts.c.debt_id).exists()
    return func.coalesce(case((any_open, every), else_=None), "")


def _papers_had(*, doubtful: bool) -> ColumnElement[str]:
    """Reappearing papers that the reader had. doubtful: that a digest showed as doubtful."""
    had = (
        select(func.aggregate_strings(cast(papers_had.c.paper_id, String), ","))
        .where(papers_had.c.subscriber_id == batch.c.subscriber_id, papers_had.c.doubtful.is_(doubtful))
        .correlate(batch)
        .scalar_subquery()
    )
    any_had = select(papers_had.c.paper_id).exists()
    return func.coalesce(case((any_had, had), else_=None), "")


def _new_versions() -> ColumnElement[str]:
    """New versions of papers that the reader had; none where the settings do not ask for them."""
    line = cast(version_lines.c.paper_id, String) + "@" + cast(version_lines.c.listed_on, String)
    told = (
        select(func.aggregate_strings(line, ","))
        .where(version_lines.c.subscriber_id == batch.c.subscriber_id)
        .correlate(batch)
        .scalar_subquery()
    )
    any_told = select(version_lines.c.paper_id).exists()
    return func.coalesce(case((any_told, told), else_=None), "")


FIELDS = (
    KeyField("slot_at", cast(batch.c.slot_at, String), _parse_instant),
    KeyField("day", cast(batch.c.day, String), date.fromisoformat),
    KeyField("forced", _flag(batch.c.forced), _parse_flag),
    KeyField("minimum", _number(batch.c.minimum), int),
    KeyField("maximum", _optional_number(batch.c.maximum), _parse_optional_number),
    KeyField("cards", _optional_number(batch.c.cards), _parse_optional_number),
    KeyField("maybe", _flag(batch.c.maybe), _parse_flag),
    KeyField("early", _flag(batch.c.early), _parse_flag),
    KeyField("kept", _flag(batch.c.kept), _parse_flag),
    KeyField("settled_number", _number(func.coalesce(_settled(last_digests.c.settled_number), 0)), int),
    KeyField("settled_count", _number(func.coalesce(_settled(last_digests.c.settled_count), 0)), int),
    KeyField("left_by", _optional_number(_settled(last_digests.c.left_by)), _parse_optional_number),
    KeyField("topics", _topics(), _parse_topics),
    KeyField("debts", _debts(), _parse_debts),
    KeyField("had", _papers_had(doubtful=False), _parse_number_set),
    KeyField("seen", _papers_had(doubtful=True), _parse_number_set),
    KeyField("new_versions", _new_versions(), _parse_versions),
)

_WRITE_KEYS = (
    update(batch)
    .where(batch.c.closes.is_(None))
    .values(group_key=reduce(lambda line, part: line + SEPARATOR + part, (field.sql for field in FIELDS)))
)
_ADD_GROUPS = insert(groups).from_select(
    ["group_key", "people"],
    select(batch.c.group_key, func.count()).where(batch.c.group_key.is_not(None)).group_by(batch.c.group_key),
)
# A last digest settles the editions up to its number that were ready when it was composed.
_SETTLE_LAST_DIGESTS = insert(last_digests).from_select(
    ["digest_id", "settled_number", "settled_count", "left_by"],
    select(
        digests.c.id,
        digests.c.edition,
        select(func.count())
        .select_from(editions)
        .where(editions.c.ready_at >= _WINDOW, editions.c.ready_at <= digests.c.composed_at)
        .correlate(digests)
        .scalar_subquery(),
        case((digests.c.has_left_out, digests.c.id)),
    ).where(digests.c.id.in_(select(batch.c.last_digest).distinct())),
)
