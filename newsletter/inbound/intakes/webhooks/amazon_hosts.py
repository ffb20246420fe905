"""Fetches certificates of Amazon SNS, and confirms subscriptions: at Amazon's own hosts, nowhere else."""

from __future__ import annotations

import re
import urllib.request
from http.client import HTTPException
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit

from newsletter.core.errors import NewsletterError

HOST = re.compile(r"sns\.[a-z0-9-]{3,32}\.amazonaws\.com(\.cn)?")
TIME_LIMIT = 10.0  # seconds
MOST = 64 * 1024  # bytes of an answer


class AmazonUrlError(Exception):
    """An address that is not Amazon's."""


def certificate_url(url: str) -> str:
    """The address of a certificate, checked. Raises AmazonUrlError."""
    if not _checked(url).path.endswith(".pem"):
        raise AmazonUrlError("no address of a certificate")
    return url


def confirmation_url(url: str) -> str:
    """The address that confirms a subscription, checked. Raises AmazonUrlError."""
    if "Action=ConfirmSubscription" not in _checked(url).query.split("&"):
        raise AmazonUrlError("no address of a confirmation")
    return url


def fetch(url: str) -> bytes:
    """The answer of a checked address. Raises NewsletterError when there is none; it may come later."""
    try:
        with _OPENER.open(url, timeout=TIME_LIMIT) as answer:
            data: bytes = answer.read(MOST)
            return data
    except (URLError, OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or type(error).__name__
        raise NewsletterError(
            f"{urlsplit(url).hostname} cannot be asked: {reason}", hint="Amazon repeats the notice."
        ) from error


def _checked(url: str) -> Any:
    try:
        parts = urlsplit(url)
        ours = parts.scheme == "https" and parts.netloc == parts.hostname and HOST.fullmatch(parts.netloc)
    except ValueError:
        ours = None
    if not ours or re.search(r"[\s\\]", url):
        raise AmazonUrlError("not at a host of Amazon SNS")
    return parts


class _StayAtAmazon(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_StayAtAmazon)
