"""Defines the values that templates get: brand, topics and papers. It looks nothing up."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from urllib.parse import quote, quote_plus

from newsletter.core.papers.links import paper_link
from newsletter.core.states import Form
from newsletter.render.topic_colors import NEUTRAL_ACCENT, AccentShades, shades_of
from newsletter.render.truncate import cut

OLD_PAPER = timedelta(days=60)  # age at the first listing; an older paper shows when it was first seen
FULL_LENGTH = 520  # characters of an abstract in the full form
SHORT_LENGTH = 190  # characters in the short form
MOST_NAMES = 4  # authors listed by name; of more, three names and their number
MOST_MATCHED = 4  # words shown as the reason
_KEPT_IN_LINKS = "%/:?#[]@!$&'()*+,;=~-._"  # RFC 3986: what may stand in a link as it is
SEARCH_URL = "https://huggingface.co/papers?q="  # for a paper without a known page
_WEB = re.compile(r"https?://[^\s\x00-\x1f\x7f<>\"]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Brand:
    """Name, colours and fixed texts of the newsletter."""

    name: str = "Research papers"
    accent: str = "#22201c"  # "#rrggbb": the line above the masthead
    logo: str | None = None  # link to an image
    home_url: str = ""  # of the web pages; the text part has it where the HTML has the logo
    footer: str = ""
    postal_address: str = ""
    reply_to: str | None = None
    privacy_url: str | None = None  # printed at the foot when there is one
    subject: str = ""  # pattern; empty: counts by topic and the first title
    language: str = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicView:
    """A topic for the heading of a section."""

    slug: str
    title: str
    shades: AccentShades


def nameless(slug: str) -> TopicView:
    """A topic of which only the slug is known, since the operator removed its definition."""
    return TopicView(slug=slug, title=slug.replace("-", " ").capitalize(), shades=shades_of(NEUTRAL_ACCENT))


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperView:
    """A paper for a card."""

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
    arxiv_id: str | None = None
    doi: str | None = None
    evidence: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # by topic, strongest first

    @property
    def link(self) -> str:
        """The paper itself, else its page; where nothing is known, a search for its title."""
        return link_to(paper_link(arxiv_id=self.arxiv_id, doi=self.doi, url=self.url), self.title)

    @property
    def is_searched(self) -> bool:
        """Whether the link leads to a search, since no page of the paper is known."""
        return self.link.startswith(SEARCH_URL)

    @property
    def code(self) -> str | None:
        """The link to its code, when that is a web address."""
        return web_address(self.code_url)

    @property
    def byline(self) -> str:
        """The authors: few by name, many by number; without authors the organisation."""
        return byline_of(self.author_names, self.author_count, self.organization)

    @property
    def dated(self) -> str:
        """The day of publication in words; may be empty."""
        return in_words(self.published_on) if self.published_on else ""

    @property
    def seen_on(self) -> date | None:
        """The day of the first listing for a paper that was old by then; else None."""
        old = self.published_on is not None and self.first_listed_on - self.published_on > OLD_PAPER
        return self.first_listed_on if old else None

    def excerpt(self, form: str) -> str:
        """The first sentences of the abstract, as long as `form` allows."""
        lengths = {Form.FULL: FULL_LENGTH, Form.SHORT: SHORT_LENGTH}
        return cut(self.abstract, lengths[Form(form)]) if Form(form) in lengths else ""

    def matched(self, topic: str) -> tuple[str, ...]:
        """The strongest words of the match with `topic`."""
        return self.evidence.get(topic, ())[:MOST_MATCHED]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperLine:
    """A paper in transactional mail: a title, a link and a topic."""

    title: str
    url: str | None  # of the paper or its listing
    topic: TopicView

    @property
    def link(self) -> str:
        """The paper's page, or a search for its title."""
        return link_to(self.url, self.title)


def byline_of(names: Sequence[str], count: int | None, organization: str | None) -> str:
    """The authors of a paper: few by name, many by number; without authors the organisation; may be empty."""
    if names and len(names) <= MOST_NAMES:
        return ", ".join(names)
    if names:
        return f"{', '.join(names[:3])} and {len(names) - 3} more"
    if count:
        return f"{count} author{'s' if count > 1 else ''}"
    return organization or ""


def link_to(url: str | None, title: str) -> str:
    """`url`, when it is a web address; else a search for the title."""
    return web_address(url) or SEARCH_URL + quote_plus(title)


def in_words(day: date) -> str:
    """A date in words: 17 April 2026."""
    return f"{day.day} {day:%B %Y}"


def web_address(url: str | None) -> str | None:
    """`url`, when it is a web address without characters that could end it early.

    Other letters than ASCII are percent-encoded (RFC 3987 section 3.1), so that text and HTML have one form.
    """
    return quote(url, safe=_KEPT_IN_LINKS) if url and _WEB.fullmatch(url) else None
