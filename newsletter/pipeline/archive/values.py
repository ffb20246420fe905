"""Defines the values of the archive's pages: plain texts, days and links. It looks nothing up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

_GOES_ON = (",", ";", ":", "–", "—")  # after the lead, where its sentence was cut


def quoted(before: str, lead: str, after: str) -> str:
    """A lead between the parts of its abstract, as `PaperPage.quoted_lead` shows it."""
    if not before:
        return lead
    begins = "…" if before.rstrip().endswith((",", ";", ":")) else ""
    follows = after.lstrip()[:1]
    return f"{begins}{lead}{'…' if follows in _GOES_ON or follows.islower() else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedLink:
    """A link with its words."""

    title: str
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicLink:
    """A topic that the visitor may know of."""

    slug: str
    title: str
    link: str
    papers: int = 0  # where they are counted


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperRow:
    """A paper in a list."""

    id: int
    title: str
    link: str  # its page
    lead: str  # verbatim from the abstract; may be empty
    byline: str  # a few authors; may be empty
    dated: str  # when it was published, in words; may be empty
    listed_on: date  # first
    topics: tuple[TopicLink, ...] = ()  # strongest first


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperTopicMatch:
    """Why a paper is in a topic."""

    topic: TopicLink
    words: tuple[str, ...]  # of the paper, strongest first
    doubtful: bool = False  # perhaps of the topic
    by_hand: bool = False  # an editor said so


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperListing:
    """Where and when a paper was listed."""

    where: str  # in readers' words; empty when anybody's
    on: date
    position: int  # 1 for the first of the listing
    of: int  # papers in that listing
    upvotes: int | None = None  # seen in it
    month_link: str  # to the papers of that month; empty where it has no page


@dataclass(frozen=True, slots=True, kw_only=True)
class EditionLink:
    """An edition in a list or a line."""

    number: int
    date: date
    link: str
    papers: int = 0  # where they are counted
    titles: tuple[str, ...] = ()  # of its first papers, where they are shown


@dataclass(frozen=True, slots=True, kw_only=True)
class NearPaper:
    """A paper that shares words with another."""

    id: int
    title: str
    link: str
    shares: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperPage:
    """The page of a paper."""

    id: int
    title: str
    address: str  # permanent and absolute; empty where none is known
    path: str  # permanent, below the base URL
    before_lead: str  # the abstract in three parts, of which the lead is the middle one
    lead: str  # may be empty
    after_lead: str
    authors: tuple[str, ...]
    author_count: int | None  # may be known without names
    organization: str | None
    published_on: date | None
    listed_on: date  # first
    read: tuple[NamedLink, ...]  # arXiv, PDF, DOI, the page that listed it
    code: tuple[NamedLink, ...]  # code and project
    arxiv_id: str | None
    doi: str | None
    identifiers: tuple[str, ...]  # arXiv:2404.01234, doi:10.…
    categories: tuple[str, ...]
    topics: tuple[PaperTopicMatch, ...]
    listings: tuple[PaperListing, ...]
    upvotes: int | None
    upvotes_on: date | None
    comments: int | None
    editions: tuple[EditionLink, ...]
    month: NamedLink  # of the first listing
    related: tuple[NearPaper, ...]
    exports: tuple[NamedLink, ...]
    citation: str  # one line of text
    previous: NamedLink | None
    next: NamedLink | None

    @property
    def abstract(self) -> str:
        """The whole abstract."""
        return self.before_lead + self.lead + self.after_lead

    @property
    def quoted_lead(self) -> str:
        """The lead above the whole abstract, with an ellipsis where its sentence begins earlier or goes on.

        Where the abstract begins with the lead, the rest stands below it and goes on from it.
        """
        return quoted(self.before_lead, self.lead, self.after_lead)


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSection:
    """The papers of one topic on a page."""

    topic: TopicLink
    papers: tuple[PaperRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EditionPage:
    """The page of an edition."""

    number: int
    date: date
    address: str
    path: str
    note_html: str  # the editor's words, safe; may be empty
    note_text: str
    papers: int
    sections: tuple[TopicSection, ...]
    exports: tuple[NamedLink, ...]
    feeds: tuple[NamedLink, ...]
    month: NamedLink
    previous: EditionLink | None
    next: EditionLink | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthLink:
    """A month in the archive."""

    month: date  # its first day
    link: str
    papers: int
    editions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivePage:
    """The first page of the archive: the months, newest first."""

    address: str
    path: str
    papers: int
    editions: int
    years: tuple[tuple[int, tuple[MonthLink, ...]], ...]  # newest first
    topics: tuple[TopicLink, ...]
    latest: tuple[EditionLink, ...]  # a few editions, newest first
    search: str
    feeds: tuple[NamedLink, ...]

    @property
    def most(self) -> int:
        """The papers of the fullest month, for the lengths of bars; at least 1."""
        return max((month.papers for _, months in self.years for month in months), default=1) or 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PageNumbers:
    """Where a page stands among those of one list."""

    page: int  # 1 for the first
    pages: int
    previous: str | None  # link
    next: str | None
    links: tuple[tuple[int, str], ...] = ()  # (number, link) of the first, the last and those around


@dataclass(frozen=True, slots=True, kw_only=True)
class DayOfPapers:
    """The papers that were first listed on one day."""

    day: date
    papers: tuple[PaperRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthPage:
    """The papers and editions of a month, or a part of them."""

    month: date  # its first day
    address: str
    path: str
    papers: int  # of the whole month
    editions: tuple[EditionLink, ...]  # newest first; on the first page alone
    days: tuple[DayOfPapers, ...]  # newest first
    numbers: PageNumbers
    previous: MonthLink | None  # the month before, if it has papers
    next: MonthLink | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicPage:
    """The papers of a topic, or a part of them."""

    topic: TopicLink
    description: str
    address: str
    path: str
    days: tuple[DayOfPapers, ...]  # newest first
    numbers: PageNumbers
    exports: tuple[NamedLink, ...]
    feeds: tuple[NamedLink, ...]
    previous: TopicLink | None  # in reading order
    next: TopicLink | None
