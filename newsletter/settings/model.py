"""Defines the settings: every key, its type, its default and its meaning. Reads no file.

docs/reference/settings.md is generated from this module; `newsletter.settings.sources` reads the values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from newsletter.settings import checks
from newsletter.settings.checks import is_loopback
from newsletter.settings.inbound import InboundSettings, TokenCommand, TokenUrl
from newsletter.settings.listing_sources import SourceSettings
from newsletter.settings.table import SettingsTable

Limit = Annotated[str, AfterValidator(checks.rates)]
EhloName = Annotated[str, AfterValidator(checks.ehlo_name)]
ReturnPath = Annotated[str, AfterValidator(checks.return_path)]
CountLimit = Annotated[str, AfterValidator(checks.count_rates)]


def _lines(value: Any) -> Any:
    """The lines of a credential file, or a list as it is."""
    return [line.strip() for line in value.splitlines() if line.strip()] if isinstance(value, str) else value


def _one_or_several(value: Any) -> Any:
    return [value] if isinstance(value, Mapping) else value


class SmtpSettings(SettingsTable):
    """The mail server that takes what is sent."""

    host: Annotated[str, AfterValidator(checks.host)] = Field(
        default="localhost", min_length=1, description="Name or address of the mail server."
    )
    port: int = Field(
        default=25, ge=1, le=65535, description="Its port: 587 for starttls, 465 for tls, as a rule."
    )
    security: Literal["starttls", "tls", "none"] | None = Field(
        default=None,
        description="How the connection is protected; never weakened silently. "
        "Not set: `none` on loopback, `starttls` anywhere else.",
    )
    username: str | None = Field(default=None, description="Login name, when the server asks for one.")
    password: SecretStr | None = Field(
        default=None,
        description="Its password; best kept in the credential file `smtp__password` ([smtp] alone).",
    )
    token_command: TokenCommand | None = Field(
        default=None,
        description="Instead of a password: a command that prints an access token (XOAUTH2, OAUTHBEARER). "
        "A list is run as it is, a text by the shell; within 30 seconds, again after 5 minutes or a refusal.",
    )
    token_url: TokenUrl | None = Field(
        default=None,
        description="Instead of a password: the token server that gives access tokens, `https://…`; "
        "see “Send with Google Workspace” and “Send with Microsoft 365”.",
    )
    token_scope: str = Field(
        default="", description="The scope to ask the token server for; many need none with a refresh token."
    )
    client_id: str | None = Field(
        default=None, min_length=1, description="By what name the token server knows this newsletter."
    )
    client_secret: SecretStr | None = Field(
        default=None, description="The secret of that client; best kept in `smtp__client_secret`."
    )
    refresh_token: SecretStr | None = Field(
        default=None,
        description="What the token server gave for a person's consent; best kept in `smtp__refresh_token`. "
        "Not set: the client asks for itself, by its secret.",
    )
    ehlo_name: EhloName = Field(
        default="",
        description="The name by which this machine greets the server. Empty: its full name, else the host "
        "of `base_url`; towards this machine itself its address.",
    )
    return_path: ReturnPath = Field(
        default="",
        description="The address that bounces go to, where the server ties the login to its own addresses: "
        "such as `me+{id}@example.org` or `me@example.org`; `{id}` names the message. Empty: `bounce+{id}@` "
        "and the domain of `sender`.",
    )
    connections: int = Field(default=4, ge=1, le=100, description="Connections open at the same time.")
    messages_per_connection: int = Field(
        default=100, ge=1, description="Mails before a connection is closed; many servers allow 100."
    )
    weight: float = Field(
        default=1.0,
        ge=0,
        le=1000,
        description="Its share of the mail beside other servers, `[[relays]]`; "
        "0: only when no other can be used.",
    )
    limit: Limit = Field(
        default="",
        description="How many mails it may be given, such as `20/second` or `1000/hour, 5000/day`. "
        "Empty: as many as there are.",
    )
    ca_file: str | None = Field(
        default=None, description="Certificates to trust instead of the system's, for a private authority."
    )
    allow_insecure: bool = Field(
        default=False, description='Allow `security = "none"` to a server that is not on loopback.'
    )

    @property
    def wants_token(self) -> bool:
        """Whether the login is by access token."""
        return self.token_command is not None or self.token_url is not None

    @property
    def protection(self) -> Literal["starttls", "tls", "none"]:
        """`security`, or its default."""
        if self.security is not None:
            return self.security
        return "none" if is_loopback(self.host) else "starttls"


class DeliverySettings(SettingsTable):
    """What the outbox does with the rare cases."""

    uncertain: Literal["mend", "resend"] = Field(
        default="mend",
        description="A digest whose fate is unknown after a crash: `mend` lists its papers again, briefly, "
        "in the next digest; `resend` sends the same mail once more.",
    )
    empty: Literal["skip", "note"] = Field(
        default="skip",
        description="What a reader gets whose hour comes and who is owed nothing: nothing, or a short `note` "
        "that nothing is new. What is too few for a reader's minimum waits without a note.",
    )
    new_versions: bool = Field(
        default=False,
        description="Whether a digest ends with a line for each paper that its reader had and that has a new "
        "version since the digest before. A new version makes no digest and is no news.",
    )
    limit: Limit = Field(
        default="",
        description="How many mails may go in all, per second, minute, hour or day; several with commas, "
        "such as `100/minute, 2000/day`. Empty: no limit.",
    )
    domain_limit: Limit = Field(
        default="", description="How many may go to any one recipient domain, written like `limit`."
    )
    domain_limits: dict[Annotated[str, AfterValidator(checks.domain)], Limit] = Field(
        default_factory=dict,
        description='Limits of single domains, such as `"gmail.com" = "20/minute"`, '
        "instead of `domain_limit`.",
    )


class DkimSettings(SettingsTable):
    """One key that signs the mail. Several sign side by side."""

    selector: Annotated[str, AfterValidator(checks.selector)] = Field(
        description="Names the key in DNS, where its record is `<selector>._domainkey.<domain>`."
    )
    domain: Annotated[str, AfterValidator(checks.domain)] | None = Field(
        default=None,
        description="Who signs: the domain of `sender`, or one above or below it. "
        "Not set: that domain itself.",
    )
    key_file: str | None = Field(
        default=None,
        min_length=1,
        description="The private key, PEM; below the state directory unless it starts with `/`. "
        "Not set: `dkim/<selector>.pem`.",
    )


class BrandSettings(SettingsTable):
    """How the newsletter presents itself, without touching a template."""

    name: str = Field(
        default="Research papers", min_length=1, max_length=100, description="The newsletter's name."
    )
    accent: Annotated[str, AfterValidator(checks.color)] = Field(
        default="#22201c", description="Its colour, `#rrggbb`."
    )
    logo: Annotated[str, AfterValidator(checks.public_link)] | None = Field(
        default=None, description="Link to an image."
    )
    footer: str = Field(default="", description="A line at the foot of every mail.")
    postal_address: str = Field(
        default="", description="Printed at the foot of every mail; many countries require it."
    )
    privacy_url: Annotated[str, AfterValidator(checks.public_link)] | None = Field(
        default=None, description="Link to your privacy notice, printed at the foot of every digest."
    )
    reply_to: Annotated[str, AfterValidator(checks.address)] | None = Field(
        default=None, description="Where answers go, `Name <address>`; the sender when not set."
    )
    subject: Annotated[str, AfterValidator(checks.subject_pattern)] = Field(
        default="",
        description="Pattern of the subject line; its fields are {name}, {number}, {date}, {topics}, {first} "
        "and {count}. Empty: the subject names what is inside.",
    )
    language: Annotated[str, AfterValidator(checks.language)] = Field(
        default="en", description="Language tag."
    )


class WebSettings(SettingsTable):
    """The web pages: where they are served, and how often they answer."""

    host: str = Field(
        default="127.0.0.1", min_length=1, description="Address to listen on; `0.0.0.0` for every one."
    )
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    workers: int = Field(default=1, ge=1, le=32, description="Processes that serve the pages.")
    trusted_proxies: tuple[Annotated[str, AfterValidator(checks.network)], ...] = Field(
        default=("127.0.0.1", "::1"),
        description="Addresses or networks whose `X-Forwarded-For` is believed: your reverse proxy.",
    )
    client_limit: CountLimit = Field(
        default="5/minute, 20/hour",
        description="Requests that one network address (of IPv6: a /64) may make on the public forms; a /56 "
        "may make twice as many, a /48 and an IPv4 /24 six times. What is beyond is answered alike and "
        "comes to nothing. Empty: no limit.",
    )
    metrics_from: tuple[Annotated[str, AfterValidator(checks.network)], ...] = Field(
        default=("127.0.0.0/8", "::1"),
        description="Addresses or networks that may see `/metrics`, not through a proxy.",
    )
    address_limit: CountLimit = Field(
        default="1/hour, 3/day",
        description="Mails to one mailbox whose address anybody may have typed there; dots and what follows "
        "a plus sign do not make another one. Empty: no limit.",
    )
    unconfirmed_limit: CountLimit = Field(
        default="200/hour",
        description="Mails in all to people who have not confirmed. Sign-ups beyond it wait, and `watch` "
        "raises an alarm. Empty: no limit.",
    )


class ReviewSettings(SettingsTable):
    """Who looks at an edition before the others get it."""

    canaries: tuple[Annotated[str, AfterValidator(checks.one_address)], ...] = Field(
        default=(),
        description="Addresses of subscribers who get an edition as soon as it is published, whatever their "
        "hour, and without the wait of `hold`.",
    )
    pause_after: int = Field(
        default=50,
        ge=0,
        le=10_000,
        description="How many of an edition's first mails are looked at; it is held by itself when too many "
        "are refused, or one to a canary. 0: never.",
    )
    pause_share: float = Field(
        default=0.2, ge=0, lt=1, description="The share of them that may be refused, such as 0.2."
    )


class HistorySettings(SettingsTable):
    """How long mail is kept as it was sent."""

    keep_days: int = Field(
        default=90,
        ge=45,
        le=36_500,
        description="Days for which each mail is kept with its content and the server's words. Whole months "
        "that are older are packed; see “Old mail in compact form”.",
    )


class WatchSettings(SettingsTable):
    """When and how an admin is notified of alarms."""

    mail: Annotated[str, AfterValidator(checks.bare_address)] = Field(
        default="", description="Address that is mailed what is wrong. Empty: nobody is."
    )
    webhook: Annotated[str, AfterValidator(checks.web_link)] | None = Field(
        default=None, description="Link that gets the same as JSON; its field `text` suits chat programs."
    )
    ping: Annotated[str, AfterValidator(checks.web_link)] | None = Field(
        default=None,
        description="Link that is asked for after each look; a service such as healthchecks raises the alarm "
        "when it was not.",
    )
    quiet_hours: int = Field(
        default=36, ge=0, le=24 * 90, description="Hours without a new dump that are too many; 0: never mind."
    )
    weekends: bool = Field(
        default=True, description="No dump is expected on Saturdays and Sundays: their hours do not count."
    )
    waiting_hours: int = Field(default=2, ge=1, le=24 * 30, description="Hours that a mail may be late.")


class Settings(BaseSettings):
    """Every setting. Keys that are not here are refused by name."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix="NEWSLETTER_",
        env_nested_delimiter="__",
        hide_input_in_errors=True,
    )

    sender: Annotated[str, AfterValidator(checks.address)] = Field(
        default="Research papers <newsletter@localhost>",
        description="From whom the mail comes, `Name <address>`.",
    )
    base_url: Annotated[str, AfterValidator(checks.base_url)] = Field(
        default="http://localhost:8000",
        description="Where readers reach the web pages; links in mail start with it. "
        "`https://`, or `http://` on loopback.",
    )
    secret_key: SecretStr | None = Field(
        default=None,
        description="Signs links and mail ids. Made by `init`; `newsletter keys rotate` changes it.",
    )
    previous_secret_keys: Annotated[tuple[SecretStr, ...], BeforeValidator(_lines)] = Field(
        default=(),
        description="Keys that `secret_key` had before, the newest first: links that they signed still work. "
        "`newsletter keys rotate` keeps them; in a credential file one a line.",
    )
    suppression_key: SecretStr | None = Field(
        default=None, description="Hashes suppressed addresses. Made by `init`; never change it."
    )
    database_url: Annotated[SecretStr, AfterValidator(checks.database_url)] | None = Field(
        default=None,
        description="`sqlite:////path/file` or `postgresql+psycopg://…`. "
        "Not set: `newsletter.sqlite3` in the state directory.",
    )
    default_hour: int = Field(
        default=7, ge=0, le=23, description="Hour of a new reader's digest, in their time zone."
    )
    default_timezone: Annotated[str, AfterValidator(checks.zone)] = Field(
        default="UTC", description="Time zone of a new reader, an IANA name."
    )
    welcome: int = Field(
        default=0, ge=0, le=100, description="How many recent papers of their topics a newcomer is given."
    )
    hold: int = Field(
        default=0,
        ge=0,
        le=60 * 24 * 7,
        description="Minutes between the last ingest and the moment when an edition may be mailed.",
    )
    smtp: SmtpSettings = Field(default=SmtpSettings(), description="The mail server.")
    relays: Annotated[tuple[SmtpSettings, ...], BeforeValidator(_one_or_several)] = Field(
        default=(),
        description="More mail servers besides `[smtp]`, each `[[relays]]` with the same keys; "
        "see “Send through several mail servers”.",
    )
    delivery: DeliverySettings = Field(
        default=DeliverySettings(), description="What the outbox does with the rare cases."
    )
    inbound: InboundSettings = Field(
        default=InboundSettings(), description="By which ways bounces, complaints and replies come in."
    )
    review: ReviewSettings = Field(
        default=ReviewSettings(), description="Who looks at an edition before the others get it."
    )
    history: HistorySettings = Field(
        default=HistorySettings(), description="How long mail is kept as it was sent."
    )
    watch: WatchSettings = Field(default=WatchSettings(), description="What an admin is told of, and how.")
    web: WebSettings = Field(default=WebSettings(), description="The web pages.")
    brand: BrandSettings = Field(default=BrandSettings(), description="How the newsletter presents itself.")
    dkim: Annotated[tuple[DkimSettings, ...], BeforeValidator(_one_or_several)] = Field(
        default=(), description="Keys that sign the mail, each `[[dkim]]`; see “Sign mail with DKIM”."
    )
    sources: dict[Annotated[str, AfterValidator(checks.source_name)], SourceSettings] = Field(
        default_factory=dict,
        description="What brings dumps by itself, each `[sources.<name>]`; see “Fetch listings”.",
    )
    topics: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="One table per topic that is added or changed, `[topics.<slug>]`; see “Add a topic”.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let pydantic read no source: the loader reads them all, to name the source of a wrong value."""
        return (init_settings,)
