"""Feeds: feedparser reads the Atom back, and both forms follow their schemas."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import feedparser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.render.feeds import FORMATS, Feed, FeedEntry
from tests.marks import examples
from tests.render.feeds.schemas import atom_errors, json_feed_errors

AT = datetime(2026, 4, 17, 7, tzinfo=UTC)
ENTRY = FeedEntry(
    id="https://papers.example.org/papers/7",
    title="A Map of Circuits",
    link="https://papers.example.org/papers/7-a-map-of-circuits",
    paper_url="https://arxiv.org/abs/2604.01234",
    lead="We draw a map.",
    abstract="Circuits are many. We draw a map. It is large.",
    authors=("Ada Lovelace", "Jürgen Müller"),
    topics=("Circuits", "Quantum & more"),
    published=AT,
    updated=AT.replace(day=18),
)
FEED = Feed(
    title="Paper Digest",
    subtitle="New research papers.",
    address="https://papers.example.org/feeds/all.atom",
    home="https://papers.example.org/archive",
    entries=(ENTRY, replace(ENTRY, id="https://papers.example.org/papers/6", title="<i>Signs</i> & α < β")),
)


def parsed(feed: Feed) -> Any:
    found = feedparser.parse(BytesIO(FORMATS["atom"].write(feed)))
    assert not found.bozo, found.get("bozo_exception")
    return found


def test_atom_is_read_back_as_it_was() -> None:
    found = parsed(FEED)
    assert found.version == "atom10"
    assert (found.feed.title, found.feed.id) == (FEED.title, FEED.address)
    assert {(link.rel, link.href) for link in found.feed.links} == {
        ("self", FEED.address),
        ("alternate", FEED.home),
    }
    first, second = found.entries
    assert (first.id, first.title, first.link) == (ENTRY.id, ENTRY.title, ENTRY.link)
    assert [author.name for author in first.authors] == list(ENTRY.authors)
    assert [tag.term for tag in first.tags] == list(ENTRY.topics)
    assert (first.summary, first.published, first.updated) == (
        ENTRY.lead,
        "2026-04-17T07:00:00Z",
        "2026-04-18T07:00:00Z",
    )
    assert "Circuits are many. <strong>We draw a map.</strong> It is large." in first.content[0].value
    assert second.title == "&lt;i&gt;Signs&lt;/i&gt; &amp; α &lt; β" or second.title == "<i>Signs</i> & α < β"


def test_json_feed_has_its_fields() -> None:
    found = json.loads(FORMATS["json"].write(FEED))
    assert found["version"] == "https://jsonfeed.org/version/1.1"
    assert (found["home_page_url"], found["feed_url"]) == (FEED.home, FEED.address)
    item = found["items"][0]
    assert item["id"] == ENTRY.id
    assert item["authors"] == [{"name": "Ada Lovelace"}, {"name": "Jürgen Müller"}]
    assert (item["date_published"], item["date_modified"]) == ("2026-04-17T07:00:00Z", "2026-04-18T07:00:00Z")
    assert "<strong>We draw a map.</strong>" in item["content_html"]
    assert found["items"][1]["title"] == "<i>Signs</i> & α < β"


@pytest.mark.parametrize("suffix", FORMATS)
def test_empty_feed_is_a_feed(suffix: str) -> None:
    written = FORMATS[suffix].write(replace(FEED, entries=()))
    if suffix == "atom":
        assert parsed(replace(FEED, entries=())).entries == []
    else:
        assert json.loads(written)["items"] == []


def test_entry_without_a_lead_an_address_or_an_abstract_is_whole() -> None:
    bare = replace(ENTRY, lead="", abstract="", paper_url=None, authors=(), topics=())
    [found] = parsed(replace(FEED, entries=(bare,))).entries
    assert (found.title, found.id) == (bare.title, bare.id)
    [item] = json.loads(FORMATS["json"].write(replace(FEED, entries=(bare,))))["items"]
    assert item["content_html"] == ""


ODD = {
    "two entries": FEED,
    "no entries": replace(FEED, entries=()),
    "a bare entry": replace(
        FEED,
        entries=(replace(ENTRY, lead="", abstract="", paper_url=None, authors=(), topics=()),),
    ),
    "600 authors": replace(FEED, entries=(replace(ENTRY, authors=tuple(f"Author {n}" for n in range(600))),)),
    "signs of XML": replace(FEED, title="A & B ]]> <x>", entries=(replace(ENTRY, title="]]> &amp; <!--"),)),
    "control characters": replace(FEED, entries=(replace(ENTRY, title="a\x00b\x0b\ufffe", lead="\x1f"),)),
    "another script": replace(FEED, language="zh-Hans", entries=(replace(ENTRY, authors=("王小明",)),)),
    "a query": replace(FEED, address="https://papers.example.org/search.atom?q=a%20%22b%22&from=2026-04"),
}


@pytest.mark.parametrize("feed", ODD.values(), ids=ODD)
def test_feeds_follow_their_schemas(feed: Feed) -> None:
    assert atom_errors(FORMATS["atom"].write(feed)) == []
    assert json_feed_errors(FORMATS["json"].write(feed)) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (b"<updated>2026-04-18T07:00:00Z</updated>", b""),
        (b"T07:00:00Z</updated>", b" 07:00:00</updated>"),
        (b"<subtitle>", b"<subtitle type='markdown'>"),
        (b"<category term=", b"<category label="),
        (b"<id>https://papers.example.org/papers/7</id>", b"<id>https://papers.example.org/papers/6</id>"),
        (b'rel="related"', b'type="text/html"'),
        (b"<name>Ada Lovelace</name>", b"<uri>https://ada.example</uri>"),
    ],
    ids=str,
)
def test_schema_of_atom_finds_faults(right: bytes, wrong: bytes) -> None:
    written = FORMATS["atom"].write(FEED)
    assert right in written
    assert atom_errors(written.replace(right, wrong, 1)) != []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (b"version/1.1", b"version/1"),
        (b"T07:00:00Z", b" 07:00"),
        (b'"content_html"', b'"content"'),
        (b'{"name"', b'{"fullname"'),
        (b"papers/7", b"papers/6"),
    ],
    ids=str,
)
def test_schema_of_json_feed_finds_faults(right: bytes, wrong: bytes) -> None:
    written = json.dumps(json.loads(FORMATS["json"].write(FEED))).encode()
    assert right in written
    assert json_feed_errors(written.replace(right, wrong, 1)) != []


@settings(max_examples=examples(60), deadline=None)
@given(title=st.text(max_size=60), abstract=st.text(max_size=200), name=st.text(max_size=20))
def test_any_text_makes_a_well_formed_feed(title: str, abstract: str, name: str) -> None:
    odd = replace(ENTRY, title=title, abstract=abstract, lead=abstract[3:9], authors=(name,), topics=(name,))
    feed = replace(FEED, title=title, entries=(odd, FEED.entries[1]))
    assert [entry.id for entry in parsed(feed).entries] == [odd.id, FEED.entries[1].id]
    assert len(json.loads(FORMATS["json"].write(feed))["items"]) == 2
    assert atom_errors(FORMATS["atom"].write(feed)) == []
    assert json_feed_errors(FORMATS["json"].write(feed)) == []
