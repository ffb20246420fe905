"""Reads the settings: flag, then environment, then credential files, then newsletter.toml, then defaults.

Only entry points import this, when a command runs. All other code gets plain values.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from newsletter.core.errors import ConfigurationError
from newsletter.settings.checks import is_loopback
from newsletter.settings.error_wording import in_words, meaning
from newsletter.settings.inbound import ImapSettings
from newsletter.settings.model import Settings, SmtpSettings
from newsletter.settings.sources import (
    CREDENTIALS_NAME,
    TOML_NAME,
    SettingsSource,
    credential_files,
    environment,
    merged,
    toml_file,
)

__all__ = ["Settings", "load", "other_place", "outside_state_dir"]


def load(state_dir: Path, *, flags: Mapping[str, Any] | None = None) -> Settings:
    """The settings of a state directory, which need not exist.

    flags: settings of the command line, nested; they override all sources.
    Raises ConfigurationError that names the file or variable and the key.
    """
    sources = [
        SettingsSource(place="the command line", values=flags or {}),
        environment(),
        *_credentials(state_dir),
        toml_file(state_dir / TOML_NAME),
    ]
    values: dict[str, Any] = {}
    for source in reversed(sources):
        values = merged(values, source.values)
    try:
        settings = Settings(**values)
    except ValidationError as error:
        raise _invalid(
            error, sources
        ) from None  # the text of pydantic repeats values that stand next to secrets
    _check(settings, sources)
    return settings


def outside_state_dir(state_dir: Path) -> list[str]:
    """Names of the settings whose values come from outside the state directory, with their source."""
    sources = [environment(), *_credentials(state_dir)[:-1]]
    return [source.names(path) for source in sources for path in source.paths()]


def other_place(state_dir: Path, key: str) -> str | None:
    """Where a setting gets its value from, by name; None: from the credentials folder, or from nowhere."""
    folder = state_dir / CREDENTIALS_NAME
    sources = [environment(), *_credentials(state_dir), toml_file(state_dir / TOML_NAME)]
    found = next((source for source in sources if source.holds((key,))), None)
    if found is None or (found.place == str(folder) and not (folder / key).is_symlink()):
        return None
    return found.names((key,))


def _credentials(state_dir: Path) -> list[SettingsSource]:
    systemd = os.environ.get("CREDENTIALS_DIRECTORY")
    found = [credential_files(Path(systemd), ours=False)] if systemd else []
    return [*found, credential_files(state_dir / CREDENTIALS_NAME, ours=True)]


def _invalid(error: ValidationError, sources: list[SettingsSource]) -> ConfigurationError:
    first = error.errors(include_url=False, include_input=False)[0]
    path = tuple(str(step) for step in first["loc"])
    while path and not any(source.holds(path) for source in sources):
        path = path[:-1]  # the name of a union's branch, which pydantic appends
    place = _place(sources, *path)
    if first["type"] == "missing":
        place += f".{first['loc'][-1]}"
    return ConfigurationError(
        f"{place}: {in_words(first)}",
        hint=f"{meaning(path)} See docs/reference/settings.md for what it takes.".lstrip(),
    )


def _check(settings: Settings, sources: list[SettingsSource]) -> None:
    """Check keys that depend on each other."""
    smtp = settings.smtp
    if smtp.protection == "none" and not is_loopback(smtp.host) and not smtp.allow_insecure:
        raise ConfigurationError(
            f"{_place(sources, 'smtp', 'security')}: no protection for a server that is not on this machine",
            hint='Use "starttls" or "tls"; to send unprotected all the same, set smtp.allow_insecure = true.',
        )
    _check_login(smtp, sources, "smtp")
    for number, relay in enumerate(settings.relays):
        _check_login(relay, sources, "relays", str(number))
    _check_imap(settings.inbound.imap, sources)
    selectors = [key.selector for key in settings.dkim]
    for selector in selectors:
        if selectors.count(selector) > 1:
            raise ConfigurationError(
                f"{_place(sources, 'dkim')}: two keys with the selector {selector}",
                hint="Each key has a DNS record of its own: give one of them another selector.",
            )


def _check_imap(imap: ImapSettings, sources: list[SettingsSource]) -> None:
    table = ("inbound", "imap")
    _check_login(imap, sources, *table)
    if imap.host and not (imap.password or imap.wants_token):
        raise ConfigurationError(
            f"{_place(sources, *table, 'host')}: there is no login for this mailbox",
            hint="Set inbound.imap.username, and put its password into the credential file "
            "inbound__imap__password.",
        )
    if imap.security == "none" and imap.host and not is_loopback(imap.host):
        raise ConfigurationError(
            f"{_place(sources, *table, 'security')}: no protection for a server that is not on this machine",
            hint='Use "tls" or "starttls".',
        )
    if imap.after == "move" and imap.moved_to in ("", imap.folder):
        raise ConfigurationError(
            f"{_place(sources, *table, 'after')}: it needs moved_to, another folder than {imap.folder}",
            hint='Set inbound.imap.moved_to, such as "Taken", or use "seen" or "delete".',
        )


def _check_login(smtp: SmtpSettings | ImapSettings, sources: list[SettingsSource], *table: str) -> None:
    name = ".".join(step for step in table if not step.isdigit())
    ways = [key for key in ("password", "token_command", "token_url") if getattr(smtp, key) is not None]
    if ways and smtp.username is None:
        raise ConfigurationError(
            f"{_place(sources, *table, ways[0])}: a {ways[0]} without {name}.username",
            hint=f"Set {name}.username, too.",
        )
    if len(ways) > 1:
        raise ConfigurationError(
            f"{_place(sources, *table, ways[1])}: there is {ways[0]} already",
            hint="A login is by password, by token_command or by token_url: keep one of them.",
        )
    if smtp.token_url is None:
        for key in ("client_id", "client_secret", "refresh_token", "token_scope"):
            if getattr(smtp, key):
                raise ConfigurationError(
                    f"{_place(sources, *table, key)}: it is for a token server, and {name}.token_url is "
                    "not set",
                    hint="Set token_url, or take the key away.",
                )
    elif smtp.client_id is None:
        raise ConfigurationError(
            f"{_place(sources, *table, 'token_url')}: {name}.client_id is missing",
            hint="Your provider gives it to a client that you register there.",
        )
    elif smtp.refresh_token is None and smtp.client_secret is None:
        raise ConfigurationError(
            f"{_place(sources, *table, 'token_url')}: neither refresh_token nor client_secret is set",
            hint="Put a person's refresh token, or the client's own secret, into the credential file "
            f"{name.replace('.', '__')}__refresh_token or {name.replace('.', '__')}__client_secret.",
        )


def _place(sources: list[SettingsSource], *path: str) -> str:
    return next((source.names(path) for source in sources if source.holds(path)), ".".join(path))
