"""Defines the errors of this package: the message says what is wrong, the hint what to do next.

They have the attributes of `newsletter.core.errors` without importing it, so that entry points print both in
one way. Expected outcomes (a refused row of a roster) are values, not errors.
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
    """A text is not an email address."""


class PreferenceError(SubscriberError):
    """A preference has an invalid value. `field` names the preference."""

    def __init__(self, message: str, *, field: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.field = field


class NameRefusedError(SubscriberError):
    """A text is not the name of a person: it holds a link, an address or a line break."""


class UnknownTopicError(SubscriberError):
    """The newsletter does not have the topic, or the person never followed it."""


class UnknownAddressError(SubscriberError):
    """Nobody has that address."""


class SuppressedError(SubscriberError):
    """The address may not be mailed. `reason`: admin, bounce, complaint or erased."""

    def __init__(self, message: str, *, reason: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class WrongKeyError(SubscriberError):
    """The suppression key is not the one of this database."""

    exit_code = 78  # EX_CONFIG


class UnsubscribedError(SubscriberError):
    """The person has left, and the request cannot bring them back."""


class RosterError(SubscriberError):
    """A file cannot be read as a roster."""


class TokenError(SubscriberError):
    """The token of a link is not valid."""


class TokenForgedError(TokenError):
    """The token was not signed by this newsletter for this purpose, or it is not complete."""


class TokenExpiredError(TokenError):
    """The token is ours, but too old. It was valid from `signed_at` to `until`."""

    def __init__(self, message: str, *, signed_at: datetime, until: datetime, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.signed_at = signed_at
        self.until = until
