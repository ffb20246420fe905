"""Names the tables for SQLAlchemy Core statements. Defines none of them."""

from __future__ import annotations

from typing import cast

from sqlalchemy import Table
from sqlmodel import SQLModel

from newsletter.db import tables


def table_of(model: type[SQLModel]) -> Table:
    """The Core table of a SQLModel class, typed: SQLModel does not declare `__table__`."""
    return cast(Table, model.__table__)  # type: ignore[attr-defined]


dumps = table_of(tables.Dump)
sources = table_of(tables.SourceRecord)
quarantined_records = table_of(tables.QuarantinedRecord)
papers = table_of(tables.Paper)
paper_revisions = table_of(tables.PaperRevision)
listed_entries = table_of(tables.ListedEntry)
paper_keys = table_of(tables.PaperKey)
paper_bands = table_of(tables.PaperBand)
possible_same = table_of(tables.PossibleSame)
paper_decisions = table_of(tables.PaperDecision)
paper_heirs = table_of(tables.PaperHeir)
paper_topics = table_of(tables.PaperTopic)
known_topics = table_of(tables.KnownTopic)
topic_corrections = table_of(tables.TopicCorrection)
editions = table_of(tables.Edition)
edition_maybes = table_of(tables.EditionMaybe)
edition_papers = table_of(tables.EditionPaper)
canary_slots = table_of(tables.CanarySlot)
runs = table_of(tables.Run)
pieces = table_of(tables.DigestPiece)
digests = table_of(tables.Digest)
digest_maybes = table_of(tables.DigestMaybe)
digest_papers = table_of(tables.DigestPaper)
deliveries = table_of(tables.Delivery)
reader_debts = table_of(tables.ReaderDebt)
mail_counts = table_of(tables.MailCount)
pauses = table_of(tables.DomainPause)
relay_rests = table_of(tables.RelayRest)
alarms = table_of(tables.AlarmRecord)
inbound_messages = table_of(tables.InboundRecord)
inbound_recipients = table_of(tables.InboundRecipient)
history_months = table_of(tables.HistoryMonth)
history_readers = table_of(tables.HistoryReader)
history_contents = table_of(tables.HistoryContent)
history_papers = table_of(tables.HistoryPaper)
