"""What a command works with: the settings of its state directory, and plain values made from them when asked.

The only module besides `init` and `demo` that reads settings. Does no command's work.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from newsletter.core.errors import ConfigurationError, StorageError

if TYPE_CHECKING:
    from sqlalchemy import Engine

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
    from newsletter.pipeline.readers.policy import ReaderPolicy, RequestLimits
    from newsletter.render.environment import MailEnvironment
    from newsletter.render.view_models import Brand
    from newsletter.settings import Settings
    from newsletter.topics.definitions import Topic
    from newsletter.topics.matcher import Matcher
    from newsletter.topics.model import Weights
    from newsletter.web.site import Site


class Workspace:
    """One state directory. All of it is opened at the first use: a command pays for what it needs."""

    def __init__(self, *, state_dir_flag: Path | None = None, flags: Mapping[str, Any] | None = None) -> None:
        self.state_dir_flag = state_dir_flag
        self.flags = flags  # settings that the command line gives, nested
        self.json = False  # the command line asked for JSON
        self.partial: dict[str, Any] = {}  # what is told in JSON also when an error ends the command
        self._opened = ExitStack()

    def close(self) -> None:
        """Take leave of the database; a server notes connections that just break."""
        self._opened.close()

    @cached_property
    def state_dir(self) -> Path:
        """The absolute path of the state directory."""
        from newsletter.ops.state_dir import state_directory

        return state_directory(self.state_dir_flag)

    def check_state_dir(self) -> None:
        """Raise ConfigurationError when the state directory is named wrongly."""
        if self.state_dir.exists() and not self.state_dir.is_dir():
            raise ConfigurationError(
                f"the state directory {self.state_dir} is a file", hint="Name a directory with --state-dir."
            )

    @cached_property
    def settings(self) -> Settings:
        """The settings. Raises ConfigurationError."""
        from newsletter.settings import load

        return load(self.state_dir, flags=self.flags)

    @property
    def dumps_dir(self) -> Path:
        """Where the raw bytes of dumps lie, content-addressed."""
        return self.state_dir / "dumps"

    @cached_property
    def database_url(self) -> str:
        """Where the database is."""
        from newsletter.db.engine import default_url

        secret = self.settings.database_url
        return secret.get_secret_value() if secret is not None else default_url(self.state_dir)

    @cached_property
    def engine(self) -> Engine:
        """The database, at this version's revision. Raises StorageError otherwise, with what to run."""
        from newsletter.db.engine import open_engine
        from newsletter.db.migrate import check_current
        from newsletter.ops.state_dir import check_writable

        check_writable(self.state_dir)
        self.check_database_file()
        engine = open_engine(self.database_url)
        self._opened.callback(engine.dispose)
        check_current(engine)
        return engine

    def check_database_file(self) -> None:
        """Raise StorageError when the state directory has no database: opening one would make it."""
        from newsletter.db.engine import DEFAULT_FILE

        if self.settings.database_url is None and not (self.state_dir / DEFAULT_FILE).exists():
            raise StorageError(
                f"no newsletter in {self.state_dir}",
                hint="Run `newsletter init` first, or name the right --state-dir.",
            )

    @cached_property
    def topics(self) -> Mapping[str, Topic]:
        """The topics of this newsletter by slug, in reading order. Raises ConfigurationError."""
        from newsletter.topics.definitions import load_topics

        return load_topics(self.settings.topics)

    @cached_property
    def matcher(self) -> Matcher:
        """What says which topics a paper belongs to."""
        from newsletter.topics.model import matcher_of

        return matcher_of(self.topics, self.weights)

    @cached_property
    def weights(self) -> Weights:
        """What was learned about topics: here by `topics train`, else what ships."""
        from newsletter.topics.model import load_weights

        return load_weights(self.weights_file if self.weights_file.exists() else None)

    @property
    def weights_file(self) -> Path:
        """Where `topics train` leaves what it learned."""
        return self.state_dir / "topic-weights.json.gz"

    @cached_property
    def reader_policy(self) -> ReaderPolicy:
        """What the settings say about readers."""
        from newsletter.pipeline.readers.policy import ReaderPolicy
        from subscribers.preferences import Preferences

        return ReaderPolicy(
            known_topics=tuple(self.topics),
            suppression_key=self.suppression_key,
            defaults=Preferences(hour=self.settings.default_hour, timezone=self.settings.default_timezone),
            welcome=self.settings.welcome,
            topic_titles={slug: topic.title for slug, topic in self.topics.items()},
        )

    @cached_property
    def relays(self) -> tuple[Relay, ...]:
        """The mail servers, `[smtp]` first. Raises ConfigurationError when mail for others would carry our
        defaults."""
        from newsletter.cli.relays import relays_of

        return relays_of(self.settings, self.state_dir)

    @cached_property
    def limits(self) -> Limits:
        """How many mails may go."""
        from newsletter.core.mail.rates import parse_rates
        from newsletter.delivery.outbox.rate_counters import Limits

        delivery, servers = self.settings.delivery, (self.settings.smtp, *self.settings.relays)
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

    @cached_property
    def press(self) -> DigestRenderer:
        """What renders digests; templates in the state directory win over the shipped ones."""
        from newsletter.pipeline.content.digest_renderer import DigestRenderer

        return DigestRenderer(self.mail_templates, brand=self.brand, topics=tuple(self.topics.values()))

    @cached_property
    def letterpress(self) -> TransactionalRenderer:
        """What renders the other mails."""
        from newsletter.pipeline.content.digest_renderer import topic_views
        from newsletter.pipeline.content.transactional import TransactionalRenderer

        views = topic_views(tuple(self.topics.values()))
        return TransactionalRenderer(self.mail_templates, brand=self.brand, topics=views)

    @property
    def sampler(self) -> SampleDigest:
        """What makes a digest to look at where there is none yet."""
        from newsletter.pipeline.content.sample_digest import SampleDigest

        topics = tuple(self.topics.values())
        return SampleDigest(self.mail_templates, brand=self.brand, topics=topics, matcher=self.matcher)

    @cached_property
    def mail_templates(self) -> MailEnvironment:
        """The templates of mails, those of the state directory first."""
        from newsletter.render.environment import MailEnvironment

        return MailEnvironment([self.state_dir / "templates"])

    @cached_property
    def brand(self) -> Brand:
        """How the newsletter presents itself."""
        from newsletter.render.view_models import Brand

        return Brand(**self.settings.brand.model_dump())

    @cached_property
    def builder(self) -> Builder:
        """What makes mail of digests, signed when the settings name a key. Raises ConfigurationError."""
        if not self.settings.dkim:
            return self.unsigned_builder
        from newsletter.delivery.message.dkim import DkimSigner, SigningBuilder

        return SigningBuilder(self.unsigned_builder, DkimSigner(self.dkim_keys))

    @cached_property
    def unsigned_builder(self) -> MessageBuilder:
        """What knows the mails' ids and domain, and needs no key to sign with."""
        from newsletter.delivery.message.builder import MessageBuilder, SenderIdentity

        settings = self.settings
        return MessageBuilder(
            SenderIdentity(
                sender=settings.sender,
                base_url=settings.base_url,
                list_name=settings.brand.name,
                secret_key=self.secret_key.encode(),
                reply_to=settings.brand.reply_to,
            )
        )

    def dkim_place(self, selector: str) -> KeyFile:
        """Where the key of `selector` lies, or would. Raises ConfigurationError."""
        from newsletter.ops.dkim_key_files import key_place

        named = next((entry for entry in self.settings.dkim if entry.selector == selector), None)
        return key_place(
            self.state_dir,
            selector=selector,
            sender_domain=self.unsigned_builder.domain,
            domain=named.domain if named is not None else None,
            key_file=named.key_file if named is not None else None,
        )

    @cached_property
    def dkim_keys(self) -> tuple[DkimKey, ...]:
        """The keys that sign the mail, in the order of the settings. Raises ConfigurationError."""
        from newsletter.ops.dkim_key_files import read_key

        return tuple(read_key(self.dkim_place(entry.selector)) for entry in self.settings.dkim)

    def message_id(self, subscriber_id: int, kind: str, key: str) -> str:
        """The Message-ID of a mail."""
        return self.unsigned_builder.message_id(subscriber_id, kind, key)

    @cached_property
    def links(self) -> Links:
        """What makes the links of one reader."""
        from newsletter.pipeline.content.personalization import Links

        before = tuple(key.get_secret_value() for key in self.settings.previous_secret_keys)
        return Links(base_url=self.settings.base_url, secret_keys=(self.secret_key, *before))

    @cached_property
    def request_limits(self) -> RequestLimits:
        """How often the public pages answer."""
        from newsletter.pipeline.readers.policy import PER_READER, RequestLimits
        from subscribers.limits import rates_of

        web = self.settings.web
        return RequestLimits(
            per_client=rates_of(web.client_limit),
            per_address=rates_of(web.address_limit),
            per_reader=rates_of(PER_READER),
        )

    @property
    def send_options(self) -> SendOptions:
        """How digests are made: for everybody who is due."""
        from newsletter.pipeline.compose.options import EditionSchedule, SendOptions

        settings = self.settings
        return SendOptions(
            renderer=self.press,
            edition_schedule=EditionSchedule(
                zone=settings.default_timezone,
                hold=timedelta(minutes=settings.hold),
                canaries=settings.review.canaries,
            ),
            note_renderer=self.letterpress if settings.delivery.empty == "note" else None,
        )

    @cached_property
    def post(self) -> DeliveryOptions:
        """All that delivering needs."""
        from newsletter.delivery.outbox.recovery import Uncertain
        from newsletter.pipeline.deliver.edition_guard import GuardPolicy
        from newsletter.pipeline.deliver.options import DeliveryOptions

        return DeliveryOptions(
            relays=self.relays,
            limits=self.limits,
            builder=self.builder,
            links=self.links,
            locks_dir=self.state_dir / "locks",
            wall=lambda: datetime.now(UTC),
            uncertain=Uncertain(self.settings.delivery.uncertain),
            first_mails=GuardPolicy(
                after=self.settings.review.pause_after, share=self.settings.review.pause_share
            ),
            suppression_key=self.suppression_key,
        )

    @cached_property
    def site(self) -> Site:
        """What the web pages work with."""
        from newsletter.pipeline.content.digest_renderer import topic_views
        from newsletter.web.site import Site

        return Site(
            engine=self.engine,
            base_url=self.settings.base_url,
            brand=self.brand,
            topics=self.topics,
            views=topic_views(tuple(self.topics.values())),
            policy=self.reader_policy,
            request_limits=self.request_limits,
            links=self.links,
            press=self.letterpress,
            builder=self.unsigned_builder,
            sampler=self.sampler,
            state_dir=self.state_dir,
            metrics_from=self.settings.web.metrics_from,
            own_templates=(self.state_dir / "templates",),
            clock=lambda: datetime.now(UTC),
        )

    @cached_property
    def secret_key(self) -> str:
        """The key that signs links and mail ids."""
        return self._key("secret_key")

    @cached_property
    def suppression_key(self) -> bytes:
        """The key that hashes suppressed addresses. Raises WrongKeyError when the database knows another."""
        from newsletter.db.engine import reading
        from subscribers import suppression_key

        found = self._key("suppression_key").encode()
        with reading(self.engine) as connection:
            suppression_key.check(connection, found)
        return found

    def remember_key(self) -> None:
        """Store by what the suppression key is known again, once. Raises WrongKeyError for another one."""
        from newsletter.db.engine import writing
        from subscribers import suppression_key

        with writing(self.engine) as connection:
            suppression_key.remember(connection, self._key("suppression_key").encode(), now=datetime.now(UTC))

    def _key(self, name: str) -> str:
        secret = getattr(self.settings, name)
        if secret is None or not secret.get_secret_value():
            raise ConfigurationError(
                f"{name} is not set", hint="Run `newsletter init`: it makes the missing keys."
            )
        value: str = secret.get_secret_value()
        return value


def workspace(ctx: typer.Context) -> Workspace:
    """The workspace of this call, its settings checked: a typo there stops every command."""
    found: Workspace = ctx.obj
    found.check_state_dir()
    if found.settings.topics:
        _ = found.topics  # the tables below [topics] are settings, too
    return found
