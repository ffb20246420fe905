"""Reads the mail servers from the settings. Connects to none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from newsletter.core.errors import ConfigurationError
from newsletter.delivery.smtp.relay import Relay, Security, is_loopback

if TYPE_CHECKING:
    from newsletter.settings import Settings
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
    relays = tuple(_relay(smtp) for smtp in servers)
    names = [relay.name for relay in relays]
    if len(set(names)) < len(names):
        raise ConfigurationError(
            f"two mail servers are both {next(name for name in names if names.count(name) > 1)}",
            hint="Each of [smtp] and [[relays]] in newsletter.toml must be another host or port.",
        )
    return relays


def _relay(smtp: SmtpSettings) -> Relay:
    return Relay(
        host=smtp.host,
        port=smtp.port,
        security=Security(smtp.protection),
        username=smtp.username or "",
        password=smtp.password.get_secret_value() if smtp.password is not None else "",
        connections=smtp.connections,
        messages_per_connection=smtp.messages_per_connection,
        weight=smtp.weight,
        ca_file=smtp.ca_file,
        allow_insecure=smtp.allow_insecure,
    )
