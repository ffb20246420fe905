"""The real samples read by another way: plain JSON, XPath and regular expressions, none of our parsers.

Identifiers, titles, authors in order, dates and abstracts agree; only the cleaning of text is shared.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from xml.etree import ElementTree

import pytest
from lxml import html as lxml_html

from newsletter.core.papers.listing import Entry
from newsletter.sources.entries import clean_text
from newsletter.sources.registry import read_listing
from tests.shared_data import SHARED, needs_shared

pytestmark = needs_shared
Fact = tuple[str, str, tuple[str, ...], str | None, str]  # identifier, title, authors, day, abstract
ATOM = {"a": "http://www.w3.org/2005/Atom", "dc": "http://purl.org/dc/elements/1.1/"}


def _text(name: str) -> str:
    return (SHARED / "samples" / name).read_text("utf-8")


def _fact(identifier: str, title: str, authors: list[str], day: str | None, abstract: str) -> Fact:
    bare = re.sub(r"v\d+$", "", identifier.rpartition("/abs/")[2] or identifier)
    return bare, clean_text(title), tuple(map(clean_text, authors)), day and day[:10], clean_text(abstract)


def _of_hub(rows: list[dict[str, Any]]) -> Iterator[Fact]:
    for paper in (row["paper"] for row in rows):
        names = [author["name"] for author in paper["authors"]]
        yield _fact(paper["id"], paper["title"], names, paper["publishedAt"], paper["summary"])


def hf_json(name: str) -> Iterator[Fact]:
    return _of_hub(json.loads(_text(name)))


def hf_html(name: str) -> Iterator[Fact]:
    held = re.search(r'data-target="DailyPapers"\s+data-props="([^"]*)"', _text(name))
    assert held is not None
    return _of_hub(json.loads(html.unescape(held[1]))["dailyPapers"])


def api_atom(name: str) -> Iterator[Fact]:
    for entry in ElementTree.fromstring(_text(name)).iterfind("a:entry", ATOM):
        get = lambda tag, entry=entry: entry.findtext(f"a:{tag}", "", ATOM)  # noqa: E731
        names = [author.findtext("a:name", "", ATOM) for author in entry.iterfind("a:author", ATOM)]
        yield _fact(get("id"), get("title"), names, get("published"), get("summary"))


def feed_atom(name: str) -> Iterator[Fact]:
    for entry in ElementTree.fromstring(_text(name)).iterfind("a:entry", ATOM):
        names = re.split(r",\s*", entry.findtext("dc:creator", "", ATOM))
        _, _, abstract = entry.findtext("a:summary", "", ATOM).partition("Abstract:")
        identifier = entry.findtext("a:id", "", ATOM).rpartition(":")[2]
        yield _fact(identifier, entry.findtext("a:title", "", ATOM), names, None, abstract)


def listing_page(name: str) -> Iterator[Fact]:
    page = lxml_html.fromstring(_text(name))
    for term, held in zip(page.xpath("//dt"), page.xpath("//dd"), strict=True):
        title = held.xpath("string(.//*[contains(@class, 'list-title')])").replace("Title:", "", 1)
        names = held.xpath(".//*[contains(@class, 'list-authors')]//a/text()")
        [href] = {link for link in term.xpath(".//a/@href") if link.startswith("/abs/")}
        yield _fact(href, title, names, None, held.xpath("string(.//p[contains(@class, 'mathjax')])"))


def oai_pmh(name: str) -> Iterator[Fact]:
    for record in ElementTree.fromstring(_text(name)).iterfind(".//{*}arXiv"):
        get = lambda tag, record=record: record.findtext(f"{{*}}{tag}", "")  # noqa: E731
        names = [
            " ".join(author.findtext(f"{{*}}{tag}", "") for tag in ("forenames", "keyname", "suffix")).strip()
            for author in record.iterfind("{*}authors/{*}author")
        ]
        yield _fact(get("id"), get("title"), names, get("created"), get("abstract"))


def json_lines(name: str) -> Iterator[Fact]:
    for row in map(json.loads, _text(name).splitlines()):
        yield _fact(row["arxiv_id"], row["title"], row["authors"], row["published"], row["abstract"])


READERS: dict[str, Callable[[str], Iterator[Fact]]] = {
    "hf_api_2024-05-27.json": hf_json,
    "hf_api_2024-07-05.json": hf_json,
    "hf_api_2025-03-17.json": hf_json,
    "hf_api_2026-08-21.json": hf_json,
    "hf_api_daily_papers.json": hf_json,
    "hf_page_2024-08-01.html": hf_html,
    "arxiv_api_2026-04-12.xml": api_atom,
    "arxiv_atom_api.xml": api_atom,
    "arxiv_atom_feed_2025-08-20.xml": feed_atom,
    "arxiv_listing_2026-08-12.html": listing_page,
    "arxiv_oai_pmh.xml": oai_pmh,
    "quantph_feed_weekly.jsonl": json_lines,
}


@pytest.mark.parametrize(("name", "reader"), READERS.items(), ids=READERS)
def test_both_ways_give_the_same_papers(name: str, reader: Callable[[str], Iterator[Fact]]) -> None:
    expected = list(reader(name))
    listing = read_listing((SHARED / "samples" / name).read_bytes(), name=name)
    assert expected
    assert [
        _of(entry, day=fact[3]) for entry, fact in zip(listing.entries, expected, strict=True)
    ] == expected


def _of(entry: Entry, *, day: str | None) -> Fact:
    printed = entry.printed
    shown = f"{printed.year}-{printed.month:02}-{printed.day:02}" if printed and day else None
    identifier = re.sub(r"v\d+$", "", dict(entry.identifiers).get("arxiv", ""))
    return identifier, entry.title, entry.author_names, shown, entry.abstract
