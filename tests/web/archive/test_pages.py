"""The pages of the archive: addresses, redirects, what is gone, what caches are told, hostile addresses."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
from sqlalchemy import select, update

from newsletter.db.engine import reading, writing
from newsletter.db.schema import editions, papers
from newsletter.papers import editions as edition_store
from newsletter.papers import merging
from newsletter.pipeline.archive.values import quoted
from tests.smtp_servers.recording import RecordingServer
from tests.web.archive.private_site import private_site
from tests.web.newsletter_site import BASE, NewsletterSite

SITEMAPS = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


def first_paper(website: NewsletterSite, number: int = 1) -> str:
    """The permanent path of a paper."""
    return website.browser.get(f"/papers/{number}", follow_redirects=False).headers["location"]


def data_of(page: str) -> dict[str, object]:
    """The JSON-LD of a page."""
    (text,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page)
    found: dict[str, object] = json.loads(text)
    return found


@pytest.mark.parametrize(
    "wrong", ["", "-wrong", "-", "-..%2F..%2Fetc", "-%E2%80%AE", "-" + "x" * 3000, "-a/b"]
)
def test_a_wrong_slug_leads_to_the_right_one(website: NewsletterSite, wrong: str) -> None:
    answer = website.browser.get(f"/papers/2{wrong}", follow_redirects=False)
    assert answer.status_code == 301
    assert website.browser.get(answer.headers["location"], follow_redirects=False).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/papers/0",
        "/papers/0012-x",
        "/papers/-1",
        "/papers/1e3",
        "/papers/999999999",
        f"/papers/{10**18}",
        f"/papers/{10**40}-x",
        "/papers/" + quote("١٢"),
        "/papers/" + quote("１"),
        "/papers/%00",
        "/papers/" + quote("1\u202e"),
        "/papers/",
        "/editions/0",
        "/editions/07",
        "/editions/2.5",
        f"/editions/{10**18}",
        "/archive/2026-13",
        "/archive/2026-00",
        "/archive/0000-01",
        "/archive/9999-12",
        "/archive/2026-4",
        "/archive/" + quote("２０２６-04"),
        "/archive/2026-04?page=2",
        "/archive/2026-04?page=0",
        f"/archive/2026-04?page={10**18}",
        "/archive/2026-04?page=" + quote("١"),
        "/topics/",
        "/topics/nope",
        "/topics/quantum?page=2",
        f"/topics/quantum?page={10**18}",
        "/topics/quantum?page=-1",
        "/topics/quantum?page=%00",
        "/topics/" + "x" * 5000,
        "/topics/" + quote("quantum'; drop table papers; --"),
        "/search?q=model&page=0",
        f"/search?q=model&page={10**18}",
        "/search?q=model&page=99999",
        "/sitemaps/9.xml",
        "/sitemaps/x.xml",
    ],
)
def test_an_address_that_leads_nowhere_gets_a_page(website: NewsletterSite, path: str) -> None:
    answer = website.browser.get(path, follow_redirects=False)
    assert answer.status_code == 404
    assert "There is no such page" in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert website.browser.head(path, follow_redirects=False).status_code == 404


HOSTILE = (
    "",
    " ",
    '"',
    '"' * 500,
    "NEAR(a b) * ^",
    "' OR 1=1 --",
    "<script>alert(1)</script>",
    "{{ 7 * 7 }}",
    "\u202e\u0000\ud7ff",
    "a " * 2000,
    "%",
    "topic:topic:topic:",
    "from:99999-99 to:0000",
)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("field", ["q", "author", "topic", "from"])
def test_any_search_gets_a_page(website: NewsletterSite, text: str, field: str) -> None:
    answer = website.browser.get("/search", params={field: text})
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    assert "49" not in answer.text.partition("<main>")[2].partition("</main>")[0].replace("7 * 7", "")[:200]


def test_a_paper_shows_what_is_known_of_it(website: NewsletterSite) -> None:
    path = first_paper(website)
    page = website.get(path)
    assert "<h1>Transcoders Find Interpretable LLM Feature Circuits</h1>" in page
    assert f'<link rel="canonical" href="{BASE}{path}">' in page
    assert f'<meta property="og:url" content="{BASE}{path}">' in page
    assert 'property="og:type" content="article"' in page
    assert "Interpretability</a>: Transcoders" in page
    assert "Hugging Face Daily Papers" in page
    assert 'href="/editions/1"' in page
    for suffix in ("bib", "ris", "csl.json", "md"):
        assert f'href="/papers/1.{suffix}"' in page
    described = data_of(page)
    assert described["@type"] == "ScholarlyArticle"
    assert described["url"] == f"{BASE}{path}"


def test_markup_in_a_paper_is_text_everywhere(website: NewsletterSite) -> None:
    evil = '</script><script>alert(1)</script>"><img src=x onerror=alert(1)>{{ 7 * 7 }}'
    website.write(
        update(papers)
        .where(papers.c.id == 1)
        .values(
            title=evil,
            abstract=f"We present {evil}. It is good.",
            author_names=[evil],
            organization=evil,
            code_url=f"javascript:{evil}",
            url=f"https://x.example/{evil}",
        )
    )
    for path in (first_paper(website), "/editions/1", "/archive/2026-04", "/archive", "/search?q=alert"):
        page = website.get(path)
        assert "<script>alert" not in page, path
        assert "<img" not in page, path
        assert "javascript:" not in page, path
        assert "onerror=alert(1)>" not in page, path
    assert data_of(website.get(first_paper(website)))["name"] == evil


@pytest.mark.parametrize("number", [13, 600])
def test_many_authors_are_folded(website: NewsletterSite, number: int) -> None:
    names = [f"Author Number{n}" for n in range(number)]
    website.write(update(papers).where(papers.c.id == 1).values(author_names=names, author_count=number))
    page = website.get(first_paper(website))
    assert f"<summary>Author Number0, Author Number1, Author Number2 and {number - 3} more</summary>" in page
    assert names[-1] in page


def test_pages_lead_to_their_neighbours(website: NewsletterSite) -> None:
    website.newsletter.ingest_samples([16, 17])
    website.newsletter.publish("2026-04-17T06:00")
    seen = [first_paper(website)]
    while found := re.search(r'rel="next" href="([^"]+)"', website.get(seen[-1])):
        assert f'rel="prev" href="{seen[-1]}"' in website.get(found[1])
        seen.append(found[1])
    assert len(seen) == len(set(seen)) == len(re.findall("<loc>", website.get("/sitemaps/1.xml")))
    assert 'rel="next" href="/editions/2"' in website.get("/editions/1")
    assert 'rel="prev" href="/editions/1"' in website.get("/editions/2")


def test_a_merged_paper_leads_to_the_kept_one(website: NewsletterSite) -> None:
    with writing(website.newsletter.engine) as connection:
        merging.merge(connection, 1, 2, now=website.now)
    answer = website.browser.get("/papers/2-anything", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (301, first_paper(website))


def test_what_was_dropped_is_gone(website: NewsletterSite) -> None:
    path = first_paper(website)
    title = re.search(r"<h1>(.*?)</h1>", website.get(path))
    assert title
    with writing(website.newsletter.engine) as connection:
        edition_store.drop(connection, [1], now=website.now)
    answer = website.browser.get(path)
    assert answer.status_code == 410
    assert "taken back" in answer.text
    assert title[1] not in answer.text
    for listing in (
        "/editions/1",
        "/archive/2026-04",
        "/archive",
        "/search?q=transcoders",
        "/sitemaps/1.xml",
    ):
        assert title[1] not in website.get(listing), listing
        assert path not in website.get(listing), listing


def test_an_edition_that_waits_has_no_page(website: NewsletterSite) -> None:
    website.newsletter.ingest_samples([16])
    website.newsletter.publish("2026-04-16T06:00")
    newest = "/editions/2"
    website.get(newest)
    with writing(website.newsletter.engine) as connection:
        edition_store.hold(connection, 2)
        held = connection.execute(select(papers.c.id, papers.c.title).where(papers.c.edition == 2)).all()
    website.get(newest, status=404)
    for row in held:
        website.get(f"/papers/{row.id}", status=404)
        assert row.title not in website.get("/archive/2026-04")


def test_news_that_no_edition_holds_have_no_page(website: NewsletterSite) -> None:
    website.newsletter.ingest_samples([16])
    with reading(website.newsletter.engine) as connection:
        news = connection.execute(select(papers.c.id).where(papers.c.edition.is_(None))).scalars().all()
    assert news
    for paper_id in news:
        website.get(f"/papers/{paper_id}", status=404)


def test_a_month_of_editions_alone_counts_these(website: NewsletterSite) -> None:
    with writing(website.newsletter.engine) as connection:
        connection.execute(update(editions).where(editions.c.number == 1).values(date=date(2026, 12, 1)))
    page = website.get("/archive")
    december = page.partition('id="months"')[2].partition("December")[2].partition("</li>")[0]
    assert '<span class="count">1 edition</span>' in december


@pytest.mark.parametrize(
    ("before", "lead", "after", "shown"),
    [
        ("", "We show a ladder", ", and climb it.", "We show a ladder"),
        ("Ladders are old. ", "We show a ladder", ", and climb it.", "We show a ladder…"),
        ("Ladders are old. ", "We show a ladder", " – a steep one.", "We show a ladder…"),
        ("Ladders are old. ", "We show a ladder", " which is steep.", "We show a ladder…"),
        ("Ladders are old. ", "We show a ladder.", " It is steep.", "We show a ladder."),
        ("Ladders are old. ", "We show a ladder.", "", "We show a ladder."),
        ("To climb, ", "we show a ladder.", "", "…we show a ladder."),
    ],
)
def test_a_lead_that_is_part_of_its_sentence_says_so(before: str, lead: str, after: str, shown: str) -> None:
    assert quoted(before, lead, after) == shown


@pytest.mark.parametrize("path", ["/archive", "/archive/2026-04", "/editions/1", "/topics/quantum", "paper"])
def test_a_visitor_who_has_a_page_is_told_so(website: NewsletterSite, path: str) -> None:
    path = first_paper(website) if path == "paper" else path
    answer = website.browser.get(path)
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert "set-cookie" not in answer.headers
    tag, changed = answer.headers["etag"], answer.headers["last-modified"]
    other = format_datetime(datetime(2020, 1, 1, tzinfo=UTC), usegmt=True)
    for given, status in (
        ({"If-None-Match": tag}, 304),
        ({"If-None-Match": f'"x", W/{tag}'}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": '"x"'}, 200),
        ({"If-None-Match": '"x"', "If-Modified-Since": changed}, 200),
        ({"If-Modified-Since": changed}, 304),
        ({"If-Modified-Since": other}, 200),
        ({"If-Modified-Since": "yesterday"}, 200),
    ):
        again = website.browser.get(path, headers=given)
        assert again.status_code == status, given
        assert again.headers["etag"] == tag
        assert bool(again.content) == (status == 200)
    head = website.browser.head(path)
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", tag)


def test_a_note_makes_a_new_page(website: NewsletterSite) -> None:
    before = website.browser.get("/editions/1").headers
    website.later(seconds=5)
    with writing(website.newsletter.engine) as connection:
        edition_store.note(connection, 1, "A **bold** word and [a link](https://example.org/x).")
    for given in ({"If-None-Match": before["etag"]}, {"If-Modified-Since": before["last-modified"]}):
        answer = website.browser.get("/editions/1", headers=given)
        assert answer.status_code == 200
        assert '<strong>bold</strong> word and <a href="https://example.org/x">' in answer.text
        assert " style=" not in answer.text


def test_crawlers_find_every_page_and_no_other(website: NewsletterSite) -> None:
    robots = website.get("/robots.txt")
    assert f"Sitemap: {BASE}/sitemap.xml" in robots
    assert "Disallow: /\n" in robots
    index = ElementTree.fromstring(website.get("/sitemap.xml"))
    found = set()
    for part in index.iter(f"{SITEMAPS}loc"):
        tree = ElementTree.fromstring(website.get(str(part.text).removeprefix(BASE)))
        found |= {str(each.text).removeprefix(BASE) for each in tree.iter(f"{SITEMAPS}loc")}
    assert {"/archive", "/archive/2026-04", "/editions/1", "/topics/quantum", first_paper(website)} <= found
    for path in found:
        answer = website.browser.get(path, follow_redirects=False)
        assert (answer.status_code, answer.headers["x-robots-tag"]) == (200, "all"), path
    assert "noindex" in website.browser.get("/search?q=model").headers["x-robots-tag"]


def test_a_long_month_has_pages(website: NewsletterSite) -> None:
    rows = [
        {
            "title": f"Paper Number {n} on Silicon Photonics for Neural Networks",
            "abstract": f"Photonic circuits compute with light. We present design {n}, which saves energy.",
            "arxiv_id": f"2603.{n:05}",
        }
        for n in range(1, 121)
    ]
    website.newsletter.ingest(
        json.dumps(rows).encode(), "2026-03-02.json", at="2026-04-16T05:00", backfill=True
    )
    titles = []
    for number in (1, 2, 3):
        page = website.get(f"/archive/2026-03?page={number}")
        titles += re.findall(r"Paper Number \d+", page.partition("<main>")[2])
    assert len(set(titles)) == 120
    website.get("/archive/2026-03?page=4", status=404)


def test_an_archive_without_papers_has_its_page(website: NewsletterSite) -> None:
    website.write(update(editions).values(ready_at=website.now + timedelta(days=1)))
    assert "Nothing has come out yet." in website.get("/archive")


@pytest.mark.full
def test_postgresql_has_the_same_pages(tmp_path: Path, server: RecordingServer, postgres_url: str) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    sites = [private_site(tmp_path / "one", server), private_site(tmp_path / "two", server, url=postgres_url)]
    paths = ["/archive", "/archive/2026-04", "/editions/1", "/editions/2", "/topics/interpretability"]
    paths += ["/sitemap.xml", "/sitemaps/1.xml", "/sample", *(first_paper(sites[0], n) for n in (1, 2, 3))]
    for path in paths:
        one, two = (main_part(site.get(path)) for site in sites)
        assert one == two, path
    for hidden in ("/editions/3", "/papers/28"):
        assert [site.browser.get(hidden).status_code for site in sites] == [404, 404]
    sites[1].newsletter.engine.dispose()


def main_part(page: str) -> str:
    """A page without what near papers share, which each database ranks in its own way."""
    return re.sub(r'<section aria-labelledby="near">.*?</section>', "", page, flags=re.DOTALL)


@pytest.mark.parametrize(
    ("month", "words"),
    [
        ("2026-05", "No paper was first listed then."),
        ("2026-04", " papers"),
        ("2027-01", "No paper was first"),
    ],
)
def test_a_month_of_editions_alone_says_so(website: NewsletterSite, month: str, words: str) -> None:
    if month != "2026-04":
        with writing(website.newsletter.engine) as connection:
            moved = datetime.fromisoformat(f"{month}-02").date()
            connection.execute(update(editions).where(editions.c.number == 1).values(date=moved))
    page = website.browser.get(f"/archive/{month}").text
    assert words in page
    assert "0 papers" not in page.replace("10 papers", "")
