"""Makes a digest of the papers that ship with the program, for a newsletter that has composed none yet.

It uses this newsletter's templates, brand and topics. It stores nothing, and no paper counts as given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain

from newsletter.core.debts.digest_plan import EVERYTHING, DigestPlan, OwedPair, PlannedPaper, arrange
from newsletter.core.mail.values import Content
from newsletter.core.papers.listing import Entry
from newsletter.core.states import Form
from newsletter.core.topics.topic_match import STRONG, TopicMatch
from newsletter.leads import lead_of
from newsletter.pipeline.content.digest_renderer import topic_views
from newsletter.render.assembly import assemble
from newsletter.render.environment import MailEnvironment
from newsletter.render.layout import Layout
from newsletter.render.view_models import Brand, PaperView
from newsletter.samples import dumps
from newsletter.sources.registry import read_listing
from newsletter.topics.definitions import Topic
from newsletter.topics.matcher import Matcher

PAPERS_PER_TOPIC = 2  # enough to show a section, few enough to read
FULL_PER_TOPIC = 1  # the other papers of a topic are short: so the sample shows both forms
NOTE = (
    "This is a sample. Its papers ship with the program; your own digests hold what is new in the topics "
    "that you follow."
)


class SampleDigest:
    """Makes the sample once a day, so that visits cost no rendering."""

    def __init__(
        self, environment: MailEnvironment, *, brand: Brand, topics: Sequence[Topic], matcher: Matcher
    ) -> None:
        """topics: those that everybody may know of, in reading order."""
        self._environment = environment
        self._brand = brand
        self._topics = topics
        self._matcher = matcher
        self._made: Content | None = None

    def content(self, *, now: datetime) -> Content:
        """The sample of the day of `now` (aware). Raises ConfigurationError for unusable templates."""
        if self._made is None or self._made.date.date() != now.date():
            self._made = self._make(now)
        return self._made

    def _make(self, now: datetime) -> Content:
        views: dict[int, PaperView] = {}
        pairs: list[OwedPair] = []
        for number, entry in enumerate(_entries(), 1):
            found = self._matcher.match(entry.title, entry.abstract, entry.categories)
            known = {topic.slug for topic in self._topics}
            matches = [match for match in found if match.strength == STRONG and match.topic in known]
            views[number] = _view(entry, number, matches, now)
            pairs += [
                OwedPair(paper_id=number, topic=topic, score=score, edition=1, place=number, ready_at=now)
                for topic, score in [(match.topic, match.score) for match in matches] or [(EVERYTHING, 1.0)]
            ]
        topics = topic_views(self._topics)
        order = {slug: rank for rank, slug in enumerate(topics)}
        news = _few(arrange(pairs, topic_order=order), known=set(topics))
        layout = Layout(self._environment, brand=self._brand, topics=topics)
        layout.prepare(news, views)
        plan = DigestPlan(edition=1, date=now.date(), news=news, note=NOTE)
        return assemble(layout, plan, views, composed_at=now)


def _entries() -> list[Entry]:
    listings = (read_listing(dump.read_bytes(), name=dump.name) for dump in dumps())
    return list(chain.from_iterable(listing.entries for listing in listings))


def _few(cards: Sequence[PlannedPaper], *, known: set[str]) -> tuple[PlannedPaper, ...]:
    """A few cards of each topic; papers without a topic only when there are no others."""
    shown: list[PlannedPaper] = []
    so_far: Counter[str] = Counter()
    for card in cards:
        if card.topic == EVERYTHING and shown and EVERYTHING not in known:
            continue
        if so_far[card.topic] < PAPERS_PER_TOPIC:
            shown.append(replace(card, form=Form.FULL if so_far[card.topic] < FULL_PER_TOPIC else Form.SHORT))
            so_far[card.topic] += 1
    return tuple(shown)


def _view(entry: Entry, number: int, matches: Sequence[TopicMatch], now: datetime) -> PaperView:
    lead = lead_of(entry.title, entry.abstract)
    return PaperView(
        id=number,
        title=entry.title,
        abstract=entry.abstract,
        author_count=entry.author_count,
        author_names=entry.author_names,
        organization=entry.organization,
        published_on=None,
        comments=entry.comments,
        code_url=entry.code_url,
        url=entry.url,
        first_listed_on=now.date(),
        lead=lead.text if lead is not None else "",
        lead_span=(lead.start, lead.end) if lead is not None else (0, 0),
        evidence={match.topic: match.evidence for match in matches},
    )
