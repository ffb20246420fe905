"""Every table of the newsletter's side. Rows stop at the stores; the rest of the code sees values.

`subscribers.tables` holds its own; both share one metadata, so that one migration history serves.
"""

from newsletter.db.tables.alarms import AlarmRecord
from newsletter.db.tables.dumps import Dump, QuarantinedRecord
from newsletter.db.tables.editions import CanarySlot, Edition, EditionMaybe, EditionPaper, Run
from newsletter.db.tables.outbox import (
    Delivery,
    Digest,
    DigestMaybe,
    DigestPaper,
    DigestPiece,
    DomainPause,
    MailCount,
    ReaderDebt,
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
from newsletter.db.tables.topics import PaperTopic, TopicCorrection

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
    "Run",
    "TopicCorrection",
]
