"""What templates are handed: a brand, topics and papers as plain values. Nothing is looked up from here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from urllib.parse import quote_plus

from newsletter.core.states import Form
from newsletter.render.topic_colors import INK, AccentShades, shades_of
from newsletter.render.truncate import cut

OLD = timedelta(days=60)  # a paper older than this at its first listing shows when it was first seen
FULL_LENGTH = 520  # characters of an abstract in the full form
SHORT_LENGTH = 190  # characters in the short form
MANY_NAMES = 4  # more names than this are counted, not listed
MOST_MATCHED = 4  # words that are shown as the reason
SEARCH = "https://huggingface.co/papers?q="  # where a paper without a known page is looked for
_WEB = re.compile(r"https?://[^\s\x00-\x1f\x7f<>\"]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Brand:
    """How the newsletter presents itself."""

    name: str = "Research papers"
    accent: str = "#22201c"  # "#rrggbb": the line above the masthead
    logo: str | None = None  # link to an image
    footer: str = ""
    postal_address: str = ""
    reply_to: str | None = None
    privacy_url: str | None = None  # printed at the foot when there is one
    subject: str = ""  # pattern; empty: the subject names what is inside
    language: str = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicView:
    """A topic as a section."""

    slug: str
    title: str
    shades: AccentShades


def nameless(slug: str) -> TopicView:
    """A topic of which only the slug is known, as it is where an operator took its definition away."""
    return TopicView(slug=slug, title=slug.replace("-", " ").capitalize(), shades=shades_of(INK))


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperView:
    """A paper as a card can show it."""

    id: int
    title: str
    abstract: str
    author_count: int | None
    author_names: tuple[str, ...]
    organization: str | None
    published_on: date | None
    comments: int | None
    code_url: str | None
    url: str | None
    first_listed_on: date
    evidence: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # by topic, strongest first

    @property
    def link(self) -> str:
        """The paper's page, or a search for its title."""
        return link_to(self.url, self.title)

    @property
    def code(self) -> str | None:
        """Its code, when the link is one of the web."""
        return _web(self.code_url)

    @property
    def byline(self) -> str:
        """Who wrote it: names when they are few, else their number; the organisation when there is none."""
        names = self.author_names
        if names and len(names) <= MANY_NAMES:
            return ", ".join(names)
        if names:
            return f"{', '.join(names[:3])} and {len(names) - 3} more"
        if self.author_count:
            return f"{self.author_count} author{'s' if self.author_count > 1 else ''}"
        return self.organization or ""

    @property
    def dated(self) -> str:
        """When it was published, in words."""
        return in_words(self.published_on) if self.published_on else ""

    @property
    def seen_on(self) -> date | None:
        """When it was first listed, for a paper that was old by then; else None."""
        old = self.published_on is not None and self.first_listed_on - self.published_on > OLD
        return self.first_listed_on if old else None

    def excerpt(self, form: str) -> str:
        """The first sentences of the abstract that `form` has room for."""
        lengths = {Form.FULL: FULL_LENGTH, Form.SHORT: SHORT_LENGTH}
        return cut(self.abstract, lengths[Form(form)]) if Form(form) in lengths else ""

    def matched(self, topic: str) -> tuple[str, ...]:
        """The words that put it under `topic`, the strongest ones."""
        return self.evidence.get(topic, ())[:MOST_MATCHED]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperLine:
    """A paper as a letter shows it: a title, a link and a topic."""

    title: str
    url: str | None  # as the listing says it
    topic: TopicView

    @property
    def link(self) -> str:
        """The paper's page, or a search for its title."""
        return link_to(self.url, self.title)


def link_to(url: str | None, title: str) -> str:
    """`url`, when it is one of the web; else a search for the title."""
    return _web(url) or SEARCH + quote_plus(title)


def in_words(day: date) -> str:
    """A date as people write it: 17 April 2026."""
    return f"{day.day} {day:%B %Y}"


def _web(url: str | None) -> str | None:
    """`url`, when it is one of the web and holds nothing that could end it early."""
    return url if url and _WEB.fullmatch(url) else None
