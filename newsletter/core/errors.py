"""Defines the error classes. Each message says what is wrong and what to do next.

It handles no error. Expected outcomes (a refused recipient, a known dump) are values, not errors.
"""

from __future__ import annotations


class NewsletterError(Exception):
    """Base of every error that a person may see.

    message: what is wrong, in a sentence. hint: what to do next. Ids and names are passed as
    keywords, kept as attributes and shown in brackets behind the message.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "", **ids: object) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.ids = ids
        for name, value in ids.items():
            setattr(self, name, value)

    def __str__(self) -> str:
        parts = [self.message]
        if self.ids:
            parts.append("[" + ", ".join(f"{name}={value}" for name, value in self.ids.items()) + "]")
        cause = getattr(self.__cause__, "orig", self.__cause__)  # a database error without its statement
        if isinstance(cause, FileNotFoundError):  # the message names the file
            return f"{self.message}. {self.hint}" if self.hint else self.message
        if cause is not None and str(cause) not in self.message:
            parts.append(f"({cause})")
        text = " ".join(parts)
        return f"{text}\n{self.hint}" if self.hint else text


class ConfigurationError(NewsletterError):
    """A setting is missing, unknown or unusable. Nothing that "carries on" may catch this."""

    exit_code = 78  # EX_CONFIG of sysexits.h


class UsageError(NewsletterError):
    """The command line asks for something impossible."""

    exit_code = 2


class DumpRefusedError(NewsletterError):
    """A dump cannot be read at all: empty, binary, too large, of no known format."""


class NotFoundError(NewsletterError):
    """An id, address, topic or edition that the database does not hold."""


class StorageError(NewsletterError):
    """The state directory or the database cannot be used."""


class UnstorableError(StorageError):
    """The database cannot hold a value: the fault is in the data, not in the database."""


class DatabaseTooNewError(StorageError):
    """The database was migrated by a newer version of this program."""


class DatabaseMovedError(StorageError):
    """The newsletter moves, or has moved, to another database: nothing is written to this one."""
