"""Checks a finished HTML document for faults that mail programs and screen readers suffer from.

It knows no template: `newsletter.render.check.templates` names the file.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

STYLE_LIMIT = 8_192  # bytes; Gmail drops a longer style sheet
REMOVED_TAGS = ("script", "form", "iframe", "link", "object", "embed", "video")  # mail programs remove them
SCHEMES = {"href": ("https://", "http://", "mailto:"), "src": ("https://", "http://")}
_ANCHOR = re.compile(r"#\S+")  # a place in the same mail
_STYLE = re.compile(r"<style[^>]*>(.*?)</style>", re.DOTALL)


def html_faults(document: str) -> list[str]:
    """The faults in the HTML of a whole mail, in words; empty when there are none."""
    reader = _HtmlLinter()
    reader.feed(document)
    reader.close()
    words: list[str] = []
    if not reader.language:
        words.append("<html> has no lang")
    if not reader.title.strip():
        words.append("there is no <title>")
    if (count := reader.tags.count("h1")) != 1:
        words.append(f"there are {count} <h1>; one is right")
    if reader.style > STYLE_LIMIT:
        words.append(
            f"the style sheet that stays takes {reader.style} bytes; Gmail drops more than {STYLE_LIMIT}"
        )
    words += [f"<{tag}> does not work in mail" for tag in REMOVED_TAGS if tag in reader.tags]
    words += [
        f"{attribute}={url[:60]!r} is no link of the web: it must start with https://"
        for attribute, url in dict.fromkeys(reader.links)
        if not url.lower().startswith(SCHEMES[attribute]) and not _ANCHOR.fullmatch(url)
    ]
    words += [f"an image has no alt: {url[:60]!r}" for url in dict.fromkeys(reader.without_alt)]
    return words


class _HtmlLinter(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.language = ""
        self.title = ""
        self.style = 0  # bytes
        self.tags: list[str] = []
        self.links: list[tuple[str, str]] = []  # attribute and its value
        self.without_alt: list[str] = []  # URLs of images
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self._inside = tag
        if tag == "html":
            self.language = attributes.get("lang", "")
        if tag == "img" and "alt" not in attributes:
            self.without_alt.append(attributes.get("src", ""))
        self.links += [(name, attributes[name].strip()) for name in SCHEMES if name in attributes]

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "title":
            self.title += data
        elif self._inside == "style":
            self.style += len(data.encode())

    def handle_comment(self, data: str) -> None:
        # Outlook reads the style sheets in its conditional comments.
        self.style += sum(
            len(found.encode()) for found in re.findall(r"<style[^>]*>(.*?)</style>", data, re.S)
        )
