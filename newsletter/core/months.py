"""Numbers months, 202603 for March 2026, and says when they begin. All by UTC."""

from __future__ import annotations

from datetime import UTC, datetime


def month_of(at: datetime) -> int:
    """The month of an instant (aware)."""
    local = at.astimezone(UTC)
    return local.year * 100 + local.month


def following(month: int) -> int:
    """The next month."""
    return month + 89 if month % 100 == 12 else month + 1


def start_of(month: int) -> datetime:
    """Its first instant."""
    return datetime(month // 100, month % 100, 1, tzinfo=UTC)


def end_of(month: int) -> datetime:
    """The first instant after it."""
    return start_of(following(month))


def shown(month: int) -> str:
    """As people read it: 2026-03."""
    return f"{month // 100:04}-{month % 100:02}"
