"""Private topics and their papers are shown to their readers' own links and nowhere else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.smtp_servers.recording import RecordingServer
from tests.web.archive.private_site import (
    PLANTED,
    PRIVATE_PAPERS,
    PRIVATE_TOPIC,
    SURFACES,
    crawled,
    leaks,
    private_site,
    reader_of_private,
    token_of,
)
from tests.web.newsletter_site import NewsletterSite, ReceivedMail

TITLE = PRIVATE_PAPERS[0]["title"]


@pytest.fixture
def site(tmp_path: Path, server: RecordingServer) -> NewsletterSite:
    return private_site(tmp_path, server)


def test_nothing_private_on_any_page(site: NewsletterSite) -> None:
    reader_of_private(site)
    found = crawled(site, [*SURFACES, *(f"/papers/{number}" for number in range(1, 60))])
    assert any(path.startswith("/assets/") for path in found)
    assert sum(path.startswith("/papers/") for path in found) > 60
    # A page repeats what was typed into its address: the test of searches looks at these.
    assert leaks({path: text for path, text in found.items() if not typed(path)}) == []


def typed(path: str) -> bool:
    """Whether a planted word stands in an address, or its beginning."""
    return any(word[:4] in path.lower() for word in PLANTED)


@pytest.mark.parametrize("word", PLANTED)
def test_search_finds_nothing_private(site: NewsletterSite, word: str) -> None:
    for query in (
        f"q={word}",
        f"q=%22{word}%22",
        f"q={word[:4]}&typing=1",
        f"author={word}",
        f"topic={word}",
    ):
        page = site.get(f"/search?{query}").partition('id="results"')[2]
        assert 'href="/papers/' not in page
        others = {word: page.lower().replace(word, "").replace(word[:4], "")}
        assert leaks(others) == []


@pytest.mark.parametrize(
    "path",
    [f"/topics/{PRIVATE_TOPIC}", "/editions/3", f"/search?topic={PRIVATE_TOPIC}", "/archive/2026-04"],
)
def test_a_reader_sees_their_topics(site: NewsletterSite, path: str) -> None:
    token = token_of(site, reader_of_private(site))
    answer = site.browser.get(f"{path}{'&' if '?' in path else '?'}reader={token}")
    assert answer.status_code == 200
    assert TITLE in answer.text
    assert answer.headers["cache-control"] == "private, no-store"
    assert "noindex" in answer.headers["x-robots-tag"]
    assert "etag" not in answer.headers
    assert "canonical" not in answer.text
    assert "ld+json" not in answer.text
    inside = [link for link in answer.text.split('href="')[1:] if link.startswith(("/papers", "/editions"))]
    assert inside
    assert all(f"reader={token}" in link.partition('"')[0] for link in inside)


def test_a_private_paper_cannot_be_told_from_none(site: NewsletterSite) -> None:
    token = token_of(site, reader_of_private(site))
    page = site.get(f"/editions/3?reader={token}")
    path = page.partition('href="/papers/')[2].partition('"')[0]
    number, slug = path.partition("?")[0].split("-", 1)
    unknown = site.browser.get("/papers/999999-nothing")
    for hidden in (f"/papers/{number}", f"/papers/{number}-{slug}", f"/papers/{number}-wrong"):
        answer = site.browser.get(hidden, follow_redirects=False)
        assert (answer.status_code, answer.text) == (404, unknown.text)
    assert TITLE in site.get(f"/papers/{number}-{slug}?reader={token}")


@pytest.mark.parametrize(
    "token", ["", "x", "0" * 3000, "\u202e", "eyJyZWYiOiJ4In0.aaaa.bbbb", "../../etc/passwd", "%00"]
)
def test_a_forged_reader_sees_no_more(site: NewsletterSite, token: str) -> None:
    answer = site.browser.get(f"/topics/{PRIVATE_TOPIC}", params={"reader": token})
    assert answer.status_code == 404
    assert leaks({"page": answer.text}) == []


def test_links_are_revoked_by_their_reader(site: NewsletterSite) -> None:
    person = reader_of_private(site)
    before = token_of(site, person)
    site.get(f"/archive?reader={before}")
    page = site.post(f"{site.preferences(person)}/links")
    assert "show nothing from now on" in page
    site.get(f"/archive?reader={before}", status=404)
    after = token_of(site, site.person("ada@example.org"))
    assert after in page
    site.get(f"/archive?reader={after}")


def test_a_reader_of_other_topics_sees_none(site: NewsletterSite) -> None:
    site.newsletter.reader("grace@example.org", "quantum", joined="2026-04-13T05:00")
    token = token_of(site, site.person("grace@example.org"))
    site.get(f"/topics/{PRIVATE_TOPIC}?reader={token}", status=404)
    assert leaks({"archive": site.get(f"/archive?reader={token}")}) == []


def test_nobody_signs_up_for_a_private_topic(site: NewsletterSite) -> None:
    answer = site.sign_up("eve@example.org", PRIVATE_TOPIC)
    assert answer.status_code == 422
    assert leaks({"page": answer.text}, asked=["umbral"]) == []
    json = {"email": "eve@example.org", "topics": [PRIVATE_TOPIC]}
    assert site.browser.post("/api/sign-ups", json=json).status_code == 422
    site.newsletter.reader("grace@example.org", "quantum", joined="2026-04-13T05:00")
    grace = site.person("grace@example.org")
    assert leaks({"page": site.get(site.preferences(grace))}) == []
    site.post(site.preferences(grace), status=422, topics=["quantum", PRIVATE_TOPIC])
    assert site.person("grace@example.org").topics == ("quantum",)


def test_a_reader_keeps_a_private_topic(site: NewsletterSite) -> None:
    ada = reader_of_private(site)
    assert "Umbral Lore" in site.get(site.preferences(ada))
    site.post(site.preferences(ada), topics=[PRIVATE_TOPIC], cadence="daily", hour="7", timezone="UTC")
    assert site.person("ada@example.org").topics == (PRIVATE_TOPIC,)


def test_mail_of_others_names_no_private_topic(site: NewsletterSite) -> None:
    reader_of_private(site)
    grace = site.subscribed("grace@example.org", "quantum", "interpretability")
    site.newsletter.ingest_samples([16, 17], hour="13:00")
    site.later(days=1)
    site.newsletter.send(site.now.isoformat())
    mails: dict[str, str] = {}
    own = ""
    for accepted in site.server.accepted:
        mail = ReceivedMail(accepted.recipient, accepted.data)
        if accepted.recipient == grace.address:
            mails[mail.subject] = mail.html + mail.text
        elif accepted.recipient == "ada@example.org":
            own = mail.html
    assert len(mails) >= 3  # the confirmation, the welcome and a digest
    assert leaks(mails) == []
    assert "Umbral Lore" in own


@pytest.mark.parametrize(
    ("state", "status"), [("unsubscribed", 410), ("suppressed", 410), ("erased", 410), ("pending", 409)]
)
def test_links_of_a_reader_who_gets_no_mail_show_nothing(
    site: NewsletterSite, state: str, status: int
) -> None:
    person = reader_of_private(site)
    token = token_of(site, person)
    feeds = re.findall(r'href="(/feeds/mine/[^"]+)"', site.get(site.preferences(person)))
    assert len(feeds) == 2
    site.write(text("update subscribers set state = :state").bindparams(state=state))
    paths = (f"/archive?reader={token}", f"/editions/3?reader={token}", f"/search.bib?reader={token}", *feeds)
    shown = {path: site.get(path, status=status) for path in paths}
    assert leaks(shown) == []


@pytest.mark.parametrize("path", ["/archive", "/topics/everything.bib", "/feeds/all.atom", "/sitemap.xml"])
@pytest.mark.parametrize("header", ["if-none-match", "if-modified-since"])
def test_a_public_copy_does_not_stand_for_a_private_page(
    site: NewsletterSite, path: str, header: str
) -> None:
    public = site.browser.get(path)
    sent = public.headers["etag" if header == "if-none-match" else "last-modified"]
    assert site.browser.get(path, headers={header: sent}).status_code == 304
    own = site.browser.get(f"{path}?reader={token_of(site, reader_of_private(site))}", headers={header: sent})
    assert (own.status_code, own.headers["cache-control"]) == (200, "private, no-store")
