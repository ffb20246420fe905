"""Holds the values and parts that the pages need. The entry point makes them from the settings."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine

from newsletter.core.mail.values import Builder
from newsletter.inbound.intakes.webhooks.hook import Hook, ProviderEvent
from newsletter.pipeline.content.digest_renderer import DigestRenderer
from newsletter.pipeline.content.personalization import Links
from newsletter.pipeline.content.sample_digest import SampleDigest
from newsletter.pipeline.content.transactional import TransactionalRenderer
from newsletter.pipeline.readers import topic_teasers
from newsletter.pipeline.readers.paper_origins import paper_origins
from newsletter.pipeline.readers.policy import ReaderPolicy, RequestLimits
from newsletter.render.view_models import Brand, TopicView
from newsletter.sources.fetchers.requests import Source
from newsletter.topics.definitions import Topic

TEASER_CACHE_SECONDS = 60.0  # topic teasers and origins are looked up at most once in that time


@dataclass(slots=True, kw_only=True)
class Site:
    """The parts of one newsletter that its pages use."""

    engine: Engine
    base_url: str  # without a slash at the end
    brand: Brand
    topics: Mapping[str, Topic]  # by slug, in reading order
    known_topics: Mapping[str, bool]  # by slug whether it is public; with those of former settings
    views: Mapping[str, TopicView]  # by slug, with their colours
    policy: ReaderPolicy
    request_limits: RequestLimits
    links: Links
    transactional_renderer: TransactionalRenderer
    builder: Builder
    sample_digest: SampleDigest  # shown where no edition came out yet
    digest_renderer: DigestRenderer  # knows public topics alone: it shows the latest edition
    state_dir: Path
    metrics_from: tuple[str, ...] = ("127.0.0.0/8", "::1")  # networks that may see metrics
    sources: Sequence[Source] = ()  # that are fetched by themselves
    own_templates: Sequence[Path] = ()  # template folders that override the shipped ones
    clock: Callable[[], datetime]  # aware UTC
    hooks: Mapping[str, Hook] = field(default_factory=dict)  # of providers, by the end of their address
    take_event: Callable[[str, ProviderEvent], object] = lambda provider, event: None
    more_metrics: Callable[[], bytes] = lambda: b""  # in the format of Prometheus
    wake: Callable[[], None] = lambda: None  # wakes the request mailer
    _teasers: tuple[float, tuple[topic_teasers.TopicTeaser, ...]] | None = field(default=None)
    _origins: tuple[float, str] | None = field(default=None)

    @property
    def keys(self) -> Sequence[str]:
        """The keys that sign links, newest first."""
        return self.links.secret_keys

    def offered(self, also: Sequence[str] = ()) -> dict[str, Topic]:
        """The topics that a person may choose, in reading order. also: those that they follow already."""
        return {slug: topic for slug, topic in self.topics.items() if topic.public or slug in also}

    def teasers(self, also: Sequence[str] = ()) -> tuple[topic_teasers.TopicTeaser, ...]:
        """The teasers of the topics that a person may choose, at most TEASER_CACHE_SECONDS old."""
        cached = self._teasers
        if cached is None or time.monotonic() - cached[0] > TEASER_CACHE_SECONDS:
            found = topic_teasers.topic_teasers(
                self.engine, list(self.topics.values()), known=self.known_topics, now=self.clock()
            )
            cached = self._teasers = (time.monotonic(), found)
        offered = self.offered(also)
        return tuple(teaser for teaser in cached[1] if teaser.slug in offered)

    def origins(self) -> str:
        """Where the papers come from, in readers' words; empty when unknown. As old as teasers may be."""
        cached = self._origins
        if cached is None or time.monotonic() - cached[0] > TEASER_CACHE_SECONDS:
            found = paper_origins(self.engine, self.sources, now=self.clock())
            cached = self._origins = (time.monotonic(), found)
        return cached[1]

    def in_order(self, slugs: Sequence[str]) -> list[str]:
        """These topics in reading order, then those that are no longer defined."""
        return [slug for slug in self.topics if slug in slugs] + sorted(set(slugs).difference(self.topics))

    def titles(self, slugs: Sequence[str]) -> list[str]:
        """The titles of these topics in that order; the slug of a topic that is no longer defined."""
        return [self.topics[slug].title if slug in self.topics else slug for slug in self.in_order(slugs)]
