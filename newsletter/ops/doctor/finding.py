"""What a check found. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How it stands with what was checked."""

    OK = "ok"
    WARNING = "warning"  # works, but somebody should look
    FAILED = "failed"  # does not work, or will not for long
    SKIPPED = "skipped"  # not looked at, with the reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the doctor's report."""

    check: str  # what was looked at, a word or two
    status: Status
    words: str  # what was found
    hint: str = ""  # how to mend it; empty when there is nothing to mend


def ok(check: str, words: str) -> Finding:
    """All is well."""
    return Finding(check=check, status=Status.OK, words=words)


def warning(check: str, words: str, *, hint: str) -> Finding:
    """Somebody should look."""
    return Finding(check=check, status=Status.WARNING, words=words, hint=hint)


def failed(check: str, words: str, *, hint: str) -> Finding:
    """Something is broken."""
    return Finding(check=check, status=Status.FAILED, words=words, hint=hint)


def skipped(check: str, why: str) -> Finding:
    """Not looked at."""
    return Finding(check=check, status=Status.SKIPPED, words=why)
