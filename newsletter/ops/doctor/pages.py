"""Checks the web pages from outside: whether base_url leads to this newsletter, with a valid certificate.

Also whether it shows what only this machine should see.
"""

from __future__ import annotations

import http.client
import json
import ssl
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from newsletter import __version__
from newsletter.delivery.smtp.relay import is_loopback
from newsletter.ops.doctor.finding import Finding, failed, ok, warning

REQUEST_TIMEOUT = 10  # seconds
MAX_ANSWER = 2**20  # bytes; our page has 20,000
DESCRIPTION = "/api/openapi.json"
METRICS = "/metrics"
METRICS_MARK = b"newsletter_subscribers"  # a name in our metrics
EXPIRES_SOON = timedelta(days=14)  # automatic renewal happens a month before
START = "Start `newsletter run` or `newsletter serve`"


def check_pages(base_url: str, *, name: str, sends_away: bool, now: datetime) -> list[Finding]:
    """Run every check of the pages. name: of the newsletter. sends_away: mail leaves this machine."""
    parts = urlsplit(base_url)
    local = is_loopback(parts.hostname or "")
    found = []
    if local and sends_away:
        found.append(
            warning(
                "base_url",
                f"links in mail lead to {base_url}, which is every reader's own machine",
                hint="Set base_url to the https:// address where readers reach the pages.",
            )
        )
    try:
        status, body, ends = _fetch(base_url, DESCRIPTION)
    except ssl.SSLError as error:
        words = f"{base_url}: the certificate does not hold: {getattr(error, 'verify_message', '') or error}"
        return [*found, failed("web pages", words, hint="Let your reverse proxy renew it; see deploy/.")]
    except (OSError, http.client.HTTPException) as error:
        finding = warning if local else failed
        hint = f"{START}, and look at the reverse proxy, DNS and the firewall."
        return [*found, finding("web pages", f"{base_url} does not answer: {error}", hint=hint)]
    found.append(_judged(base_url, status, body, name=name))
    if parts.scheme == "https":  # there is a proxy; plain HTTP is this program itself
        found.append(_metrics(base_url))
    if ends is not None and ends - now < EXPIRES_SOON:
        found.append(
            warning(
                "certificate",
                f"that of {parts.hostname} ends on {ends:%Y-%m-%d}",
                hint="See why your reverse proxy does not renew it.",
            )
        )
    return found


def _metrics(base_url: str) -> Finding:
    """Whether everybody can read the metrics by the public address."""
    try:
        status, body, _ = _fetch(base_url, METRICS)
    except (OSError, http.client.HTTPException) as error:
        return warning(
            "metrics", f"{base_url}{METRICS} does not answer: {error}", hint="Look at the reverse proxy."
        )
    if status == http.HTTPStatus.OK and METRICS_MARK in body:
        return failed(
            "metrics",
            f"everybody can read {base_url}{METRICS}",
            hint=f"Let the reverse proxy answer 404 to {METRICS}, and set X-Forwarded-For; see deploy/.",
        )
    return ok("metrics", "the public address does not show them")


def _fetch(base_url: str, path: str) -> tuple[int, bytes, datetime | None]:
    """(status, body, when the certificate ends). Raises OSError, HTTPException."""
    parts = urlsplit(base_url)
    host, port = parts.hostname or "", parts.port
    ends = None
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(host, port, timeout=REQUEST_TIMEOUT, context=context)
    else:
        connection = http.client.HTTPConnection(host, port, timeout=REQUEST_TIMEOUT)
    try:
        connection.connect()
        if isinstance(connection.sock, ssl.SSLSocket):
            not_after = (connection.sock.getpeercert() or {}).get("notAfter")
            if isinstance(not_after, str):
                ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(not_after), UTC)
        connection.request("GET", f"{parts.path}{path}", headers={"User-Agent": "newsletter-doctor"})
        response = connection.getresponse()
        return response.status, response.read(MAX_ANSWER), ends
    finally:
        connection.close()


def _judged(base_url: str, status: int, body: bytes, *, name: str) -> Finding:
    try:
        about = json.loads(body)["info"] if status == http.HTTPStatus.OK else None
        title, version = (str(about["title"]), str(about["version"])) if about else ("", "")
    except (ValueError, KeyError, TypeError):
        title = version = ""
    if not title:
        return failed(
            "web pages",
            f"{base_url} answers, but not with these pages (status {status})",
            hint="Let the reverse proxy pass it on to web.host and web.port; see deploy/.",
        )
    if title != f"{name}: sign-up":
        return failed(
            "web pages",
            f"{base_url} shows another newsletter: {title.removesuffix(': sign-up')}",
            hint=f"{START} with these settings again, or mend base_url.",
        )
    if version != __version__:
        return warning(
            "web pages",
            f"{base_url} runs version {version}, this is {__version__}",
            hint="Restart `newsletter run` or `newsletter serve`.",
        )
    return ok("web pages", f"{base_url} shows this newsletter")
