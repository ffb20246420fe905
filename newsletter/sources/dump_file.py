"""Offers the bytes of one dump in the forms that formats read: text, lines, JSON, XML, HTML.

It interprets nothing. Each form is made once, however many formats look at it.
"""

from __future__ import annotations

import json
import re
from functools import cached_property
from typing import Any

from lxml import etree, html

from newsletter.sources.decoding import Decoded, decode
from newsletter.sources.limits import (
    MOST_ATTRIBUTES,
    MOST_OBJECTS,
    MOST_PAPERS,
    MOST_TAGS,
    MOST_VALUES,
    check_number,
)
from newsletter.sources.text.cleaning import split_lines, unix_lines

HEAD = 200_000  # characters; enough to recognise any format by
_XML_DECLARATION = re.compile(r"<\?xml\b[^>]{0,200}\?>")
# Comments and instructions may stand before a document type, as many as one likes (XML 1.0, section 2.8).
_DOCTYPE = re.compile(
    r"(?:\s++|<!--(?:(?!-->).)*+-->|<\?(?:(?!\?>).)*+\?>)*+<!DOCTYPE", re.DOTALL | re.IGNORECASE
)
_ATTRIBUTE = r"""[\s/]++[^\s=>/]++(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s>"']*+))?+"""
_ATTRIBUTES = re.compile(_ATTRIBUTE)
_TAG = re.compile(rf"<[^\s<>]*+(?:{_ATTRIBUTE})++")


class DumpFile:
    """The bytes of a dump and its name. The properties raise DumpRefusedError where `decode` does."""

    def __init__(self, data: bytes, *, name: str) -> None:
        """name: of the file, for messages only."""
        self.data = data
        self.name = name

    @cached_property
    def decoded(self) -> Decoded:
        """The text with the broken character at its end, if there is one."""
        return decode(self.data, name=self.name)

    @cached_property
    def text(self) -> str:
        """The whole text, with one kind of line end."""
        return unix_lines(self.decoded.text)

    @cached_property
    def head(self) -> str:
        """The first HEAD characters."""
        return self.text[:HEAD]

    @cached_property
    def lines(self) -> list[str]:
        """The lines, cleaned as `split_lines` does; line n is item n - 1."""
        return split_lines(self.text)

    @cached_property
    def json(self) -> Any:
        """The value when the whole text is JSON; else None."""
        if self.text.lstrip("\ufeff \t\r\n")[:1] not in ("{", "["):
            return None
        return self.json_in(self.text.lstrip("\ufeff"))

    def json_in(self, text: str) -> Any:
        """The value of a part of the dump that may be JSON; None when it is none.

        Raises DumpRefusedError when it holds more values than the papers of a listing.
        """
        check_number(text.count('"title"') // 2, "records", most=MOST_PAPERS, name=self.name)
        check_number(text.count("{"), "objects of JSON", most=MOST_OBJECTS, name=self.name)
        check_number(text.count(","), "values of JSON", most=MOST_VALUES, name=self.name)
        try:
            return json_value(text)
        except (ValueError, RecursionError):  # nested too deep, or a number of too many digits
            return None

    def check_papers(self, number: int, what: str = "papers") -> None:
        """Raise DumpRefusedError when the dump has more parts that may be papers than a listing can have."""
        check_number(number, what, name=self.name)

    @cached_property
    def xml(self) -> Any:
        """The root element when the text is well-formed XML without a document type; else None.

        A document type may define entities that grow without bound, so a text with one is not parsed.
        """
        text = self.text.lstrip("\ufeff").strip()
        declaration = _XML_DECLARATION.match(text)
        text = text[declaration.end() :].strip() if declaration else text
        if not text.startswith("<") or _DOCTYPE.match(text):
            return None
        if self._is_costly_markup(text):
            return None
        parser = etree.XMLParser(
            resolve_entities=False, no_network=True, huge_tree=False, remove_comments=True
        )
        try:
            return etree.fromstring(text.encode(), parser)
        except (etree.XMLSyntaxError, ValueError):
            return None

    @cached_property
    def html(self) -> Any:
        """The root element of the text read as HTML; None when there is no element in it."""
        if self._is_costly_markup(self.text):
            return None
        parser = html.HTMLParser(encoding="utf-8", no_network=True, huge_tree=False, remove_comments=True)
        try:
            return html.document_fromstring(self.text.encode("utf-8", "replace"), parser=parser)
        except (etree.ParserError, etree.XMLSyntaxError, ValueError):
            return None

    def _is_costly_markup(self, text: str) -> bool:
        """Whether a tag has more attributes than any real one. Raises DumpRefusedError for too many tags."""
        check_number(text.count("<"), "tags", most=MOST_TAGS, name=self.name)
        return any(map(_has_many_attributes, _TAG.finditer(text)))


def json_value(text: str) -> Any:
    """The value of JSON. An object that says two things under one name comes empty: two of them ran into one.

    Raises ValueError when it is no JSON, and RecursionError when it is nested too deep.
    """
    return json.loads(text, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) or all(found[name] == value for name, value in pairs) else {}


def _has_many_attributes(tag: re.Match[str]) -> bool:
    """Whether the parser would need much time: it compares each attribute with all before it."""
    size = tag.end() - tag.start()
    return size > 2 * MOST_ATTRIBUTES and sum(1 for _ in _ATTRIBUTES.finditer(tag[0])) > MOST_ATTRIBUTES
