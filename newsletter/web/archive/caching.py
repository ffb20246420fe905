"""Answers with pages that caches may keep, and with 304 where a visitor has the page (RFC 9110 section 13).

The tag of a page is the hash of its bytes, so it is right whatever changed: papers, settings, templates. The
time of its last change is when this process first saw these bytes, which is never too early.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from threading import Lock

from fastapi import Request
from fastapi.responses import Response

FRESH = "public, max-age=300"  # seconds; what an editor takes back is gone from caches after that
PRIVATE = {"Cache-Control": "private, no-store", "X-Robots-Tag": "noindex, nofollow"}
REMEMBERED = 20_000  # addresses; some 5 MB


class SeenPages:
    """When the present bytes of each address were first seen."""

    def __init__(self, size: int = REMEMBERED) -> None:
        self._seen: OrderedDict[bytes, tuple[str, datetime]] = OrderedDict()
        self._size = size
        self._lock = Lock()

    def changed_at(self, address: bytes, tag: str, *, now: datetime) -> datetime | None:
        """The second in which these bytes were first seen; None when others were seen in it, too."""
        second = now.replace(microsecond=0)
        with self._lock:
            known = self._seen.get(address)
            if known is None or known[0] != tag:
                if known is not None and known[1] >= second:
                    self._seen.pop(address)  # HTTP dates cannot tell the two apart
                    return None
                self._seen[address] = known = (tag, second)
            self._seen.move_to_end(address)
            while len(self._seen) > self._size:
                self._seen.popitem(last=False)
            return known[1]


def public(
    request: Request,
    body: bytes,
    media_type: str,
    *,
    seen: SeenPages,
    now: datetime,
    indexed: bool = True,
) -> Response:
    """A page for everybody, or 304 where the visitor has it. indexed: search engines may list it."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    changed_at = seen.changed_at(_address(request), tag, now=now.astimezone(UTC))
    headers = {"Cache-Control": FRESH, "ETag": tag, "X-Robots-Tag": "all" if indexed else "noindex, follow"}
    if changed_at is not None:
        headers["Last-Modified"] = format_datetime(changed_at, usegmt=True)
    if _has(request, tag, changed_at):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


def private(body: bytes, media_type: str) -> Response:
    """A page for one reader: nothing keeps it, and no search engine lists it."""
    return Response(body, media_type=media_type, headers=PRIVATE)


def _address(request: Request) -> bytes:
    """Path and query in a few bytes, however long they are."""
    written = request.url.path.encode() + b"?" + request.url.query.encode()
    return hashlib.blake2b(written, digest_size=12).digest()


def _has(request: Request, tag: str, changed_at: datetime | None) -> bool:
    """Whether the visitor has these bytes. If-None-Match overrules If-Modified-Since (RFC 9110 13.1.3)."""
    tags = request.headers.getlist("if-none-match")
    if tags:
        # A proxy that compresses makes a tag weak; a weak comparison is right here (RFC 9110 13.1.2).
        given = {each.strip().removeprefix("W/") for each in ",".join(tags).split(",")}
        return "*" in given or tag in given
    since = request.headers.get("if-modified-since")
    if since is None or changed_at is None:
        return False
    try:
        known = parsedate_to_datetime(since)
    except ValueError:
        return False
    return changed_at <= (known if known.tzinfo else known.replace(tzinfo=UTC))
