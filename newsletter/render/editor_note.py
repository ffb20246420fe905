"""Renders the editor's note of an edition: light Markdown to HTML and to plain text. Raw HTML stays text.

Understood: paragraphs, line ends, emphasis, code, lists, quotes, links. A heading becomes a bold line, an
image its description. The HTML has no block elements, so that it fits into any element of a template.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from markdown_it import MarkdownIt
from markdown_it.token import Token

from newsletter.core.errors import UsageError
from newsletter.core.mail.quoted_printable import UNPRINTABLE

MAX_LENGTH = 4_000  # characters; a note is a few sentences, and a digest has to fit into one mail
SAFE_LINK = re.compile(r"(?:https?://|mailto:)[^\s<>\"]+", re.IGNORECASE)
LINK_STYLE = "color: inherit; text-decoration: underline;"
_RULES = (
    "autolink",
    "backticks",
    "blockquote",
    "emphasis",
    "entity",
    "escape",
    "heading",
    "image",
    "link",
    "list",
    "newline",
)
_QUOTED_HTML, _QUOTED_TEXT = "&nbsp;" * 4, "> "  # in front of each line of a quote
_BARE_LINK = re.compile(r"https?://[^\s<>\"]*[^\s<>\"'.,;:!?)\]]", re.IGNORECASE)
_TEXT_MARKS = {"strong_open": "*", "strong_close": "*", "em_open": "_", "em_close": "_"}
_ELEMENTS = {
    "strong_open": "<strong>",
    "strong_close": "</strong>",
    "em_open": "<em>",
    "em_close": "</em>",
}


@dataclass(frozen=True, slots=True)
class RenderedNote:
    """A note as both parts of a mail show it."""

    html: str  # escaped, with phrasing elements only
    text: str  # not wrapped yet


def checked(note: str) -> str:
    """The note without surrounding blank space. Raises UsageError for one that no mail can show."""
    words = note.replace("\r\n", "\n").replace("\r", "\n").strip()
    if len(words) > MAX_LENGTH:
        raise UsageError(
            f"the note has {len(words):,} characters, more than {MAX_LENGTH:,}",
            hint="Shorten it, or put the rest on a page and link to it.",
        )
    found = UNPRINTABLE.search(words)
    if found is not None:
        line = words.count("\n", 0, found.start()) + 1
        raise UsageError(
            f"line {line} of the note has the control character U+{ord(found[0]):04X}",
            hint="Take it out: no mail program shows it.",
        )
    return words


@lru_cache(maxsize=64)  # each digest of an edition has the same note
def rendered(note: str) -> RenderedNote:
    """A note in both forms. What is not understood, or is not safe, stands there as it was typed."""
    writer = _Writer()
    writer.write(_parser().parse(note.strip()))
    # An entity of Markdown can name a character that no mail shows.
    text = UNPRINTABLE.sub("", "".join(writer.text))
    if not text.strip(" \n>•"):  # marks without words
        return RenderedNote(html=html.escape(note).replace("\n", "<br>\n"), text=note)
    return RenderedNote(html=UNPRINTABLE.sub("", "".join(writer.html)), text=text)


def _parser() -> MarkdownIt:
    parser = MarkdownIt("zero", {"html": False}).enable(list(_RULES))
    parser.validateLink = lambda url: SAFE_LINK.fullmatch(url) is not None  # type: ignore[method-assign]
    return parser


class _Writer:
    """Writes both forms of a note from its tokens."""

    def __init__(self) -> None:
        self.html: list[str] = []
        self.text: list[str] = []
        self._lists: list[int | None] = []  # the number of the next item of each open list; None: bullets
        self._quotes = 0
        self._begins = True  # nothing of the present block is written yet
        self._tight = False  # the next block follows without a blank line
        self._links: list[tuple[str, int]] = []  # targets, and where their text begins

    def write(self, tokens: Sequence[Token]) -> None:
        for token in tokens:
            kind = token.type
            if kind == "bullet_list_open":
                self._lists.append(None)
            elif kind == "ordered_list_open":
                self._lists.append(int(token.attrGet("start") or 1))
            elif kind in ("bullet_list_close", "ordered_list_close"):
                self._lists.pop()
                self._tight = bool(self._lists)
            elif kind == "list_item_open":
                self._begin_item()
            elif kind in ("blockquote_open", "blockquote_close"):
                self._quotes += token.nesting
            elif kind in ("paragraph_open", "heading_open"):
                self._begin_block()
                self._both("<strong>" if kind == "heading_open" else "", "")
            elif kind in ("paragraph_close", "heading_close"):
                self._both("</strong>" if kind == "heading_close" else "", "")
                self._begins = False
                self._tight = bool(self._lists)
            elif kind == "inline":
                self._inline(token.children or [])

    def _begin_item(self) -> None:
        number = self._lists[-1]
        mark = "•" if number is None else f"{number}."
        if number is not None:
            self._lists[-1] = number + 1
        self._begin_block()
        indent = len(self._lists) - 1
        self._both("&nbsp;&nbsp;" * 2 * indent + f"{mark}&nbsp;", "  " * indent + f"{mark} ")
        self._begins = True

    def _begin_block(self) -> None:
        if self.text and not self._begins:
            self._both("<br>\n" if self._tight else "<br><br>\n", "\n" if self._tight else "\n\n")
        fresh = not self.text or not self._begins
        self._begins = True
        if self._quotes > 0 and fresh:
            self._both(_QUOTED_HTML * self._quotes, _QUOTED_TEXT * self._quotes)

    def _inline(self, tokens: Sequence[Token]) -> None:
        for token in tokens:
            kind = token.type
            if kind == "text":
                self._words(token.content)
            elif kind in ("softbreak", "hardbreak"):
                self._both("<br>\n" + _QUOTED_HTML * self._quotes, "\n" + _QUOTED_TEXT * self._quotes)
            elif kind == "code_inline":
                self._both(f"<code>{html.escape(token.content)}</code>", token.content)
            elif kind == "image":
                self._words(token.content)
            elif kind == "link_open":
                self._open_link(str(token.attrGet("href") or ""))
            elif kind == "link_close":
                self._close_link()
            else:
                self._both(_ELEMENTS.get(kind, ""), _TEXT_MARKS.get(kind, ""))

    def _words(self, words: str) -> None:
        """Write text; an address of a web page in it becomes a link, as mail programs make one of it."""
        at = 0
        for found in () if self._links else _BARE_LINK.finditer(words):
            self._both(html.escape(words[at : found.start()]), words[at : found.start()])
            self._both(f"{_link(found[0])}{html.escape(found[0])}</a>", found[0])
            at = found.end()
        self._both(html.escape(words[at:]), words[at:])

    def _open_link(self, target: str) -> None:
        self._links.append((target, len(self.text)))
        self.html.append(_link(target))

    def _close_link(self) -> None:
        target, start = self._links.pop()
        shown = "".join(self.text[start:]).strip()
        if not shown:
            self._both(html.escape(target), target)
        self.html.append("</a>")
        if shown and shown not in (target, target.removeprefix("mailto:")):
            self.text.append(f" <{target}>")

    def _both(self, markup: str, text: str) -> None:
        self.html.append(markup)
        self.text.append(text)


def _link(target: str) -> str:
    return f'<a href="{html.escape(target)}" style="{LINK_STYLE}">'
