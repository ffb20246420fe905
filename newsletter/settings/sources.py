"""Reads settings from environment, credential files and newsletter.toml, and where each key stands.

Checks no value: `newsletter.settings.model` does.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic_settings import EnvSettingsSource
from pydantic_settings.exceptions import SettingsError

from newsletter.core.errors import ConfigurationError
from newsletter.settings.model import Settings

PREFIX = "NEWSLETTER_"
NOT_SETTINGS = frozenset({"STATE_DIR", "DEBUG"})  # read by the command line itself
TOML_NAME = "newsletter.toml"
CREDENTIALS_NAME = "credentials"  # a folder in the state directory
MAX_CREDENTIAL = 64 * 1024  # bytes; secrets are much shorter

KeyPath = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsSource:
    """The settings of one source."""

    place: str  # its name in messages: a path, or "the environment"
    values: Mapping[str, Any]  # nested like the settings
    environment: bool = False

    def names(self, path: KeyPath) -> str:
        """The name of the key `path` in this source."""
        if self.environment:
            return f"environment variable {PREFIX}{'__'.join(path).upper()}"
        return f"{self.place}: {'.'.join(path)}"

    def paths(self) -> Iterator[KeyPath]:
        """Every key that this source sets."""
        waiting: list[tuple[KeyPath, Any]] = [((), self.values)]
        while waiting:
            path, value = waiting.pop(0)
            if isinstance(value, Mapping):
                waiting.extend(((*path, str(key)), below) for key, below in value.items())
            else:
                yield path

    def holds(self, path: KeyPath) -> bool:
        """Whether this source sets the key `path`, or one below it."""
        here: Any = self.values
        for step in path:
            if isinstance(here, list) and step.isdigit() and int(step) < len(here):
                here = here[int(step)]
            elif isinstance(here, Mapping) and step in here:
                here = here[step]
            else:
                return False
        return True


def environment() -> SettingsSource:
    """The NEWSLETTER_… variables. Raises ConfigurationError for an unknown one."""
    for variable in sorted(os.environ):
        if not variable.upper().startswith(PREFIX) or variable[len(PREFIX) :].upper() in NOT_SETTINGS:
            continue
        path = tuple(variable[len(PREFIX) :].lower().split("__"))
        unknown = _first_unknown({path[0]: _nested(path[1:], "")})
        if unknown:
            raise _unknown(f"environment variable {variable}", unknown, environment=True)
    try:
        values = EnvSettingsSource(Settings)()
    except SettingsError as error:
        raise ConfigurationError(
            f"an environment variable cannot be read: {error}",
            hint="A whole table in one variable must be JSON; better set one key: NEWSLETTER_SMTP__HOST.",
        ) from error
    return SettingsSource(place="the environment", values=values, environment=True)


def credential_files(folder: Path, *, ours: bool) -> SettingsSource:
    """Files named like settings (`smtp__password`), one value each.

    ours: the folder belongs to the state directory, so an unknown name is refused; systemd's folder
    may hold credentials for others.
    """
    values: dict[str, Any] = {}
    for file in _files(folder):
        path = tuple(file.name.lower().replace(".", "__").split("__"))
        unknown = _first_unknown({path[0]: _nested(path[1:], "")})
        if unknown:
            if ours:
                raise _unknown(str(file), unknown)
            continue
        try:
            raw = file.read_bytes()[: MAX_CREDENTIAL + 1]
            text = raw.decode("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"the credential file {file} cannot be read",
                hint="It must be UTF-8 text that this user may read.",
            ) from error
        if len(raw) > MAX_CREDENTIAL:
            raise ConfigurationError(f"the credential file {file} is too long for a secret")
        values = merged(values, {path[0]: _nested(path[1:], text)})
    return SettingsSource(place=str(folder), values=values)


def toml_file(file: Path) -> SettingsSource:
    """newsletter.toml. Raises ConfigurationError with file and line, or file and unknown key."""
    try:
        text = file.read_text("utf-8")
    except FileNotFoundError:
        return SettingsSource(place=str(file), values={})
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{file} cannot be read", hint="It must be UTF-8 text that this user may read."
        ) from error
    try:
        values = tomllib.loads(text + "\n")  # so that an error on the last line has a line number
    except tomllib.TOMLDecodeError as error:
        hint = "Mend the line, or put # before it; text needs quotes."
        if "twice" in str(error) or "overwrite" in str(error):
            hint = "Each table and each key stands once: put its lines together, or # before one of them."
        raise ConfigurationError(f"{file} is not valid TOML: {error}", hint=hint) from None
    unknown = _first_unknown(values)
    if unknown:
        raise _unknown(str(file), unknown)
    return SettingsSource(place=str(file), values=values)


def merged(lower: Mapping[str, Any], higher: Mapping[str, Any]) -> dict[str, Any]:
    """`lower`, overridden by `higher`, table by table."""
    result = dict(lower)
    for key, value in higher.items():
        below = result.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            result[key] = merged(below, value)
        else:
            result[key] = value
    return result


def _files(folder: Path) -> Iterator[Path]:
    try:
        yield from sorted(
            file for file in folder.iterdir() if file.is_file() and not _is_editor_file(file.name)
        )
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigurationError(f"the credentials folder {folder} cannot be read") from error


def _is_editor_file(name: str) -> bool:
    """Whether it is a temporary file of an editor: .name.swp, name~, #name#, name.bak."""
    return name.startswith((".", "#")) or name.endswith(("~", ".bak"))


def _nested(path: KeyPath, value: Any) -> Any:
    for step in reversed(path):
        value = {step: value}
    return value


def _first_unknown(values: Mapping[str, Any]) -> tuple[KeyPath, list[str]] | None:
    """The first unknown key, with the known names next to it."""

    def walk(
        here: Mapping[str, Any], model: type[BaseModel], path: KeyPath
    ) -> tuple[KeyPath, list[str]] | None:
        for key, value in here.items():
            if key not in model.model_fields:
                return (*path, key), sorted(model.model_fields)
            table = _table(model, key)
            is_named = get_origin(model.model_fields[key].annotation) is dict  # [sources.<name>]
            tables: dict[KeyPath, Any] = {(): value}
            if isinstance(value, list):
                tables = {(str(number),): each for number, each in enumerate(value)}
            elif is_named and isinstance(value, Mapping):
                tables = {(name,): each for name, each in value.items()}
            if table is not None and all(isinstance(each, Mapping) for each in tables.values()):
                for step, each in tables.items():
                    below = walk(each, table, (*path, key, *(step if is_named else ())))
                    if below:
                        return below
            elif isinstance(value, Mapping) and not is_named:
                return (*path, key, next(iter(value), "")), []
        return None

    return walk(values, Settings, ())


def _table(model: type[BaseModel], key: str) -> type[BaseModel] | None:
    annotation = model.model_fields[key].annotation
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _unknown(
    place: str, unknown: tuple[KeyPath, list[str]], *, environment: bool = False
) -> ConfigurationError:
    path, siblings = unknown
    close = get_close_matches(path[-1], siblings, n=1, cutoff=0.6)
    if not environment and len(path) > 1 and path[-1] in Settings.model_fields:
        hint = f"{path[-1]} is no key of a table: move its line above the first line in brackets."
    elif close:
        meant = (*path[:-1], close[0])
        name = PREFIX + "__".join(meant).upper() if environment else ".".join(meant)
        hint = f"Did you mean {name}?"
    elif siblings:
        hint = "Known here: " + ", ".join(siblings) + "."
    else:
        hint = f"{'.'.join(path[:-1])} is a single value, not a table."
    return ConfigurationError(f"{place}: unknown setting {'.'.join(path)}", hint=hint)
