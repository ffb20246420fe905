"""Reads timestamps and dates that people write. An instant is an aware datetime in UTC.

Knows no other time zone: those belong to cadence and rendering.
"""

from __future__ import annotations

from datetime import UTC, date, datetime

from newsletter.core.errors import UsageError


def parse_instant(text: str) -> datetime:
    """Read an ISO 8601 timestamp (UTC when it has no offset). Raises UsageError that shows the form."""
    try:
        instant = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(
            f"not a timestamp: {text!r}", hint="Write it as 2026-04-17T07:00Z or 2026-04-17T09:00+02:00."
        ) from None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return instant.astimezone(UTC)


def parse_date(text: str) -> date:
    """Read an ISO 8601 date. Raises UsageError that shows the form."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(f"not a date: {text!r}", hint="Write it as 2026-04-17.") from None
