"""Defines the tables `[inbound.*]`: by which ways bounces, complaints and replies come in. Reads none."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from newsletter.settings import checks
from newsletter.settings.table import SettingsTable

TokenUrl = Annotated[str, AfterValidator(checks.token_url)]
TokenCommand = Annotated[str | tuple[str, ...], AfterValidator(checks.command)]


class MaildirSettings(SettingsTable):
    """A folder to which the mail server of this machine delivers."""

    path: str = Field(
        default="",
        description="The Maildir; below the state directory unless it starts with `/`. Empty: none is "
        "watched. See “Read bounces with your own Postfix”.",
    )
    keep: bool = Field(
        default=True,
        description="Whether a message that was taken stays in `cur/`; `false` deletes it, and the log "
        "alone keeps its beginning.",
    )


class ImapSettings(SettingsTable):
    """A mailbox that is read over IMAP."""

    host: Annotated[str, AfterValidator(checks.host)] = Field(
        default="", description="Name of its server. Empty: no mailbox is read."
    )
    port: int = Field(default=993, ge=1, le=65535, description="Its port: 993 for tls, 143 for starttls.")
    security: Literal["tls", "starttls", "none"] = Field(
        default="tls",
        description="How the connection is protected; never weakened silently. `none` on loopback only.",
    )
    username: str | None = Field(default=None, min_length=1, description="Login name.")
    password: SecretStr | None = Field(
        default=None, description="Its password; best kept in the credential file `inbound__imap__password`."
    )
    token_command: TokenCommand | None = Field(
        default=None,
        description="Instead of a password: a command that prints an access token, as of `[smtp]`.",
    )
    token_url: TokenUrl | None = Field(
        default=None, description="Instead of a password: the token server, as of `[smtp]`."
    )
    token_scope: str = Field(default="", description="The scope to ask the token server for.")
    client_id: str | None = Field(
        default=None, min_length=1, description="By what name the token server knows this newsletter."
    )
    client_secret: SecretStr | None = Field(
        default=None,
        description="The secret of that client; best kept in `inbound__imap__client_secret`.",
    )
    refresh_token: SecretStr | None = Field(
        default=None,
        description="What the token server gave for a person's consent; best kept in "
        "`inbound__imap__refresh_token`.",
    )
    folder: str = Field(default="INBOX", min_length=1, description="The folder that is read.")
    after: Literal["seen", "move", "delete"] = Field(
        default="seen",
        description="What becomes of a message that was taken: it is marked as seen, moved to `moved_to`, "
        "or deleted.",
    )
    moved_to: str = Field(default="", description="For `move`: the folder; it must exist.")
    interval: int = Field(default=60, ge=10, le=3600, description="Seconds between two looks.")
    ca_file: str | None = Field(
        default=None, description="Certificates to trust instead of the system's, for a private authority."
    )

    @property
    def wants_token(self) -> bool:
        """Whether the login is by access token."""
        return self.token_command is not None or self.token_url is not None


class LmtpSettings(SettingsTable):
    """A listener for the mail server of this machine."""

    address: Annotated[str, AfterValidator(checks.local_listener)] = Field(
        default="",
        description="Where to listen for LMTP: `127.0.0.1:8024`, or the path of a socket such as "
        "`/run/newsletter/lmtp`. Empty: nowhere.",
    )


class WebhookSettings(SettingsTable):
    """What providers sign or know, so that their notices are believed."""

    ses_topic: Annotated[str, AfterValidator(checks.sns_topic)] = Field(
        default="",
        description="Amazon SES: the topic of Amazon SNS, `arn:aws:sns:…`, that posts to `/hooks/ses`.",
    )
    postmark_secret: SecretStr | None = Field(
        default=None,
        min_length=8,
        description="Postmark: the password of the address `/hooks/postmark`, or its bearer token. "
        "Best kept in `inbound__webhooks__postmark_secret`, as those below.",
    )
    mailgun_key: SecretStr | None = Field(
        default=None, min_length=8, description="Mailgun: the “HTTP webhook signing key”; `/hooks/mailgun`."
    )
    sendgrid_key: Annotated[str, AfterValidator(checks.public_key)] = Field(
        default="",
        description="SendGrid: the “verification key” of the signed event webhook, a public key; "
        "`/hooks/sendgrid`.",
    )
    brevo_secret: SecretStr | None = Field(
        default=None,
        min_length=8,
        description="Brevo: the password of the address `/hooks/brevo`, or its bearer token.",
    )


class InboundSettings(SettingsTable):
    """By which ways bounces, complaints and replies come in; several may be on."""

    address: Annotated[str, AfterValidator(checks.plain_mailbox)] = Field(
        default="",
        description="The mailbox that is read, such as `bounce@papers.example.org`: return paths become "
        "`bounce+<id>@papers.example.org`, and every digest offers to leave by mail. Empty: return paths are "
        "`bounce+<id>@` and the domain of `sender`, and nobody is invited to write.",
    )
    maildir: MaildirSettings = Field(default=MaildirSettings(), description="A Maildir.")
    imap: ImapSettings = Field(default=ImapSettings(), description="A mailbox over IMAP.")
    lmtp: LmtpSettings = Field(default=LmtpSettings(), description="A listener for LMTP.")
    webhooks: WebhookSettings = Field(default=WebhookSettings(), description="Webhooks of providers.")
