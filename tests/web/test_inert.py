"""GET, HEAD and OPTIONS of every address of every page and mail change nothing, in any order."""

from __future__ import annotations

import random
import re
from html import unescape

import pytest

from tests.browser.links import links_of
from tests.marks import first_quick
from tests.web.newsletter_site import BASE, NewsletterSite, ReceivedMail

SEEDS = 3  # random orders of requests


def addresses_in(text: str) -> set[str]:
    """The paths of this site in a page or a mail: in links, forms, sources and plain text."""
    bare = set(re.findall(rf"{BASE}[^\s\"'<>#]*", unescape(text)))
    paths = {link.removeprefix(BASE) for link in links_of(text, base=f"{BASE}/") | bare}
    return {path for path in paths if path.startswith("/")}


def crawled(website: NewsletterSite, found: set[str]) -> set[str]:
    """All paths that links and forms reach from these paths."""
    reached: set[str] = set()
    waiting = set(found)
    while waiting:
        path = waiting.pop()
        reached.add(path)
        answer = website.browser.get(path, follow_redirects=False)
        if answer.headers.get("content-type", "").startswith("text/html"):
            waiting |= addresses_in(answer.text) - reached
    return reached


@pytest.mark.parametrize("seed", first_quick(range(SEEDS)))
def test_get_changes_nothing_on_any_page(website: NewsletterSite, seed: int) -> None:
    ada = website.subscribed("ada@example.org", "circuits", "quantum")
    grace = website.subscribed("grace@example.org", "everything")
    website.post(f"/u/{grace.leave_id}")
    website.sign_up("pending@example.org", "circuits", browser=website.visitor("203.0.113.9"))
    website.post(f"{website.preferences(ada)}/account")
    account = next(mail for mail in website.messages() if "/account/" in mail.text).link("/account/")
    website.post(f"{account}/address", email="new@example.org")
    website.messages()
    website.newsletter.ingest_samples([16, 17], hour="13:00")
    website.later(days=1)
    website.newsletter.send(website.now.isoformat())
    website.now = website.now.replace(hour=12)
    named: set[str] = {"/", "/openapi.json", "/api/openapi.json", "/api/topics", "/api/sign-ups", "/sign-up"}
    kinds = set()
    for accepted in website.server.accepted:
        mail = ReceivedMail(accepted.recipient, accepted.data)
        kinds.add(mail.message["Feedback-ID"].partition(":")[0])
        named |= addresses_in(mail.text) | addresses_in(mail.html)
        named |= addresses_in(str(mail.message["List-Unsubscribe"] or ""))
    assert {"confirm", "welcome", "goodbye", "account", "address", "digest"} <= kinds
    paths = sorted(crawled(website, named))
    for start in (
        "/confirm/",
        "/confirm-address/",
        "/preferences/",
        "/account/",
        "/u/",
        "/digests/",
        "/assets/",
    ):
        assert any(path.startswith(start) for path in paths), start
    assert any(path.endswith("/undo") for path in paths)
    before = website.everything()
    order = [(method, path) for path in paths for method in ("GET", "HEAD", "OPTIONS")] * 2
    random.Random(seed).shuffle(order)
    for method, path in order:
        answer = website.browser.request(method, path, follow_redirects=False)
        assert answer.status_code < 500, (method, path)
        if method == "HEAD":
            assert answer.content == b""
    assert website.messages() == []
    assert website.everything() == before
