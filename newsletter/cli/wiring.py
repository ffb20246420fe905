"""Builds the parts for mail, web pages and delivery from the settings. Does no command's work."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from newsletter.cli.workspace import Workspace
    from newsletter.core.mail.values import Builder
    from newsletter.delivery.message.builder import MessageBuilder
    from newsletter.delivery.message.dkim_keys import DkimKey
    from newsletter.delivery.outbox.rate_counters import Limits
    from newsletter.delivery.smtp.relay import Relay
    from newsletter.ops.dkim_key_files import KeyFile
    from newsletter.pipeline.compose.options import SendOptions
    from newsletter.pipeline.content.digest_renderer import DigestRenderer
    from newsletter.pipeline.content.personalization import Links
    from newsletter.pipeline.content.sample_digest import SampleDigest
    from newsletter.pipeline.content.transactional import TransactionalRenderer
    from newsletter.pipeline.deliver.options import DeliveryOptions
    from newsletter.pipeline.inbound.options import InboundOptions
    from newsletter.pipeline.readers.policy import ReaderPolicy, RequestLimits
    from newsletter.render.environment import MailEnvironment
    from newsletter.render.view_models import Brand, TopicView
    from newsletter.web.site import Site


class Wiring:
    """The parts of one newsletter. Each is made when it is first used, and its code is loaded then.

    Every property may raise ConfigurationError.
    """

    def __init__(self, work: Workspace) -> None:
        self.work = work

    @cached_property
    def brand(self) -> Brand:
        """Name, colours and addresses that readers see."""
        from newsletter.render.view_models import Brand

        settings = self.work.settings
        return Brand(**settings.brand.model_dump(), home_url=f"{settings.base_url}/")

    @cached_property
    def mail_templates(self) -> MailEnvironment:
        """The templates of mail; those of the state directory win over the shipped ones."""
        from newsletter.render.environment import MailEnvironment

        return MailEnvironment([self.work.templates_dir])

    @cached_property
    def topic_views(self) -> dict[str, TopicView]:
        """The topics by slug, as templates show them."""
        from newsletter.pipeline.content.digest_renderer import topic_views

        return topic_views(tuple(self.work.topics.values()))

    @cached_property
    def digest_renderer(self) -> DigestRenderer:
        """Renders digests."""
        from newsletter.pipeline.content.digest_renderer import DigestRenderer
        from newsletter.render.archive_links import LiveLinks

        return DigestRenderer(
            self.mail_templates,
            brand=self.brand,
            topics=tuple(self.work.topics.values()),
            links=LiveLinks(base_url=self.work.settings.base_url),
            known_topics=recalled_topics(self.work),
        )

    @cached_property
    def transactional_renderer(self) -> TransactionalRenderer:
        """Renders all other mail."""
        from newsletter.pipeline.content.transactional import TransactionalRenderer

        return TransactionalRenderer(
            self.mail_templates, brand=self.brand, topics=self.topic_views, signed_with=self.signed_with
        )

    @cached_property
    def links(self) -> Links:
        """Makes the signed links of one reader; links of the previous keys stay valid."""
        from newsletter.pipeline.content.personalization import Links

        settings = self.work.settings
        return Links(
            base_url=settings.base_url,
            newsletter=settings.brand.name,
            secret_keys=self.secret_keys,
            private_topics=not all(recalled_topics(self.work).values()),
        )

    @cached_property
    def secret_keys(self) -> tuple[str, ...]:
        """The secret key, and those before it, the newest first."""
        before = self.work.settings.previous_secret_keys
        return (self.work.secret_key, *(key.get_secret_value() for key in before))

    @property
    def signed_with(self) -> str:
        """The id of the secret key, which signs what is composed from now on."""
        from newsletter.core.mail.signing_keys import key_id

        return key_id(self.work.secret_key)

    @cached_property
    def builder(self) -> Builder:
        """Builds messages, and signs them when the settings name a DKIM key."""
        if not self.work.settings.dkim:
            return self.unsigned_builder
        from newsletter.delivery.message.dkim import DkimSigner, SigningBuilder

        return SigningBuilder(self.unsigned_builder, DkimSigner(self.dkim_keys))

    @cached_property
    def unsigned_builder(self) -> MessageBuilder:
        """Builds messages and their ids without a DKIM key."""
        from newsletter.delivery.message.builder import MessageBuilder, SenderIdentity

        settings = self.work.settings
        return MessageBuilder(
            SenderIdentity(
                sender=settings.sender,
                base_url=settings.base_url,
                list_name=settings.brand.name,
                secret_keys=self.secret_keys,
                reply_to=settings.brand.reply_to,
                archive_url=f"{settings.base_url}/archive",
                inbound_address=settings.inbound.address,
            )
        )

    def message_id(self, subscriber_id: int, kind: str, key: str, signed_with: str | None) -> str | None:
        """The Message-ID of a delivery; None when the key that made it was retired."""
        from newsletter.core.mail.signing_keys import key_id

        if signed_with is not None and signed_with not in map(key_id, self.secret_keys):
            return None
        return self.unsigned_builder.message_id(subscriber_id, kind, key, signed_with)

    def dkim_key_file(self, selector: str) -> KeyFile:
        """The file of the key of `selector`, which need not exist."""
        from newsletter.ops.dkim_key_files import locate_key

        named = next((entry for entry in self.work.settings.dkim if entry.selector == selector), None)
        return locate_key(
            self.work.state_dir,
            selector=selector,
            sender_domain=self.unsigned_builder.domain,
            domain=named.domain if named is not None else None,
            key_file=named.key_file if named is not None else None,
        )

    @cached_property
    def dkim_keys(self) -> tuple[DkimKey, ...]:
        """The keys that sign the mail, in the order of the settings."""
        from newsletter.ops.dkim_key_files import read_key

        return tuple(read_key(self.dkim_key_file(entry.selector)) for entry in self.work.settings.dkim)

    @cached_property
    def relays(self) -> tuple[Relay, ...]:
        """The mail servers, `[smtp]` first."""
        from newsletter.cli.relays import relays_of

        return relays_of(self.work.settings, self.work.state_dir)

    @cached_property
    def limits(self) -> Limits:
        """The rate limits of mail: for all of it, by relay and by domain."""
        from newsletter.core.mail.rates import parse_rates
        from newsletter.delivery.outbox.rate_counters import Limits

        settings = self.work.settings
        delivery, servers = settings.delivery, (settings.smtp, *settings.relays)
        return Limits(
            everything=parse_rates(delivery.limit),
            relays={
                relay.name: parse_rates(smtp.limit)
                for relay, smtp in zip(self.relays, servers, strict=True)
                if smtp.limit
            },
            domains={domain.lower(): parse_rates(text) for domain, text in delivery.domain_limits.items()},
            each_domain=parse_rates(delivery.domain_limit),
        )

    @property
    def send_options(self) -> SendOptions:
        """How digests are made: for every reader who is due."""
        from newsletter.pipeline.compose.options import EditionSchedule, SendOptions

        settings = self.work.settings
        return SendOptions(
            renderer=self.digest_renderer,
            edition_schedule=EditionSchedule(
                zone=settings.default_timezone,
                hold=timedelta(minutes=settings.hold),
                canaries=settings.review.canaries,
            ),
            signed_with=self.signed_with,
            new_versions=settings.delivery.new_versions,
            note_renderer=self.transactional_renderer if settings.delivery.empty == "note" else None,
        )

    @cached_property
    def delivery_options(self) -> DeliveryOptions:
        """Everything that a delivery run is given."""
        from newsletter.delivery.outbox.recovery import Uncertain
        from newsletter.pipeline.deliver.edition_guard import GuardPolicy
        from newsletter.pipeline.deliver.options import DeliveryOptions

        settings = self.work.settings
        return DeliveryOptions(
            relays=self.relays,
            limits=self.limits,
            builder=self.builder,
            links=self.links,
            locks_dir=self.work.state_dir / "locks",
            wall=lambda: datetime.now(UTC),
            uncertain=Uncertain(settings.delivery.uncertain),
            guard_policy=GuardPolicy(after=settings.review.pause_after, share=settings.review.pause_share),
            suppression_key=self.work.suppression_key,
        )


def make_sample_digest(wiring: Wiring) -> SampleDigest:
    """A digest of the shipped papers, for a newsletter that has none yet."""
    from newsletter.pipeline.content.sample_digest import SampleDigest

    work = wiring.work
    topics = tuple(topic for topic in work.topics.values() if topic.public)
    return SampleDigest(wiring.mail_templates, brand=wiring.brand, topics=topics, matcher=work.matcher)


def inbound_options(wiring: Wiring) -> InboundOptions:
    """What the door for inbound mail is given."""
    from newsletter.pipeline.inbound.options import InboundOptions

    return InboundOptions(
        secret_keys=wiring.secret_keys,
        suppression_key=wiring.work.suppression_key,
        renderer=wiring.transactional_renderer,
    )


def reader_policy(work: Workspace) -> ReaderPolicy:
    """What the settings say about readers."""
    from newsletter.pipeline.readers.policy import ReaderPolicy
    from subscribers.preferences import Preferences

    settings = work.settings
    return ReaderPolicy(
        known_topics=tuple(work.topics),
        suppression_key=work.suppression_key,
        defaults=Preferences(hour=settings.default_hour, timezone=settings.default_timezone),
        welcome=settings.welcome,
        topic_titles={slug: topic.title for slug, topic in work.topics.items()},
    )


def request_limits(work: Workspace) -> RequestLimits:
    """How often the public pages answer."""
    from newsletter.pipeline.readers.policy import PER_READER, RequestLimits
    from subscribers.limits import rates_of

    web = work.settings.web
    return RequestLimits(
        per_client=rates_of(web.client_limit),
        per_address=rates_of(web.address_limit),
        per_reader=rates_of(PER_READER),
        unconfirmed=rates_of(web.unconfirmed_limit),
    )


def make_site(wiring: Wiring) -> Site:
    """The parts that the web pages work with."""
    from newsletter.cli.fetching import configured_sources
    from newsletter.cli.inbound import make_event_door, make_hooks
    from newsletter.papers import known_topics
    from newsletter.pipeline.content.digest_renderer import DigestRenderer
    from newsletter.web.site import Site

    work = wiring.work
    public = {slug: topic.public for slug, topic in work.topics.items()}
    return Site(
        engine=work.engine,
        base_url=work.settings.base_url,
        brand=wiring.brand,
        topics=work.topics,
        known_topics=known_topics.remember(work.engine, public),
        views=wiring.topic_views,
        policy=reader_policy(work),
        request_limits=request_limits(work),
        links=wiring.links,
        transactional_renderer=wiring.transactional_renderer,
        builder=wiring.unsigned_builder,
        sample_digest=make_sample_digest(wiring),
        digest_renderer=DigestRenderer(
            wiring.mail_templates,
            brand=wiring.brand,
            topics=[topic for topic in work.topics.values() if topic.public],
        ),
        state_dir=work.state_dir,
        metrics_from=work.settings.web.metrics_from,
        sources=configured_sources(work),
        own_templates=(work.templates_dir,),
        hooks=make_hooks(work.settings.inbound.webhooks),
        take_event=make_event_door(wiring),
        clock=lambda: datetime.now(UTC),
    )


def recalled_topics(work: Workspace) -> dict[str, bool]:
    """By slug whether a topic is public, with those of former settings. Stores nothing."""
    from newsletter.papers import known_topics

    return known_topics.recalled(work.engine, {slug: topic.public for slug, topic in work.topics.items()})
