"""Digests in the browser: the mailed document without its personal parts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import update

from newsletter.db.engine import reading
from newsletter.db.schema import edition_papers
from newsletter.papers import editions
from newsletter.render.archive_links import EXPORTS
from subscribers import tokens
from tests.render.exports.reading_back import by_bibtexparser, by_json, by_rispy
from tests.smtp_servers.recording import RecordingServer
from tests.web.archive.private_site import PRIVATE_TOPIC, leaks, private_site, reader_of_private
from tests.web.newsletter_site import NewsletterSite, ReceivedMail, words_of


def sent_digest(website: NewsletterSite, *others: str) -> ReceivedMail:
    for other in others:
        website.subscribed(other, "circuits")
    website.subscribed("ada@example.org", "circuits", name="Ada Lovelace")
    website.newsletter.ingest_samples([16, 17], hour="13:00")
    website.later(days=1)
    website.newsletter.send(website.now.isoformat())
    return ReceivedMail("ada@example.org", website.server.accepted[-1].data)


def test_a_digest_on_the_web_has_no_name_or_links_of_its_reader(website: NewsletterSite) -> None:
    mail = sent_digest(website)
    page = website.get(mail.link("/digests/"))
    titles = re.findall(r"<h3[^>]*>(.*?)</h3>", mail.html)
    assert titles
    assert re.findall(r"<h3[^>]*>(.*?)</h3>", page) == titles
    for own in ("Lovelace", "/u/", "/preferences/", "ada@"):
        assert own in mail.message.as_string() or own in mail.html
        assert own not in page
    assert 'href="http://localhost:8000/link"' in page


def test_the_sample_is_the_latest_edition(website: NewsletterSite) -> None:
    page = website.get("/sample")
    assert "This is a sample." not in page
    with reading(website.newsletter.engine) as connection:
        (edition,) = editions.rows(connection)
    assert f"No. {edition['number']}" in page
    assert page.count("<h3") >= 10  # cards; the others are rows


def test_the_sample_without_an_edition_is_of_the_shipped_papers(
    tmp_path: Path, server: RecordingServer
) -> None:
    page = NewsletterSite(tmp_path, server).get("/sample")
    assert "This is a sample." in page
    assert page.count("<h3") >= 4


def test_a_digest_runs_nothing_and_sends_nothing(website: NewsletterSite) -> None:
    answer = website.browser.get(sent_digest(website).link("/digests/"))
    policy = answer.headers["content-security-policy"]
    assert "script-src" not in policy
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src")
    assert "form-action 'none'" in policy


def test_a_missing_digest_and_a_forged_link_get_a_page(website: NewsletterSite) -> None:
    sent_digest(website)
    for key in ("0" * 32, "%", "", "0" * 5, "'; drop table digests; --"):
        token = tokens.sign("digest", {"key": key}, keys=["a key of the tests"], now=website.now)
        assert "This link does not work" in words_of(website.get(f"/digests/{token}", status=404))
    assert "This link does not work" in words_of(website.get("/digests/forged", status=404))


@pytest.mark.parametrize("suffix", EXPORTS)
def test_papers_of_a_mail_can_be_had_as_a_file(website: NewsletterSite, suffix: str) -> None:
    mail = sent_digest(website)
    answer = website.browser.get(f"{mail.link('/digests/')}.{suffix}")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == f'attachment; filename="papers.{suffix}"'
    assert answer.headers["cache-control"] == "private, no-store"
    assert "noindex" in answer.headers["x-robots-tag"]
    for own in ("Lovelace", "/u/", "/preferences/", "ada@", "reader="):
        assert own not in answer.text


def test_files_of_a_mail_hold_its_papers_in_its_order(website: NewsletterSite) -> None:
    mail = sent_digest(website)
    web = mail.link("/digests/")
    titles = [item.title for item in by_json(website.get(f"{web}.csl.json"))]
    text = " ".join(mail.text.split())
    places = [text.index(title) for title in titles]
    assert len(titles) > 3
    assert places == sorted(places)
    assert [item.title for item in by_rispy(website.get(f"{web}.ris"))] == titles
    assert len(by_bibtexparser(website.get(f"{web}.bib"))) == len(titles)
    for suffix in ("bib", "ris"):
        assert f"{website.base}{web}.{suffix}" in mail.text
        assert f'href="{website.base}{web}.{suffix}"' in mail.html


def test_file_of_a_mail_holds_its_private_papers_and_no_others(
    tmp_path: Path, server: RecordingServer
) -> None:
    site = private_site(tmp_path, server)
    reader_of_private(site)
    site.newsletter.reader("grace@example.org", "interpretability", joined="2026-04-13T05:00")
    site.newsletter.send("2026-04-16T07:01")
    mails = {each.recipient: ReceivedMail(each.recipient, each.data) for each in server.accepted}
    own = site.get(f"{mails['ada@example.org'].link('/digests/')}.csl.json")
    assert "Zyxomantic Quorvex Lattices" in own
    assert site.newsletter.topics[PRIVATE_TOPIC].title in own
    other = site.get(f"{mails['grace@example.org'].link('/digests/')}.csl.json")
    assert by_json(other)
    assert leaks({"other": other}) == []


def test_file_of_a_mail_is_without_what_was_taken_back(website: NewsletterSite) -> None:
    web = sent_digest(website).link("/digests/")
    before = [item.title for item in by_json(website.get(f"{web}.csl.json"))]
    with reading(website.newsletter.engine) as connection:
        number = connection.exec_driver_sql(
            "select paper_id from digest_papers order by digest_id desc, position limit 1"
        ).scalar()
    website.write(
        update(edition_papers).where(edition_papers.c.paper_id == number).values(dropped_at=website.now)
    )
    assert [item.title for item in by_json(website.get(f"{web}.csl.json"))] == before[1:]


@pytest.mark.parametrize("suffix", [*EXPORTS, "pdf", "bib.bib", "BIB"])
@pytest.mark.parametrize("token", ["forged", "a.b.c", "%00", "x" * 5_000])
def test_file_of_a_forged_link_is_a_page_that_says_so(
    website: NewsletterSite, token: str, suffix: str
) -> None:
    answer = website.browser.get(f"/digests/{token}.{suffix}")
    assert answer.status_code == 404
    assert "This link does not work" in words_of(answer.text)


@pytest.mark.parametrize("suffix", EXPORTS)
def test_file_of_the_sample_is_that_of_its_edition(
    website: NewsletterSite, tmp_path_factory: pytest.TempPathFactory, server: RecordingServer, suffix: str
) -> None:
    page = website.get("/sample")
    answer = website.browser.get(f"/sample.{suffix}", follow_redirects=False)
    [number] = re.findall(r"No\. (\d+)", page)[:1]
    assert answer.headers["location"] == f"/editions/{number}.{suffix}"
    assert f'href="{website.base}/sample.bib"' in page
    empty = NewsletterSite(tmp_path_factory.mktemp("empty"), server)
    assert empty.browser.get(f"/sample.{suffix}", follow_redirects=False).headers["location"] == "/archive"
