"""Defines a step that the engine may start on any machine: a value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A coarse step. Repeating it, at the same time as well, must be harmless."""

    name: str
    queue: str
    run: Callable[..., object]  # is given the values of the job by name
    cron: str | None = None  # when it is started by itself; a sixth field holds seconds
    priority: int = 0  # in its queue; higher goes first
