"""Asks web servers for listings: conditionally, not too fast, whole or not at all, by their robots.txt."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from urllib.parse import urlsplit, urlunsplit
from urllib.robotparser import RobotFileParser

import httpx2 as httpx

from newsletter.sources.decoding import MAX_SIZE

TIMEOUT = 30.0  # seconds without an octet
WHOLE_TIME = 300.0  # seconds that one answer may take
REDIRECTS = frozenset({301, 302, 303, 307, 308})
MOST_REDIRECTS = 5
LONGEST_WAIT = timedelta(days=1)  # a server may ask for more
PAUSES = {"arxiv.org": 3.0}  # seconds between two requests that a domain asks for
DEFAULT_PAUSE = 1.0
_ROBOTS_SIZE = 500_000  # octets of a robots.txt that are read (RFC 9309 section 2.5)


class FetchError(Exception):
    """A fetch that brought no listing: why, and when the server asks to come back."""

    def __init__(self, words: str, *, retry_after: timedelta | None = None) -> None:
        """words: without a full stop."""
        super().__init__(words)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True, kw_only=True)
class Validators:
    """What a server said of its last answer, for a conditional request (RFC 9110 section 13)."""

    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """An answer. data is None when the server says that nothing has changed."""

    data: bytes | None
    validators: Validators = field(default_factory=Validators)


class HttpClient:
    """One client for a run of fetches: it remembers robots.txt and when it asked which domain."""

    def __init__(
        self,
        *,
        contact: str,
        verify: bool | str = True,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """contact: the address of this newsletter's pages, for the User-Agent. verify: as httpx takes it."""
        self.agent = f"newsletter/{version('newsletter')} (+{contact})"
        self._client = httpx.Client(
            headers={"User-Agent": self.agent},
            timeout=TIMEOUT,
            follow_redirects=False,
            verify=verify,
            trust_env=True,
        )
        self._sleep = sleep
        self._monotonic = monotonic
        self._asked: dict[str, float] = {}
        self._robots: dict[str, RobotFileParser | None] = {}

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(self, url: str, validators: Validators | None = None, *, robots: bool = False) -> Fetched:
        """Ask for `url`. Raises FetchError for everything but a whole answer or “not modified”.

        robots: obey robots.txt, as for a page that is not offered to programs.
        """
        known = validators or Validators()
        headers = {"If-None-Match": known.etag, "If-Modified-Since": known.last_modified}
        asked = {name: value for name, value in headers.items() if value}
        for _ in range(MOST_REDIRECTS + 1):
            if robots and not self._may_ask(url):
                raise FetchError(f"robots.txt of {urlsplit(url).hostname} does not allow {url}")
            status, answered, data = self._ask(url, asked, most=MAX_SIZE)
            if status in REDIRECTS and answered.get("location"):
                url = self._followed(url, answered["location"])
                continue
            if status == 304:
                return Fetched(data=None, validators=known)
            if status != 200:
                raise FetchError(f"the server answered {status}", retry_after=_retry_after(answered))
            if not data:
                raise FetchError("the answer is empty")
            return Fetched(
                data=data,
                validators=Validators(etag=answered.get("etag"), last_modified=answered.get("last-modified")),
            )
        raise FetchError(f"more than {MOST_REDIRECTS} redirects")

    def _ask(self, url: str, headers: Mapping[str, str], *, most: int) -> tuple[int, httpx.Headers, bytes]:
        self._pause(urlsplit(url).hostname or "")
        start = self._monotonic()
        try:
            with self._client.stream("GET", url, headers=headers) as answer:
                body = bytearray()
                for piece in answer.iter_bytes():
                    body += piece
                    if len(body) > most:
                        raise FetchError(f"the answer is larger than {most / 2**20:.0f} MB")
                    if self._monotonic() - start > WHOLE_TIME:
                        raise FetchError(f"the answer took longer than {WHOLE_TIME:.0f} seconds")
                return answer.status_code, answer.headers, bytes(body)
        except httpx.RemoteProtocolError as error:  # fewer octets than Content-Length says, too
            raise FetchError(f"the answer broke off: {error}") from error
        except httpx.TimeoutException as error:
            raise FetchError(f"no answer within {TIMEOUT:.0f} seconds") from error
        except httpx.ConnectError as error:
            raise FetchError(f"{urlsplit(url).hostname} cannot be reached: {error}") from error
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise FetchError(f"{urlsplit(url).hostname}: {error}") from error

    def _followed(self, url: str, location: str) -> str:
        try:
            target = str(httpx.URL(url).join(location))
            leaves_https = urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https"
        except (httpx.InvalidURL, ValueError) as error:
            raise FetchError(f"a redirect leads nowhere: {error}") from error
        if leaves_https:
            raise FetchError(f"a redirect leaves https: {target}")
        return target

    def _pause(self, host: str) -> None:
        """Wait until the domain may be asked again."""
        domain = next((name for name in PAUSES if host == name or host.endswith(f".{name}")), host)
        pause = PAUSES.get(domain, DEFAULT_PAUSE)
        wait = self._asked.get(domain, -pause) + pause - self._monotonic() if domain in self._asked else 0
        if wait > 0:
            self._sleep(wait)
        self._asked[domain] = self._monotonic()

    def _may_ask(self, url: str) -> bool:
        """What robots.txt says (RFC 9309). Without one all is allowed, from a broken server nothing."""
        parts = urlsplit(url)
        site = urlunsplit((parts.scheme, parts.netloc, "", "", ""))
        if parts.path == "/robots.txt":
            return True
        if site not in self._robots:
            status, data = self._ask_for_robots(f"{site}/robots.txt")
            rules = RobotFileParser()
            if status == 200:
                rules.parse(data[:_ROBOTS_SIZE].decode("utf-8", "replace").splitlines())
            elif status >= 500 or status == 429:
                raise FetchError(f"the server answered {status} when asked for robots.txt")
            self._robots[site] = rules if status == 200 else None
        rules_of_site = self._robots[site]
        return rules_of_site is None or rules_of_site.can_fetch(self.agent, url)

    def _ask_for_robots(self, url: str) -> tuple[int, bytes]:
        """Follow redirects, to other sites too (RFC 9309 section 2.3.1.2)."""
        for _ in range(MOST_REDIRECTS + 1):
            status, answered, data = self._ask(url, {}, most=MAX_SIZE)
            if status not in REDIRECTS or not answered.get("location"):
                break
            url = self._followed(url, answered["location"])
        return status, data


def _retry_after(headers: httpx.Headers) -> timedelta | None:
    """RFC 9110 section 10.2.3: seconds or a date; None when it is neither."""
    value = headers.get("retry-after", "").strip()
    if value.isdecimal() and len(value) < 9:
        return min(timedelta(seconds=int(value)), LONGEST_WAIT)
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    wait = (at if at.tzinfo else at.replace(tzinfo=UTC)) - datetime.now(UTC)
    return min(max(wait, timedelta(0)), LONGEST_WAIT)
