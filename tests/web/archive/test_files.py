"""Exports and feeds over HTTP: of papers, editions and topics."""

from __future__ import annotations

import json
import re

import feedparser
import pytest

from newsletter.render.archive_links import EXPORTS, FEEDS
from tests.render.exports import csl_schema
from tests.render.exports.reading_back import by_bibtexparser, by_json, by_rispy
from tests.render.feeds.schemas import atom_errors, json_feed_errors
from tests.web.newsletter_site import NewsletterSite, ReceivedMail

PLACES = ("/papers/1", "/editions/1", "/topics/circuits", "/topics/everything")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("suffix", EXPORTS)
def test_every_page_can_be_had_as_a_file(website: NewsletterSite, place: str, suffix: str) -> None:
    answer = website.browser.get(f"{place}.{suffix}")
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].endswith(f'.{suffix}"')
    assert answer.headers["X-Robots-Tag"] == "noindex, follow"
    assert answer.headers["ETag"]
    assert answer.text.strip()


def test_forms_hold_the_same_papers(website: NewsletterSite) -> None:
    def text(suffix: str) -> str:
        return website.browser.get(f"/editions/1.{suffix}").text

    titles = [item.title for item in by_json(text("csl.json"))]
    assert len(titles) > 5
    assert [entry["title"] for entry in json.loads(text("csl.json"))] == titles
    assert [item.title for item in by_rispy(text("ris"))] == titles
    assert len(by_bibtexparser(text("bib"))) == len(titles)
    page = website.get("/editions/1")
    assert all(title.split(":")[0][:20] in page for title in titles)


@pytest.mark.parametrize("name", ["all", "circuits", "everything"])
def test_feed_leads_to_pages_of_papers(website: NewsletterSite, name: str) -> None:
    found = feedparser.parse(website.browser.get(f"/feeds/{name}.atom").content)
    assert not found.bozo
    items = json.loads(website.browser.get(f"/feeds/{name}.json").content)["items"]
    assert [entry.id for entry in found.entries] == [item["id"] for item in items]
    assert found.entries
    days = [entry.published for entry in found.entries]
    assert days == sorted(days, reverse=True)
    for entry in found.entries[:3]:
        path = entry.link.removeprefix(website.base)
        assert entry.title in website.get(path) or "&" in website.get(path)
        assert (
            website.browser.get(entry.id.removeprefix(website.base), follow_redirects=False).headers[
                "location"
            ]
            == path
        )


@pytest.mark.parametrize("path", ["/feeds/all", "/feeds/circuits", "/search"])
def test_feeds_of_the_archive_follow_their_schemas(website: NewsletterSite, path: str) -> None:
    query = "?q=%22circuits%22+%3Ca%26b%3E+OR+2026" if path == "/search" else ""
    assert atom_errors(website.browser.get(f"{path}.atom{query}").content) == []
    assert json_feed_errors(website.browser.get(f"{path}.json{query}").content) == []


@pytest.mark.parametrize("place", PLACES)
def test_references_of_the_archive_follow_their_schema(website: NewsletterSite, place: str) -> None:
    assert csl_schema.errors(website.get(f"{place}.csl.json")) == []


@pytest.mark.parametrize("suffix", EXPORTS)
def test_search_can_be_had_as_a_file(website: NewsletterSite, suffix: str) -> None:
    found = website.browser.get(f"/search.{suffix}?q=circuit").text
    assert "ircuit" in found
    nothing = website.browser.get(f"/search.{suffix}?q=xyzzyplugh")
    assert nothing.status_code == 200
    assert nothing.text.strip() in ("", "[]")


def test_search_can_be_followed(website: NewsletterSite) -> None:
    found = feedparser.parse(website.browser.get("/search.atom?q=circuit&from=2026-04").content)
    assert found.entries
    assert found.feed.title.endswith("circuit, 2026-04")
    items = json.loads(website.browser.get("/search.json?q=circuit&from=2026-04").content)["items"]
    assert [item["id"] for item in items] == [entry.id for entry in found.entries]
    days = [entry.published for entry in found.entries]
    assert days == sorted(days, reverse=True)


def test_reader_has_a_feed_of_the_papers_of_their_mails_until_it_is_revoked(website: NewsletterSite) -> None:
    website.newsletter.reader("ada@example.org", "circuits", joined="2026-04-12T06:00")
    website.newsletter.send("2026-04-16T07:01")
    [accepted] = website.server.accepted
    mailed = ReceivedMail(accepted.recipient, accepted.data)
    ada = website.person("ada@example.org")
    page = website.get(website.preferences(ada))
    [path] = re.findall(r'href="(/feeds/mine/[^"]+\.atom)"', page)
    answer = website.browser.get(path)
    assert answer.headers["Cache-Control"] == "private, no-store"
    entries = feedparser.parse(answer.content).entries
    assert entries
    text = " ".join(mailed.text.split())
    assert all(entry.title in text for entry in entries)
    items = json.loads(website.browser.get(path.replace(".atom", ".json")).content)["items"]
    assert [item["id"] for item in items] == [entry.id for entry in entries]
    assert website.browser.get(entries[0].link.removeprefix(website.base)).status_code == 200
    website.post(f"{website.preferences(ada)}/links")
    assert website.browser.get(path).status_code == 404
    assert ada.links_epoch + 1 == website.person("ada@example.org").links_epoch


@pytest.mark.parametrize("token", ["x", "a.b.c", "%00", "..", "x" * 5_000])
def test_feed_of_nobody_is_no_feed(website: NewsletterSite, token: str) -> None:
    assert website.browser.get(f"/feeds/mine/{token}.atom").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/papers/999999.bib",
        "/papers/0.bib",
        f"/papers/{10**30}.ris",
        "/editions/99.bib",
        f"/editions/{10**40}.md",
        "/editions/x.bib",
        "/editions/-1.bib",
        "/topics/nothing.bib",
        "/topics/%00.bib",
        "/topics/../robots.bib",
        "/feeds/nothing.atom",
        "/feeds/all.rss",
        "/feeds/all",
        "/feeds/%ff.json",
        "/feeds/all.atom.json",
    ],
)
def test_what_is_not_there_is_a_page_that_says_so(website: NewsletterSite, path: str) -> None:
    answer = website.browser.get(path)
    assert answer.status_code == 404
    assert "There is no such page" in answer.text


@pytest.mark.parametrize("suffix", FEEDS)
def test_feed_that_did_not_change_is_not_sent_again(website: NewsletterSite, suffix: str) -> None:
    first = website.browser.get(f"/feeds/all.{suffix}")
    again = website.browser.get(f"/feeds/all.{suffix}", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
