"""Defines every table of newsletter/. Only the stores see rows; all other code sees values.

The other tables are in `subscribers.tables`. Both share one metadata, and so one migration history.
"""

from newsletter.db.tables.alarms import AlarmRecord
from newsletter.db.tables.dumps import Dump, QuarantinedRecord, SourceRecord
from newsletter.db.tables.editions import CanarySlot, Edition, EditionMaybe, EditionPaper, Run
from newsletter.db.tables.history import HistoryContent, HistoryMonth, HistoryPaper, HistoryReader
from newsletter.db.tables.inbound import InboundRecipient, InboundRecord
from newsletter.db.tables.outbox import (
    Delivery,
    Digest,
    DigestMaybe,
    DigestPaper,
    DigestPiece,
    DomainPause,
    MailCount,
    ReaderDebt,
    RelayRest,
)
from newsletter.db.tables.papers import (
    ListedEntry,
    Paper,
    PaperBand,
    PaperDecision,
    PaperHeir,
    PaperKey,
    PaperRevision,
    PossibleSame,
)
from newsletter.db.tables.topics import KnownTopic, PaperTopic, TopicCorrection

__all__ = [
    "AlarmRecord",
    "CanarySlot",
    "Delivery",
    "Digest",
    "DigestMaybe",
    "DigestPaper",
    "DigestPiece",
    "DomainPause",
    "Dump",
    "Edition",
    "EditionMaybe",
    "EditionPaper",
    "HistoryContent",
    "HistoryMonth",
    "HistoryPaper",
    "HistoryReader",
    "InboundRecipient",
    "InboundRecord",
    "KnownTopic",
    "ListedEntry",
    "MailCount",
    "Paper",
    "PaperBand",
    "PaperDecision",
    "PaperHeir",
    "PaperKey",
    "PaperRevision",
    "PaperTopic",
    "PossibleSame",
    "QuarantinedRecord",
    "ReaderDebt",
    "RelayRest",
    "Run",
    "SourceRecord",
    "TopicCorrection",
]
