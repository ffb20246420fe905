"""Builds the ways by which bounces, complaints and replies come in, from the settings. Opens none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from newsletter.cli.wiring import Wiring
    from newsletter.inbound.intakes.imap_session import ImapMailbox
    from newsletter.inbound.intakes.intake import Intake, Take
    from newsletter.inbound.intakes.webhooks.hook import Hook, ProviderEvent
    from newsletter.ops.doctor.inbound import ReturnPathTest
    from newsletter.settings.inbound import WebhookSettings


def make_take(wiring: Wiring) -> Take:
    """The door for messages."""
    from newsletter.cli.wiring import inbound_options
    from newsletter.pipeline.inbound.take import take

    work = wiring.work
    door = partial(take, work.engine, options=inbound_options(wiring))
    return lambda data, *, recipient, source, sender=None: door(
        data, recipient=recipient, source=source, sender=sender, now=datetime.now(UTC)
    )


def make_intakes(wiring: Wiring) -> tuple[Intake, ...]:
    """The configured intakes that a scheduler steps through; webhooks belong to the web pages."""
    settings = wiring.work.settings.inbound
    found: list[Intake] = []
    if settings.maildir.path:
        from newsletter.inbound.intakes.maildir import MaildirIntake

        folder = wiring.work.state_dir / settings.maildir.path
        found.append(MaildirIntake(folder, take=make_take(wiring), keep=settings.maildir.keep))
    if settings.lmtp.address:
        from newsletter.inbound.intakes.lmtp import LmtpAddress, LmtpIntake

        found.append(LmtpIntake(LmtpAddress.of(settings.lmtp.address), take=make_take(wiring)))
    if settings.imap.host:
        found.append(_imap(wiring))
    return tuple(found)


def _imap(wiring: Wiring) -> Intake:
    from newsletter.inbound.intakes.imap import ImapIntake

    imap = wiring.work.settings.inbound.imap
    return ImapIntake(
        make_mailbox(wiring),
        take=make_take(wiring),
        position=wiring.work.state_dir / "imap.json",
        after=imap.after,
        moved_to=imap.moved_to,
        interval=float(imap.interval),
    )


def make_mailbox(wiring: Wiring) -> ImapMailbox:
    """The mailbox that is read over IMAP."""
    from newsletter.cli.relays import token_source
    from newsletter.inbound.intakes.imap_session import ImapMailbox

    imap = wiring.work.settings.inbound.imap
    return ImapMailbox(
        host=imap.host,
        port=imap.port,
        security=imap.security,
        username=imap.username or "",
        password=imap.password.get_secret_value() if imap.password is not None else "",
        tokens=token_source(imap, wiring.work.state_dir),
        folder=imap.folder,
        ca_file=imap.ca_file,
    )


def make_event_door(wiring: Wiring) -> Callable[[str, ProviderEvent], object]:
    """The door for what a provider says of one mail."""
    from newsletter.cli.wiring import inbound_options
    from newsletter.pipeline.inbound.take import take_report

    work = wiring.work

    def take_event(provider: str, event: ProviderEvent) -> object:
        return take_report(
            work.engine,
            event.report,
            event.data,
            source=provider,
            now=datetime.now(UTC),
            options=inbound_options(wiring),
            authentic=True,
            key=event.key,
        )

    return take_event


def make_hooks(settings: WebhookSettings) -> dict[str, Hook]:
    """The webhooks that have their secret or key, by the end of their address."""
    found: dict[str, Hook] = {}
    if settings.ses_topic:
        from newsletter.inbound.intakes.webhooks.amazon_hosts import fetch
        from newsletter.inbound.intakes.webhooks.amazon_sns import AmazonHook

        found["ses"] = AmazonHook(topic=settings.ses_topic, fetch=fetch)
    if settings.postmark_secret is not None:
        from newsletter.inbound.intakes.webhooks.postmark import PostmarkHook

        found["postmark"] = PostmarkHook(secret=settings.postmark_secret.get_secret_value())
    if settings.mailgun_key is not None:
        from newsletter.inbound.intakes.webhooks.mailgun import MailgunHook

        found["mailgun"] = MailgunHook(key=settings.mailgun_key.get_secret_value())
    if settings.sendgrid_key:
        from newsletter.inbound.intakes.webhooks.sendgrid import SendGridHook

        found["sendgrid"] = SendGridHook(public_key=settings.sendgrid_key)
    if settings.brevo_secret is not None:
        from newsletter.inbound.intakes.webhooks.brevo import BrevoHook

        found["brevo"] = BrevoHook(secret=settings.brevo_secret.get_secret_value())
    return found


def intake_names(wiring: Wiring) -> str:
    """The configured intakes that a scheduler steps through, in words; empty when there are none."""
    settings = wiring.work.settings.inbound
    named = {
        "Maildir": settings.maildir.path,
        "LMTP": settings.lmtp.address,
        "IMAP": settings.imap.host,
    }
    return " or ".join(name for name, value in named.items() if value)


def make_return_path_test(wiring: Wiring, *, now: datetime) -> ReturnPathTest:
    """A test bounce to the return path that the first mail server is given."""
    from email.utils import parseaddr

    from newsletter.delivery.message.verp import return_path
    from newsletter.ops.doctor.inbound import ReturnPathTest

    builder, relay = wiring.unsigned_builder, wiring.relays[0]

    def path(signed: str) -> str:
        own = return_path(signed, builder.inbound_address or builder.domain)
        return relay.return_path.replace("{id}", signed) or own

    _, sender = parseaddr(wiring.work.settings.sender)
    return ReturnPathTest(sender=sender, return_path=path, secret_key=builder.secret_key(), now=now)


def webhook_secrets(settings: WebhookSettings) -> dict[str, str]:
    """The secret or key of each provider that is set up; empty where only the provider can sign."""
    secret = {
        "postmark": settings.postmark_secret,
        "mailgun": settings.mailgun_key,
        "brevo": settings.brevo_secret,
    }
    found = {name: value.get_secret_value() for name, value in secret.items() if value is not None}
    public = {"ses": settings.ses_topic, "sendgrid": settings.sendgrid_key}
    return found | {name: "" for name, value in public.items() if value}
