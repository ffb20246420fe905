"""Defines the values that templates get: brand, topics and papers. It looks nothing up."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from urllib.parse import quote, quote_plus

from newsletter.core.papers.links import paper_link
from newsletter.core.papers.sentences import sentence_spans
from newsletter.core.states import Form
from newsletter.render.topic_colors import NEUTRAL_ACCENT, AccentShades, shades_of
from newsletter.render.truncate import cut, one_line, shortened

OLD_PAPER = timedelta(days=60)  # age at the first listing; an older paper shows when it was first seen
FULL_LENGTH = 520  # characters of an abstract in the full form, where there is no lead
SHORT_LENGTH = 190  # characters in the short form
CARD_LENGTH = 300  # characters of a lead and of what follows it
REST_LENGTH = 70  # characters at least of what follows; less room stays empty
ROW_LENGTH = 80  # characters of a lead in a row: a line on a screen, two on a phone
META_LENGTH = 48  # characters of the line below a title: one line on a phone
LISTED_LENGTH = len("listed 30 September")  # the longest words about an old paper's listing
MOST_NAMES = 4  # authors listed by name; of more, three names and their number
MOST_MATCHED = 3  # words shown as the reason
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
    is_public: bool = True  # else its name may stand in no mail and on no page of others, not even in styles

    @property
    def style(self) -> str:
        """What the names of its style classes end in. Private topics share those of doubtful papers."""
        return self.slug if self.is_public else "maybe"


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
    lead: str = ""  # of its abstract, in the words of `newsletter.leads`
    lead_span: tuple[int, int] = (0, 0)  # where the lead stands in the abstract
    page: str = ""  # its page on the web; empty: it has none
    is_private: bool = False  # whether only readers of its topics may see that page
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
    def discussed(self) -> bool:
        """Whether there are several comments: the first one often comes with the listing."""
        return (self.comments or 0) > 1

    @property
    def byline(self) -> str:
        """The authors: few by name, many by number; without authors the organisation."""
        return byline_of(self.author_names, self.author_count, self.organization)

    @property
    def meta(self) -> str:
        """Authors and day of publication; with `listed` of an old paper it fits a line of a phone."""
        day = f"{self.published_on.day} {self.published_on:%b %Y}" if self.published_on else ""
        room = META_LENGTH - (len(day) + 3 if day else 0) - (LISTED_LENGTH + 3 if self.seen_on else 0)
        return " · ".join(filter(None, (self._byline_in(room), day)))

    def _byline_in(self, room: int) -> str:
        """The authors in so many characters: names, the first name and a number, or the number."""
        names = self.author_names
        count = len(names) or self.author_count or 0
        ways = [", ".join(names)] if len(names) <= MOST_NAMES else []
        if len(names) > 1:
            ways.append(f"{names[0]} and {len(names) - 1} more")
        ways.append(f"{count} author{'s' if count > 1 else ''}" if count else self.organization or "")
        return next((way for way in ways if len(way) <= room), "") or shortened(ways[-1], room)

    @property
    def dated(self) -> str:
        """The day of publication in words; may be empty."""
        return in_words(self.published_on) if self.published_on else ""

    @property
    def seen_on(self) -> date | None:
        """The day of the first listing for a paper that was old by then; else None."""
        old = self.published_on is not None and self.first_listed_on - self.published_on > OLD_PAPER
        return self.first_listed_on if old else None

    def rest(self, form: str) -> str:
        """Further sentences in the full form: those after the lead; before it, where it is the last one.

        Empty where the lead takes the room of a card by itself.
        """
        room = CARD_LENGTH - len(self.lead)
        if Form(form) is not Form.FULL or not self.lead or room < REST_LENGTH:
            return ""
        begin, end = self.lead_span
        after = next((start for start, _ in sentence_spans(self.abstract) if start >= end), None)
        return cut(self.abstract[:begin] if after is None else self.abstract[after:], room)

    def line(self, form: str) -> str:
        """The beginning of the lead, in the form of a row."""
        return one_line(self.quoted_lead, ROW_LENGTH) if Form(form) is Form.ROW else ""

    @property
    def quoted_lead(self) -> str:
        """The lead; where the opening of its sentence is left out, after an ellipsis."""
        before = self.abstract[: self.lead_span[0]].rstrip()
        return f"…{self.lead}" if self.lead and before.endswith((",", ";", ":")) else self.lead

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
