"""Lists sources with their health, for `sources list`, `watch` and `doctor`. It fetches nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from newsletter.core.papers.source_health import SourceHealth, SourceState
from newsletter.papers import source_records
from newsletter.sources.fetchers.requests import Source

UNKNOWN = SourceHealth(state=SourceState.OK, reason="not fetched yet")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLine:
    """A source, configured or only known by its dumps."""

    name: str
    kind: str  # "by hand" for a format whose files people drop
    health: SourceHealth
    next_fetch_at: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """The row that `sources list --json` prints."""
        return {
            "name": self.name,
            "kind": self.kind,
            "last_dump_at": _text(self.health.last_dump_at),
            "last_new_paper_at": _text(self.health.last_new_paper_at),
            "usual": self.health.usual,
            "state": self.health.state.value,
            "reason": self.health.reason or None,
            "next_fetch_at": _text(self.next_fetch_at),
        }


def overview(connection: Connection, configured: Sequence[Source], *, now: datetime) -> list[SourceLine]:
    """The configured sources in their order, then the formats whose files people drop."""
    stored = source_records.stored(connection)
    found = source_records.healths(connection, now=now)
    lines = [
        SourceLine(
            name=source.name,
            kind=source.kind,
            health=found.pop(source.name, UNKNOWN),
            next_fetch_at=stored[source.name].next_fetch_at if source.name in stored else None,
        )
        for source in configured
    ]
    return lines + [SourceLine(name=name, kind="by hand", health=found[name]) for name in sorted(found)]


def _text(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
