"""Digests in the browser: the mailed document without its personal parts."""

from __future__ import annotations

import re
from pathlib import Path

from newsletter.db.engine import reading
from newsletter.papers import editions
from subscribers import tokens
from tests.smtp_servers.recording import RecordingServer
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
