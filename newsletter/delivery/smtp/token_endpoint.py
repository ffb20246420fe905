"""Asks a token server for an access token, by a refresh token or as the client itself (RFC 6749 6 and 4.4).

It is one POST of a form, by the standard library: a library for OAuth would bring an HTTP client to a program
that needs none, to save the reading of two fields. Asking a person for consent is not done here.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit

from newsletter.delivery.smtp.access_tokens import AccessToken, AccessTokenError
from newsletter.delivery.smtp.redaction import without_secrets, without_tokens
from newsletter.delivery.smtp.replies import printable

TIME_LIMIT = 20.0  # seconds that the server may be silent
MAX_ANSWER = 65_536  # bytes
MAX_QUOTED = 300  # characters of the server's own words
GOOD_FOR = 300.0  # seconds, where the server does not say
LONGEST = 24 * 3600.0  # seconds that any server is believed
HINTS = {  # RFC 6749 5.2
    "invalid_grant": "The refresh token is used up or revoked: give consent again and store the new one.",
    "invalid_client": "Check client_id and client_secret; the secret may have expired.",
    "unauthorized_client": "The client is not allowed to do this: look at its settings at the provider.",
    "invalid_scope": "Check token_scope.",
}
HINT = "Check token_url, client_id, client_secret, refresh_token and token_scope."


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenEndpoint:
    """A token server, and what we are known by there."""

    url: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)  # empty: the client asks for itself
    scope: str = ""
    newest: Callable[[], str] = field(default=lambda: "", repr=False)  # the refresh token that came last
    keep: Callable[[str], None] = field(default=lambda _: None, repr=False)  # stores a new refresh token
    time_limit: float = TIME_LIMIT

    def fetch(self) -> AccessToken:
        """Ask once. Raises AccessTokenError that quotes the server's error, without a secret."""
        newest = self.newest() if self.refresh_token else ""
        if newest and newest != self.refresh_token:
            try:
                return self._ask(newest)
            except _RefusedGrantError:
                pass  # the one of the settings may be newer, or the store older
        return self._ask(self.refresh_token)

    def _ask(self, refresh_token: str) -> AccessToken:
        fields = {
            "grant_type": "refresh_token" if refresh_token else "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "refresh_token": refresh_token,
            "scope": self.scope,
        }
        secrets = (self.client_secret, refresh_token)
        status, raw = self._post({name: value for name, value in fields.items() if value})
        try:
            answer = json.loads(raw)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise self._error(f"answers {status}, and not in JSON", hint="Check token_url.")
        if status != 200 or "error" in answer:
            raise self._refusal(status, answer, secrets)
        text = answer.get("access_token")
        if not isinstance(text, str) or not text:
            raise self._error("answers without an access_token")
        if str(answer.get("token_type", "Bearer")).lower() != "bearer":
            raise self._error("gives a token that is no bearer token")
        following = answer.get("refresh_token")
        if refresh_token and isinstance(following, str) and following not in ("", refresh_token):
            self.keep(following)  # RFC 6749 6: it takes the place of ours
        try:
            return AccessToken(text=text, seconds=_seconds(answer.get("expires_in")))
        except AccessTokenError as error:
            raise self._error(f"answers oddly: {error.message}") from None

    def _post(self, fields: dict[str, str]) -> tuple[int, bytes]:
        request = urllib.request.Request(  # noqa: S310  (checked by the settings)
            self.url,
            data=urlencode(fields).encode(),
            headers={"Accept": "application/json", "User-Agent": "newsletter"},
        )
        try:
            with _OPENER.open(request, timeout=self.time_limit) as answer:
                return answer.status, answer.read(MAX_ANSWER)
        except HTTPError as error:
            with error:
                try:
                    return error.code, error.read(MAX_ANSWER)
                except (OSError, HTTPException):
                    return error.code, b""
        except TimeoutError:
            raise self._error("does not answer in time", hint="It is tried again.") from None
        except (URLError, OSError, HTTPException, ValueError) as error:
            reason = getattr(error, "reason", None) or type(error).__name__
            words = (
                "does not answer in time"
                if isinstance(reason, TimeoutError)
                else f"cannot be asked: {reason}"
            )
            raise self._error(words, hint="Check token_url; it is tried again.") from None

    def _refusal(self, status: int, answer: dict[str, Any], secrets: tuple[str, ...]) -> AccessTokenError:
        code = _words(answer.get("error"), secrets)
        parts = (str(status), code, _words(answer.get("error_description"), secrets))
        kind = _RefusedGrantError if code == "invalid_grant" else AccessTokenError
        return self._error(f"answers {' '.join(filter(None, parts))}", hint=HINTS.get(code, HINT), kind=kind)

    def _error(
        self, words: str, *, hint: str = HINT, kind: type[AccessTokenError] = AccessTokenError
    ) -> AccessTokenError:
        return kind(f"the token server {urlsplit(self.url).netloc} {words}", hint=hint)


class _RefusedGrantError(AccessTokenError):
    """The refresh token is not taken."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Secrets go to the configured address only."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


def _words(value: object, secrets: tuple[str, ...]) -> str:
    if not isinstance(value, str):
        return ""
    text = printable(value.encode("utf-8", "replace"))
    return without_tokens(without_secrets(text, secrets))[:MAX_QUOTED]


def _seconds(value: object) -> float:
    """Some servers write the number as text."""
    try:
        seconds = float(value) if isinstance(value, (int, float, str)) else GOOD_FOR
    except (ValueError, OverflowError):
        return GOOD_FOR
    return min(seconds, LONGEST) if seconds > 0 else GOOD_FOR if seconds != seconds else 0.0
