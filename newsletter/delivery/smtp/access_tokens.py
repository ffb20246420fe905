"""Keeps the access token of a login (RFC 6749 1.4): fetched when needed, used by all connections of a run.

It does not know where a token comes from: `newsletter.delivery.smtp.token_command` and
`newsletter.delivery.smtp.token_endpoint` do.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from newsletter.core.errors import NewsletterError

MAX_TOKEN = 8192  # characters; RFC 4954 4 lets an AUTH line have 12,288 octets of base64
EARLY = 30.0  # seconds before its end at which a token is renewed: a login takes time
FETCH_LIMIT = 60.0  # seconds for a fetch, whatever it does
_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")  # RFC 6750 2.1


class AccessTokenError(NewsletterError):
    """No access token can be had. Neither message nor hint holds a secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """A token as it was handed out. Raises AccessTokenError when it cannot be one."""

    text: str = field(repr=False)
    seconds: float  # it is good for, from now

    def __post_init__(self) -> None:
        if not _TOKEN.fullmatch(self.text):
            raise AccessTokenError("what came is no access token: that has letters, digits and -._~+/ only")
        if len(self.text) > MAX_TOKEN:
            raise AccessTokenError(f"what came has {len(self.text)} characters: too long for an access token")


class TokenSource:
    """One login's token. Usable from one thread; it fetches in another, so that sending goes on meanwhile.

    fetch: makes a new token, and raises AccessTokenError when it cannot.
    """

    def __init__(
        self,
        fetch: Callable[[], AccessToken],
        *,
        clock: Callable[[], float] = time.monotonic,
        limit: float = FETCH_LIMIT,
    ) -> None:
        self.newest = ""  # the token to log in with; kept when it is refused or expires
        self._fetch = fetch
        self._clock = clock
        self._limit = limit
        self._good_until = 0.0  # 0: must be fetched
        self._refusals = 0  # in a row
        self._fetching: _Fetch | None = None

    def is_ready(self) -> bool:
        """Whether a token is at hand that should be good; else one is being fetched.

        Raises AccessTokenError, once for each fetch, when that failed.
        """
        if self._fetching is None:
            if self._clock() < self._good_until:
                return True
            self._fetching = _Fetch(self._fetch, until=time.monotonic() + self._limit)
        if not self._fetching.over:
            return False
        done, self._fetching = self._fetching, None
        token = done.result()
        self.newest = token.text
        # A token that is good for less than a minute is used all the same.
        self._good_until = self._clock() + max(token.seconds - EARLY, token.seconds / 2, 1.0)
        return True

    def wait(self) -> None:
        """Return when a token is at hand. Raises AccessTokenError."""
        while not self.is_ready():
            assert self._fetching is not None
            self._fetching.wait()

    def renew(self, refused: str) -> bool:
        """A server refused this token: whether a new one is worth a try. The second in a row is not."""
        if refused != self.newest or not self._good_until:
            return True  # another connection was told before
        self._good_until = 0.0
        self._refusals += 1
        if self._refusals > 1:
            self._refusals = 0
            return False
        return True

    def accepted(self) -> None:
        """A server took the token."""
        self._refusals = 0


class _Fetch:
    """A fetch under way in a thread of its own."""

    def __init__(self, fetch: Callable[[], AccessToken], *, until: float) -> None:
        self._until = until
        self._token: AccessToken | None = None
        self._error: BaseException | None = None
        # A daemon: a program that ends does not wait for a server that does not answer.
        self._thread = threading.Thread(target=self._run, args=(fetch,), name="token", daemon=True)
        self._thread.start()

    def _run(self, fetch: Callable[[], AccessToken]) -> None:
        try:
            self._token = fetch()
        except BaseException as error:  # it is raised again in the thread that waits
            self._error = error

    @property
    def over(self) -> bool:
        return not self._thread.is_alive() or time.monotonic() >= self._until

    def wait(self) -> None:
        self._thread.join(max(0.0, self._until - time.monotonic()))

    def result(self) -> AccessToken:
        if self._error is not None:
            raise self._error
        if self._token is None:
            raise AccessTokenError(
                "no access token in time", hint="See what the token server or command waits for."
            )
        return self._token
