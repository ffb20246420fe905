"""Checks feeds by schemas: Atom by the grammar of RFC 4287 (appendix B), JSON Feed by its version 1.1.

Both are stricter than the standards in one point: elements and fields that no standard names are errors.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from jsonschema_rs import Draft202012Validator
from lxml import etree

_ATOM = "http://www.w3.org/2005/Atom"


def _once(*names: str) -> str:
    return "".join(f'<ref name="{name}"/>' for name in names)


def _optional(*names: str) -> str:
    return "".join(f'<optional><ref name="{name}"/></optional>' for name in names)


def _any_number(*names: str) -> str:
    return "".join(f'<zeroOrMore><ref name="{name}"/></zeroOrMore>' for name in names)


def _elements(names: str, content: str) -> str:
    """Definitions of elements with the common attributes (section 2) and one content."""
    return "".join(
        f'<define name="{name}"><element name="{name}"><ref name="common"/>{content}</element></define>'
        for name in names.split()
    )


_URI = '<data type="string"><param name="pattern">[^\\s&lt;&gt;"]+</param></data>'
_PERSON = (
    '<interleave><element name="name"><text/></element>'
    f'<optional><element name="uri">{_URI}</element></optional>'
    '<optional><element name="email"><data type="string"><param name="pattern">.+@.+</param></data></element>'
    "</optional></interleave>"
)
_TEXT = (
    '<optional><attribute name="type"><choice><value>text</value><value>html</value></choice></attribute>'
    "</optional><text/>"
)
_INSTANT = (  # section 3.3: RFC 3339, with "T" and "Z" in capitals
    '<data type="dateTime"><param name="pattern">'
    "[0-9-]{10}T[0-9:]{8}(\\.[0-9]+)?(Z|[+-][0-9:]{5})</param></data>"
)
_LINK = (
    f'<attribute name="href">{_URI}</attribute>'
    + "".join(
        f'<optional><attribute name="{name}"/></optional>' for name in ("rel", "hreflang", "title", "length")
    )
    + '<optional><attribute name="type"><data type="string"><param name="pattern">.+/.+</param></data>'
    "</attribute></optional><empty/>"
)
_CATEGORY = (
    '<attribute name="term"/><optional><attribute name="scheme"/></optional>'
    '<optional><attribute name="label"/></optional><empty/>'
)
_GRAMMAR = etree.RelaxNG(
    etree.fromstring(
        f"""<grammar xmlns="http://relaxng.org/ns/structure/1.0" ns="{_ATOM}"
 datatypeLibrary="http://www.w3.org/2001/XMLSchema-datatypes">
<start><ref name="feed"/></start>
<define name="common">
<optional><attribute name="lang" ns="http://www.w3.org/XML/1998/namespace"/></optional>
<optional><attribute name="base" ns="http://www.w3.org/XML/1998/namespace"/></optional>
</define>
<define name="feed"><element name="feed"><ref name="common"/>
<interleave>{_once("id", "title", "updated")}{_optional("generator", "icon", "logo", "rights", "subtitle")}
{_any_number("author", "category", "contributor", "link")}</interleave>
{_any_number("entry")}</element></define>
<define name="entry"><element name="entry"><ref name="common"/>
<interleave>{_once("id", "title", "updated")}{_optional("content", "published", "rights", "summary")}
{_any_number("author", "category", "contributor", "link")}</interleave></element></define>
{_elements("id icon logo", _URI)}
{_elements("title subtitle summary rights content", _TEXT)}
{_elements("generator", "<text/>")}
{_elements("updated published", _INSTANT)}
{_elements("author contributor", _PERSON)}
{_elements("link", _LINK)}
{_elements("category", _CATEGORY)}
</grammar>"""
    )
)


def atom_errors(data: bytes) -> list[str]:
    """What is wrong with an Atom document; [] for a valid one."""
    root = etree.fromstring(data)
    if not _GRAMMAR.validate(root):
        return [str(error) for error in _GRAMMAR.error_log]
    names = {"a": _ATOM}
    found = []
    has_author = bool(root.xpath("a:author", namespaces=names))
    for place in [root, *root.iterfind("a:entry", names)]:
        title = place.findtext("a:title", namespaces=names)
        alternates = Counter(
            (link.get("type"), link.get("hreflang"))
            for link in place.iterfind("a:link", names)
            if link.get("rel", "alternate") == "alternate"
        )
        found += [f"{title}: {times} alternate links of a kind" for times in alternates.values() if times > 1]
        if place is not root and not alternates and place.find("a:content", names) is None:
            found.append(f"{title}: neither an alternate link nor content")  # section 4.1.2
        if place is not root and not has_author and place.find("a:author", names) is None:
            found.append(f"{title}: no author")  # section 4.1.1
    ids = Counter(root.xpath("a:entry/a:id/text()", namespaces=names))
    return found + [f"{name}: {times} entries" for name, times in ids.items() if times > 1]


_ADDRESS = {"type": "string", "pattern": r"^[a-z]+://[^\s<>\"]+$"}
_STRING = {"type": "string"}
_WORDS = {"type": "string", "minLength": 1}
_RFC_3339 = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"}
_AUTHORS = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "minProperties": 1,  # at least one of the three
        "properties": {"name": {"type": "string"}, "url": _ADDRESS, "avatar": _ADDRESS},
        "additionalProperties": False,
    },
}
_ITEM = {
    "type": "object",
    "required": ["id"],
    "anyOf": [{"required": ["content_html"]}, {"required": ["content_text"]}],
    "properties": {
        "id": _WORDS,
        **dict.fromkeys(("url", "external_url", "image", "banner_image"), _ADDRESS),
        **dict.fromkeys(("title", "content_html", "content_text", "summary"), _STRING),
        **dict.fromkeys(("date_published", "date_modified"), _RFC_3339),
        "authors": _AUTHORS,
        "tags": {"type": "array", "items": {"type": "string"}},
        "language": _WORDS,
    },
    "additionalProperties": False,
}
_JSON_FEED: dict[str, Any] = {
    "type": "object",
    "required": ["version", "title", "items"],
    "properties": {
        "version": {"const": "https://jsonfeed.org/version/1.1"},
        "title": {"type": "string"},
        **dict.fromkeys(("home_page_url", "feed_url", "next_url", "icon", "favicon"), _ADDRESS),
        **dict.fromkeys(("description", "user_comment"), _STRING),
        "authors": _AUTHORS,
        "language": _WORDS,
        "expired": {"type": "boolean"},
        "items": {"type": "array", "items": _ITEM},
    },
    "additionalProperties": False,
}
_JSON_VALIDATOR = Draft202012Validator(_JSON_FEED)


def json_feed_errors(data: bytes) -> list[str]:
    """What is wrong with a JSON Feed; [] for a valid one. Its ids are one of a kind."""
    feed = json.loads(data)
    found = [f"{error.instance_path}: {error.message}" for error in _JSON_VALIDATOR.iter_errors(feed)]
    ids = Counter(item.get("id") for item in feed.get("items", []))
    return found + [f"{name}: {times} items" for name, times in ids.items() if times > 1]
