"""Offers the bytes of one dump in the forms that formats read: text, lines, JSON, XML, HTML.

It interprets nothing. Each form is made once, however many formats look at it.
"""

from __future__ import annotations

import json
import re
from functools import cached_property
from typing import Any

from lxml import etree, html

from newsletter.sources.cleaning import split_lines, unix_lines
from newsletter.sources.decoding import Decoded, decode

HEAD = 200_000  # characters; enough to recognise any format by
_XML_DECLARATION = re.compile(r"<\?xml\b[^>]{0,200}\?>")
_DOCTYPE = re.compile(r"<!DOCTYPE", re.IGNORECASE)


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
        try:
            return json.loads(self.text.lstrip("\ufeff"))
        except (ValueError, RecursionError):  # nested too deep, or a number of too many digits
            return None

    @cached_property
    def xml(self) -> Any:
        """The root element when the text is well-formed XML without a document type; else None.

        A document type may define entities that grow without bound, so a text with one is not parsed.
        """
        text = self.text.lstrip("\ufeff").strip()
        declaration = _XML_DECLARATION.match(text)
        text = text[declaration.end() :].strip() if declaration else text
        if not text.startswith("<") or _DOCTYPE.search(text[:10_000]):
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
        parser = html.HTMLParser(encoding="utf-8", no_network=True, huge_tree=False, remove_comments=True)
        try:
            return html.document_fromstring(self.text.encode("utf-8", "replace"), parser=parser)
        except (etree.ParserError, etree.XMLSyntaxError, ValueError):
            return None
