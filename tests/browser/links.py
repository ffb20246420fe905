"""Finds every address in a document that a reader, a mail scanner or a crawler can request."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin

_NAMES = ("href", "action", "formaction", "src")
_REFRESH = re.compile(r"\s*\d+\s*[;,]\s*url\s*=\s*['\"]?(?P<url>[^'\"]+)", re.IGNORECASE)


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.found += [attributes[name] for name in _NAMES if name in attributes]
        if tag == "form":
            self.found.append(attributes.get("action", ""))  # without one the form goes to its own page
        if attributes.get("http-equiv", "").lower() == "refresh" and (
            to := _REFRESH.match(attributes.get("content", ""))
        ):
            self.found.append(to["url"])


def links_of(html: str, *, base: str = "") -> set[str]:
    """The addresses in href, action, formaction, src and refreshes, without fragments.

    base: the address of the document; what is relative is joined to it. What leads nowhere else is left out.
    """
    parser = _Links()
    parser.feed(html)
    parser.close()
    return {urldefrag(urljoin(base, url.strip())).url for url in parser.found} - {""}
