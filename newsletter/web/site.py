"""What the pages work with: values and parts made from the settings by whoever starts them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine

from newsletter.core.mail.values import Builder
from newsletter.pipeline.content.personalization import Links
from newsletter.pipeline.content.sample_digest import SampleDigest
from newsletter.pipeline.content.transactional import TransactionalRenderer
from newsletter.pipeline.readers import topic_teasers
from newsletter.pipeline.readers.policy import ReaderPolicy, RequestLimits
from newsletter.render.view_models import Brand, TopicView
from newsletter.topics.definitions import Topic

FRESH = 60.0  # seconds that the shop window is kept: visitors do not make the database count


@dataclass(slots=True, kw_only=True)
class Site:
    """One newsletter as its pages see it."""

    engine: Engine
    base_url: str  # without a slash at the end
    brand: Brand
    topics: Mapping[str, Topic]  # by slug, in reading order
    views: Mapping[str, TopicView]  # the same with their colours
    policy: ReaderPolicy
    request_limits: RequestLimits
    links: Links
    transactional_renderer: TransactionalRenderer
    builder: Builder
    sampler: SampleDigest  # where no digest was sent yet
    state_dir: Path
    metrics_from: tuple[str, ...] = ("127.0.0.0/8", "::1")  # networks that may see metrics
    own_templates: Sequence[Path] = ()  # folders that win over the shipped templates
    clock: Callable[[], datetime]  # aware UTC
    wake: Callable[[], None] = lambda: None  # tells the postman that something waits
    _panes: tuple[float, tuple[topic_teasers.TopicTeaser, ...]] | None = field(default=None)

    @property
    def keys(self) -> Sequence[str]:
        """The keys that links may be signed with, the newest first."""
        return self.links.secret_keys

    def panes(self) -> tuple[topic_teasers.TopicTeaser, ...]:
        """The shop window, at most FRESH seconds old."""
        kept = self._panes
        if kept is None or time.monotonic() - kept[0] > FRESH:
            found = topic_teasers.panes(self.engine, list(self.topics.values()), now=self.clock())
            kept = self._panes = (time.monotonic(), found)
        return kept[1]

    def in_order(self, slugs: Sequence[str]) -> list[str]:
        """These topics in reading order, those that are no longer defined behind."""
        return [slug for slug in self.topics if slug in slugs] + sorted(set(slugs).difference(self.topics))

    def titles(self, slugs: Sequence[str]) -> list[str]:
        """The titles of these topics in that order; one that is no longer defined shows its slug."""
        return [self.topics[slug].title if slug in self.topics else slug for slug in self.in_order(slugs)]
