"""Defines the finding of a check. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """The result of a check."""

    OK = "ok"
    WARNING = "warning"  # works, but needs attention
    FAILED = "failed"  # does not work, or soon will not
    SKIPPED = "skipped"  # not checked, with the reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the doctor's report."""

    check: str  # its name, a word or two
    status: Status
    words: str  # the fact
    hint: str = ""  # how to correct it; empty when all is well


def ok(check: str, words: str) -> Finding:
    """All is well."""
    return Finding(check=check, status=Status.OK, words=words)


def warning(check: str, words: str, *, hint: str) -> Finding:
    """Something needs attention."""
    return Finding(check=check, status=Status.WARNING, words=words, hint=hint)


def failed(check: str, words: str, *, hint: str) -> Finding:
    """Something is broken."""
    return Finding(check=check, status=Status.FAILED, words=words, hint=hint)


def skipped(check: str, why: str) -> Finding:
    """Nothing was checked."""
    return Finding(check=check, status=Status.SKIPPED, words=why)
