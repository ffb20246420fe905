"""Opens one state directory for a command: its settings, database, topics and keys.

The parts made from the settings for mail and web pages are in `newsletter.cli.wiring`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from newsletter.core.errors import ConfigurationError, StorageError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from newsletter.settings import Settings
    from newsletter.topics.definitions import Topic
    from newsletter.topics.matcher import Matcher
    from newsletter.topics.model import Weights


class Workspace:
    """One state directory. Each part is opened when it is first used."""

    def __init__(self, *, state_dir_flag: Path | None = None, flags: Mapping[str, Any] | None = None) -> None:
        """state_dir_flag: the value of --state-dir. flags: settings of the command line, nested."""
        self.state_dir_flag = state_dir_flag
        self.flags = flags
        self.json = False  # the command line asked for JSON
        self.partial: dict[str, Any] = {}  # printed as JSON also when an error ends the command
        self._opened = ExitStack()

    def close(self) -> None:
        """Close the connections to the database properly: a server logs those that just break."""
        self._opened.close()

    @cached_property
    def state_dir(self) -> Path:
        """The absolute path of the state directory."""
        from newsletter.ops.state_dir import state_directory

        return state_directory(self.state_dir_flag)

    def check_state_dir(self) -> None:
        """Raise ConfigurationError when the state directory is a file."""
        if self.state_dir.exists() and not self.state_dir.is_dir():
            raise ConfigurationError(
                f"the state directory {self.state_dir} is a file", hint="Name a directory with --state-dir."
            )

    @property
    def dumps_dir(self) -> Path:
        """The folder with the raw bytes of dumps, content-addressed."""
        return self.state_dir / "dumps"

    @property
    def templates_dir(self) -> Path:
        """The folder of the operator's own templates; it need not exist."""
        return self.state_dir / "templates"

    @property
    def weights_file(self) -> Path:
        """The file that `topics train` writes; it need not exist."""
        return self.state_dir / "topic-weights.json.gz"

    @cached_property
    def settings(self) -> Settings:
        """The settings. Raises ConfigurationError."""
        from newsletter.settings import load

        return load(self.state_dir, flags=self.flags)

    @cached_property
    def database_url(self) -> str:
        """The SQLAlchemy URL of the database."""
        from newsletter.db.engine import default_url

        secret = self.settings.database_url
        return secret.get_secret_value() if secret is not None else default_url(self.state_dir)

    @cached_property
    def engine(self) -> Engine:
        """The database at the revision of this version. Raises StorageError with the command to run."""
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
        """Raise StorageError when the state directory has no database file: opening it would make one."""
        from newsletter.db.engine import DEFAULT_FILE

        if self.settings.database_url is None and not (self.state_dir / DEFAULT_FILE).exists():
            raise StorageError(
                f"no newsletter in {self.state_dir}",
                hint="Run `newsletter init` first, or name the right --state-dir.",
            )

    @cached_property
    def topics(self) -> Mapping[str, Topic]:
        """The topics of this newsletter by slug, in reading order. Raises ConfigurationError."""
        from newsletter.settings import other_place
        from newsletter.topics.definitions import load_topics

        try:
            return load_topics(self.settings.topics)
        except ConfigurationError as error:
            place = (other_place(self.state_dir, "topics") or "").removesuffix("topics")
            raise ConfigurationError(f"{place}{error.message}", hint=error.hint) from None

    @cached_property
    def matcher(self) -> Matcher:
        """Matches papers to the topics of this newsletter."""
        from newsletter.topics.model import matcher_of

        return matcher_of(self.topics, self.weights)

    @cached_property
    def weights(self) -> Weights:
        """The learned weights of `topics train`, or those that ship."""
        from newsletter.topics.model import load_weights

        return load_weights(self.weights_file if self.weights_file.exists() else None)

    @cached_property
    def secret_key(self) -> str:
        """The key that signs links and mail ids. Raises ConfigurationError when it is not set."""
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
        """Store a fingerprint of the suppression key, once. Raises WrongKeyError when another is stored."""
        from newsletter.db.engine import writing
        from subscribers import suppression_key

        with writing(self.engine) as connection:
            suppression_key.store_fingerprint(
                connection, self._key("suppression_key").encode(), now=datetime.now(UTC)
            )

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
