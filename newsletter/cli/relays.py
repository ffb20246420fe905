"""Reads the mail servers from the settings. Connects to none."""

from __future__ import annotations

import socket
from email.utils import parseaddr
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from newsletter.core.errors import ConfigurationError
from newsletter.core.mail.values import Envelope
from newsletter.delivery.message.verp import return_path
from newsletter.delivery.smtp.access_tokens import TokenSource
from newsletter.delivery.smtp.relay import Relay, Security, is_loopback

if TYPE_CHECKING:
    from newsletter.settings import Settings
    from newsletter.settings.inbound import ImapSettings
    from newsletter.settings.model import SmtpSettings


def relays_of(settings: Settings, state_dir: Path) -> tuple[Relay, ...]:
    """The mail servers, `[smtp]` first.

    Raises ConfigurationError when two are the same, or one is not this machine and the sender is not set.
    """
    servers = (settings.smtp, *settings.relays)
    for smtp in servers:
        for key in ("sender", "base_url") if not is_loopback(smtp.host) else ():
            if key not in settings.model_fields_set:
                raise ConfigurationError(
                    f"{key} is not set, but {smtp.host} is not this machine",
                    hint=f"Set {key} in {state_dir / 'newsletter.toml'}; readers see it.",
                )
    relays = tuple(_relay(smtp, settings.base_url, state_dir) for smtp in servers)
    names = [relay.name for relay in relays]
    if len(set(names)) < len(names):
        raise ConfigurationError(
            f"two mail servers are both {next(name for name in names if names.count(name) > 1)}",
            hint="Each of [smtp] and [[relays]] in newsletter.toml must be another host or port.",
        )
    return relays


def default_ehlo_name(base_url: str) -> str:
    """The full name of this machine, else the host of the web pages; empty when neither is a full name.

    Large relays answer 421 to an address literal (RFC 5321 4.1.3), so it is not used towards them.
    """
    for name in (socket.getfqdn(), urlsplit(base_url).hostname or "", socket.gethostname()):
        if "." in name.strip(".") and not is_loopback(name) and not name.startswith("localhost"):
            return name
    return ""


def trial_envelope(settings: Settings) -> Envelope:
    """The addresses that `smtp check` and `doctor` name to a server: from us, to us. It is never sent."""
    _, sender = parseaddr(settings.sender)
    trial_id = "0.trial"
    mailbox = settings.inbound.address or sender.rpartition("@")[2]
    return Envelope(sender=return_path(trial_id, mailbox), recipient=sender, data=b"", envid=trial_id)


def token_source(smtp: SmtpSettings | ImapSettings, state_dir: Path) -> TokenSource | None:
    """What brings the access tokens of a login; None when it is by password."""
    if smtp.token_command is not None:
        from newsletter.delivery.smtp.token_command import TokenCommand

        return TokenSource(TokenCommand(command=smtp.token_command).fetch)
    if smtp.token_url is None:
        return None
    from newsletter.delivery.smtp.token_endpoint import TokenEndpoint
    from newsletter.ops.refresh_token_file import RefreshTokenFile

    refresh_token = smtp.refresh_token.get_secret_value() if smtp.refresh_token is not None else ""
    kept = RefreshTokenFile.of(state_dir, f"{smtp.host}:{smtp.port}", refresh_token)
    endpoint = TokenEndpoint(
        url=smtp.token_url,
        client_id=smtp.client_id or "",
        client_secret=smtp.client_secret.get_secret_value() if smtp.client_secret is not None else "",
        refresh_token=refresh_token,
        scope=smtp.token_scope,
        newest=kept.newest,
        keep=kept.keep,
    )
    return TokenSource(endpoint.fetch)


def _relay(smtp: SmtpSettings, base_url: str, state_dir: Path) -> Relay:
    return Relay(
        host=smtp.host,
        port=smtp.port,
        security=Security(smtp.protection),
        username=smtp.username or "",
        password=smtp.password.get_secret_value() if smtp.password is not None else "",
        tokens=token_source(smtp, state_dir),
        connections=smtp.connections,
        messages_per_connection=smtp.messages_per_connection,
        weight=smtp.weight,
        ca_file=smtp.ca_file,
        allow_insecure=smtp.allow_insecure,
        hostname=smtp.ehlo_name or ("" if is_loopback(smtp.host) else default_ehlo_name(base_url)),
        return_path=smtp.return_path,
    )
