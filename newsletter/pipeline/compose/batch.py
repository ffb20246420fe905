"""Defines the batch: temporary tables in which a compose run collects due readers. Decides nothing."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Date,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    bindparam,
    false,
    text,
)
from sqlmodel.sql.sqltypes import UTCDateTime


class SlotClosing(StrEnum):
    """Why a slot passes without a digest."""

    PAUSED = "paused"
    PASSED_OVER = "passed over"  # the last digest is less than 12 hours old
    ONE_WAITS = "the last digest still waits"  # `send --now`: what it left out comes after it
    NOTHING_NEW = "nothing new"
    CLOCK_BEHIND = "the clock is behind the last digest"  # the slot stays open
    TOO_FEW = "too few"  # fewer papers than the reader's minimum, and none is old enough to go alone


_line = MetaData()  # filled once for a run
due_readers = Table(
    "due_readers",
    _line,
    Column("subscriber_id", BigInteger, primary_key=True, autoincrement=False),
    prefixes=["TEMPORARY"],
)
due_line = Table(  # the same in the order in which they are mailed
    "due_line",
    _line,
    Column("place", BigInteger, primary_key=True, autoincrement=False),  # from 1
    Column("subscriber_id", BigInteger, nullable=False),
    prefixes=["TEMPORARY"],
)

_temporary = MetaData()  # filled for each turn
chosen = Table(  # the readers of this turn
    "chosen",
    _temporary,
    Column("subscriber_id", Integer, primary_key=True),
    prefixes=["TEMPORARY"],
)
schedules = Table(  # their schedules, each with its slot
    "schedules",
    _temporary,
    Column("timezone", String, primary_key=True),
    Column("hour", Integer, primary_key=True),
    Column("cadence", String, primary_key=True),
    Column("weekday", String, primary_key=True),  # "" for none
    Column("delivery_key", String, nullable=False),
    Column("slot_at", UTCDateTime, nullable=False),
    Column("day", Date, nullable=False),
    Column("next_slot", UTCDateTime, nullable=False),
    prefixes=["TEMPORARY"],
)
unsent = Table(  # their last digest deliveries, where no sender leased them yet
    "unsent",
    _temporary,
    Column("delivery_id", Integer, primary_key=True),
    Column("digest_id", Integer, nullable=False),
    prefixes=["TEMPORARY"],
)
batch = Table(
    "batch",
    _temporary,
    Column("subscriber_id", Integer, primary_key=True),
    Column("delivery_key", String, nullable=False),
    Column("slot_at", UTCDateTime, nullable=False),
    Column("day", Date, nullable=False),  # in the reader's zone
    Column("forced", Boolean, nullable=False),  # regardless of the hour
    Column("expires_at", UTCDateTime, nullable=False),
    Column("version", Integer, nullable=False),
    Column("minimum", Integer, nullable=False),
    Column("maximum", Integer),
    Column("cards", Integer),  # papers shown at length; null: all
    Column("maybe", Boolean, nullable=False),  # doubtful papers as well
    Column("early", Boolean, nullable=False, server_default=false()),  # a canary
    Column("kept", Boolean, nullable=False, server_default=false()),  # replaces a delivery that waited
    Column("closes", String),  # why this slot passes without a digest
    Column("last_digest", Integer),
    Column("group_key", Text),
    prefixes=["TEMPORARY"],
)
GATHERED = [  # the columns that gathering fills
    column.name
    for column in batch.columns
    if column.name not in ("early", "kept", "last_digest", "group_key")
]
last_digests = Table(  # the last digests of these readers, with the editions that each settled
    "last_digests",
    _temporary,
    Column("digest_id", Integer, primary_key=True),
    Column("settled_number", Integer),
    Column("settled_count", Integer, nullable=False),
    Column("left_by", Integer),  # the digest itself, when it left papers out
    prefixes=["TEMPORARY"],
)
reappearing_papers = Table(  # papers that a reader may have had although a pair of theirs is unsettled
    "reappearing_papers",
    _temporary,
    Column("paper_id", Integer, primary_key=True),
    prefixes=["TEMPORARY"],
)
recent_papers = Table(  # papers of editions that may be mailed
    "recent_papers",
    _temporary,
    Column("paper_id", Integer, primary_key=True),
    prefixes=["TEMPORARY"],
)
showing_digests = Table(  # digests that showed one of those papers
    "showing_digests",
    _temporary,
    Column("digest_id", Integer, primary_key=True),
    Column("paper_id", Integer, primary_key=True),
    Column("doubtful", Boolean, primary_key=True),
    prefixes=["TEMPORARY"],
)
papers_had = Table(  # the readers of this turn who had one of them, or saw it as doubtful
    "papers_had",
    _temporary,
    Column("subscriber_id", Integer, primary_key=True),
    Column("doubtful", Boolean, primary_key=True),
    Column("paper_id", Integer, primary_key=True),
    prefixes=["TEMPORARY"],
)
recent_versions = Table(  # versions of papers that a recent dump brought
    "recent_versions",
    _temporary,
    Column("paper_id", Integer, primary_key=True),
    Column("listed_on", Date, primary_key=True),
    Column("at", UTCDateTime, nullable=False),  # when the first dump that told of it was ingested
    prefixes=["TEMPORARY"],
)
past_versions = Table(  # versions of papers that packed mail gave a reader
    "past_versions",
    _temporary,
    Column("subscriber_id", Integer, primary_key=True),
    Column("paper_id", Integer, primary_key=True),
    Column("listed_on", Date, primary_key=True),
    Column("at", UTCDateTime, nullable=False),
    prefixes=["TEMPORARY"],
)
version_lines = Table(  # what each reader is told of them
    "version_lines",
    _temporary,
    Column("subscriber_id", Integer, primary_key=True),
    Column("place", Integer, primary_key=True),  # from 1, the newest first
    Column("paper_id", Integer, nullable=False),
    Column("listed_on", Date, nullable=False),
    prefixes=["TEMPORARY"],
)
groups = Table(
    "groups",
    _temporary,
    Column("group_key", Text, primary_key=True),
    Column("people", Integer, nullable=False),
    Column("digest_id", Integer),
    Column("closes", String),
    prefixes=["TEMPORARY"],
)

own_debts = Table(  # open rows of reader_debts of this turn's readers
    "own_debts",
    _temporary,
    Column("debt_id", Integer, primary_key=True),
    Column("subscriber_id", Integer, nullable=False, index=True),
    Column("kept", Integer, nullable=False),  # the paper, or the one that it was merged into
    Column("kind", String, nullable=False),
    Column("topic", String, nullable=False),
    Column("made_at", UTCDateTime, nullable=False),
    Column("leads", Boolean, nullable=False),
    Column("after_slot", Boolean, nullable=False),  # ready after the reader's slot
    Column("fresh", Boolean, nullable=False),  # not old enough to go alone
    Column("ended", String),
    prefixes=["TEMPORARY"],
)
owed_members = Table(  # the papers of those rows, with those that are merged with them
    "owed_members",
    _temporary,
    Column("id", Integer, primary_key=True),
    Column("kept", Integer, nullable=False),
    prefixes=["TEMPORARY"],
)
owed_pairs = Table(  # the pairs of their papers
    "owed_pairs",
    _temporary,
    Column("kept", Integer, primary_key=True),
    Column("id", Integer, primary_key=True),
    Column("topic", String, nullable=False),
    Column("score", Float, nullable=False),
    Column("ready_at", UTCDateTime, nullable=False),
    Column("counts", Boolean, nullable=False),
    Column("offered", Boolean, nullable=False),  # counts, in an edition that may be mailed
    Column("dropped", Boolean, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    prefixes=["TEMPORARY"],
)
covers = Table(  # the topics by which these pairs reach their reader
    "covers",
    _temporary,
    Column("debt_id", Integer, primary_key=True),
    Column("topic", String, primary_key=True),
    Column("best", Integer),  # id of the best pair that is offered
    Column("counts", Boolean, nullable=False),
    Column("dropped", Boolean, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    prefixes=["TEMPORARY"],
)
giving_digests = Table(  # digests that give one of these papers
    "giving_digests",
    _temporary,
    Column("digest_id", Integer, primary_key=True),
    Column("kept", Integer, primary_key=True),
    prefixes=["TEMPORARY"],
)
shown_papers = Table(  # what the digests of this turn show, but for doubtful papers
    "shown_papers",
    _temporary,
    Column("digest_id", Integer, primary_key=True),
    Column("paper_id", Integer, primary_key=True),
    prefixes=["TEMPORARY"],
)
carried_debts = Table(
    "carried_debts",
    _temporary,
    Column("debt_id", Integer, primary_key=True),
    Column("delivery_id", Integer, nullable=False),  # that shows its paper
    prefixes=["TEMPORARY"],
)


NOW = bindparam("now", type_=UTCDateTime())  # of the run, in statements that are built once


def create_tables(connection: Connection) -> None:
    """Provide empty tables for this turn: created once a connection, emptied after that."""
    _create(connection, _temporary)


def create_line(connection: Connection) -> None:
    """Provide an empty line, and empty tables for the turns."""
    _create(connection, _line)
    _create(connection, _temporary)


def _create(connection: Connection, temporary: MetaData) -> None:
    on_sqlite = connection.dialect.name == "sqlite"
    tables = temporary.sorted_tables
    there = (
        text("SELECT 1 FROM sqlite_temp_master WHERE name = :name")
        if on_sqlite
        else text("SELECT 1 WHERE to_regclass('pg_temp.' || :name) IS NOT NULL")
    )
    if connection.execute(there, {"name": tables[0].name}).first() is None:
        temporary.create_all(connection, checkfirst=False)
    elif on_sqlite:
        for table in tables:
            connection.execute(table.delete())
    else:  # autovacuum never sees a temporary table: deleted rows would stay in it
        connection.exec_driver_sql(f"TRUNCATE {', '.join(table.name for table in tables)}")


def know_size(connection: Connection, *tables: Table) -> None:
    """Let PostgreSQL know how many rows these hold: otherwise it takes them for large, and reads all mail."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"ANALYZE {', '.join(table.name for table in tables)}")
