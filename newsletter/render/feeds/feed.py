"""Holds a feed and its entries as values."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from datetime import UTC, datetime

_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, section 2.2
NEVER = datetime(2000, 1, 1, tzinfo=UTC)  # when a feed without entries changed


def printable(text: str) -> str:
    """The text without characters that XML has no form for."""
    return _FORBIDDEN.sub("", text)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEntry:
    """One paper of a feed."""

    id: str  # an address that never changes
    title: str
    link: str  # the paper's page
    paper_url: str | None  # the paper itself
    lead: str  # what it found; may be empty
    abstract: str
    authors: tuple[str, ...]
    topics: tuple[str, ...]  # titles
    published: datetime  # when the newsletter published it; aware UTC
    updated: datetime  # when its text last changed

    @property
    def content(self) -> str:
        """The entry as HTML: what was found, the rest of the abstract, where the paper is."""
        before, lead, after = self.abstract.partition(self.lead) if self.lead else ("", "", self.abstract)
        marked = f"{html.escape(before)}<strong>{html.escape(lead)}</strong>{html.escape(after)}"
        parts = [f"<p>{marked if lead else html.escape(self.abstract)}</p>"] if self.abstract else []
        if self.paper_url:
            parts.append(f'<p><a href="{html.escape(self.paper_url)}">{html.escape(self.paper_url)}</a></p>')
        return printable("".join(parts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A feed, newest entry first."""

    title: str
    subtitle: str
    address: str  # of the feed itself, absolute
    home: str  # the page that shows the same
    language: str = "en"
    is_private: bool = False  # one reader's own
    entries: tuple[FeedEntry, ...] = ()

    @property
    def updated(self) -> datetime:
        """When it last changed."""
        return max((entry.updated for entry in self.entries), default=NEVER)
