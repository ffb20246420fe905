"""Splits an HTML document into tags, attributes and text, to compare documents. It reports nothing."""

from __future__ import annotations

from html.parser import HTMLParser


def tokens(document: str) -> list[tuple[str, ...]]:
    """The tags of a document with their attributes, its comments and its text, in order."""
    reader = _Tokens()
    reader.feed(document)
    reader.close()
    return reader.tokens()


class _Tokens(HTMLParser):
    """Collects tags, attributes and text, without white space next to tags."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._found: list[tuple[str, ...]] = []
        self._text: list[str] = []

    def tokens(self) -> list[tuple[str, ...]]:
        self._flush()
        return self._found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._flush()
        self._found.append((tag, *(f"{name}={value}" for name, value in sorted(attrs))))

    def handle_endtag(self, tag: str) -> None:
        self._flush()
        self._found.append((f"/{tag}",))

    def handle_comment(self, data: str) -> None:
        self._flush()
        self._found.append(("!", data))

    def handle_data(self, data: str) -> None:
        self._text.append(data)

    def _flush(self) -> None:
        text = " ".join("".join(self._text).split())
        self._text.clear()
        if text:
            self._found.append(("", text))
