"""Holds what the settings say about readers and about requests of the public pages.

Values only: reads no settings, checks and counts nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from subscribers.preferences import Preferences

if TYPE_CHECKING:
    from limits import RateLimitItem  # slow to import, and most commands limit nothing

PER_READER = "5/hour, 10/day"  # rates of account links and address changes that one reader may ask for


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderPolicy:
    """What the newsletter's settings say about its readers."""

    known_topics: Collection[str]  # slugs, EVERYTHING among them
    suppression_key: bytes
    defaults: Preferences = field(default_factory=Preferences)  # of a new reader
    welcome: int = 0  # recent papers that a newcomer is given
    topic_titles: Mapping[str, str] = field(default_factory=dict)  # by slug; lists of other tools bear them


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLimits:
    """How often the public pages answer."""

    per_client: tuple[RateLimitItem, ...]  # requests of one network address
    per_address: tuple[RateLimitItem, ...]  # messages to an email address that anybody may have typed
    per_reader: tuple[RateLimitItem, ...]  # account links and address changes of one reader
    unconfirmed: tuple[RateLimitItem, ...] = ()  # messages to all people who have not confirmed together
