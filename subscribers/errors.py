"""This package's error classes: each message says what is wrong, each hint what to do next.

They have the shape of the newsletter's own errors without importing them, so that an entry point prints
both alike. Expected outcomes (a refused row of a roster) are values, not errors.
"""

from __future__ import annotations

from datetime import datetime


class SubscriberError(Exception):
    """Base of every error of this package that a person may see."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class AddressError(SubscriberError):
    """What was given is not an email address."""


class PreferenceError(SubscriberError):
    """A preference has a value that it cannot have. `field` names it."""

    def __init__(self, message: str, *, field: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.field = field


class UnknownTopicError(SubscriberError):
    """A topic that the newsletter does not have, or that the person never followed."""


class UnknownAddressError(SubscriberError):
    """Nobody has that address."""


class SuppressedError(SubscriberError):
    """The address may not be mailed. `reason`: admin, bounce, complaint or erased."""

    def __init__(self, message: str, *, reason: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class WrongKeyError(SubscriberError):
    """The suppression key is another one than that of the database."""

    exit_code = 78  # EX_CONFIG


class UnsubscribedError(SubscriberError):
    """The person has left, and what was asked brings nobody back."""


class RosterError(SubscriberError):
    """A roster cannot be read at all."""


class TokenError(SubscriberError):
    """A link's token is no good."""


class TokenForgedError(TokenError):
    """The token was not made by us for this purpose, or it was cut off on its way."""


class TokenExpiredError(TokenError):
    """The token is ours, but too old. It was good from `signed_at` to `until`."""

    def __init__(self, message: str, *, signed_at: datetime, until: datetime, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.signed_at = signed_at
        self.until = until
