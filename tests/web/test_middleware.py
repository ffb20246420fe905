"""Headers of every answer: no storing, framing, sniffing, indexing or referrer; no cookie."""

from __future__ import annotations

import logging
import re
from datetime import datetime

import pytest

from newsletter.core.errors import StorageError
from newsletter.web.middleware import COMMON
from tests.web.newsletter_site import NewsletterSite

PAGES = [
    "/",
    "/link",
    "/check-your-mail",
    "/embed",
    "/sample",
    "/nothing",
    "/u/AAAA",
    "/confirm/x",
    "/api/topics",
]


@pytest.mark.parametrize("path", PAGES)
def test_every_answer_has_the_privacy_headers(website: NewsletterSite, path: str) -> None:
    answer = website.browser.get(path)
    kept = {name: answer.headers[name] for name in ("referrer-policy", "cache-control", "x-robots-tag")}
    assert kept == {
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
        "x-robots-tag": "noindex, nofollow",
    }
    assert answer.headers["content-security-policy"].startswith("default-src 'none';")
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in answer.headers
    assert not re.search(r"<script(?! src=\"/assets/)| style=| on[a-z]+=", answer.text) or path == "/sample"


def test_assets_may_be_cached_forever_under_their_version(website: NewsletterSite) -> None:
    page = website.get("/")
    for path in re.findall(r'"(/assets/[^"]+)"', page):
        assert website.browser.get(path).headers["cache-control"] == "public, max-age=31536000, immutable"
        old = re.sub(r"/assets/\w+/", "/assets/000000000000/", path)
        assert website.browser.get(old).headers["cache-control"] == "no-store"
    assert website.browser.get("/assets/0/passwd").status_code == 404


def test_pages_load_nothing_from_anywhere_else(website: NewsletterSite) -> None:
    loaded = re.findall(r'(?:src|<link[^>]*href)="([^"]+)"', website.get("/"))
    assert loaded
    assert all(address.startswith(("/assets/", "data:")) for address in loaded)


def test_no_token_and_no_address_is_logged(website: NewsletterSite, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    ada = website.subscribed("ada@example.org", "circuits")
    token = website.preferences(ada)
    website.get(token)
    website.post(token, topics="quantum")
    website.post("/sign-up", status=422, email="not an address@example.org")
    text = caplog.text.replace("httpx2", "")
    ours = [line for line in text.splitlines() if "HTTP Request" not in line]
    assert any("GET /preferences/{token} 200" in line for line in ours)
    for secret in ("@example.org", token.rpartition("/")[2], ada.leave_id, ada.ref):
        assert not [line for line in ours if secret in line]


@pytest.mark.parametrize("path", ["/sign-up", "/link", "/api/sign-ups", "/u/AAAA"])
def test_a_body_larger_than_any_form_is_refused(website: NewsletterSite, path: str) -> None:
    assert website.browser.post(path, content=b"x" * 70_000).status_code == 413

    def chunks() -> object:
        for _ in range(20):
            yield b"email=" + b"x" * 8_000

    sent = website.browser.post(
        path,
        content=chunks(),  # type: ignore[arg-type]
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    assert sent.status_code == 413


def test_a_wrong_method_gets_an_error_page(website: NewsletterSite) -> None:
    answer = website.browser.request("DELETE", "/")
    assert answer.status_code == 405
    assert "<h1>That does not work</h1>" in answer.text
    assert website.browser.request("PUT", "/api/topics").json() == {"errors": {"": "Method Not Allowed"}}


def test_an_internal_error_is_a_page_without_a_traceback(website: NewsletterSite) -> None:
    from sqlalchemy import text

    website.write(text("DROP TABLE subscriptions"))
    answer = website.browser.get("/u/AAAA")
    assert answer.status_code in (500, 503, 404)
    answer = website.sign_up("ada@example.org", "circuits")
    assert answer.status_code == 200
    with pytest.raises(StorageError):
        website.messages()  # makes the request mailer answer
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("path", ["/", "/api/topics"])
def test_a_fault_has_the_headers_of_every_answer(website: NewsletterSite, path: str) -> None:
    def stopped() -> datetime:
        raise ArithmeticError

    website.site.clock = stopped
    answer = website.browser.get(path)
    assert answer.status_code == 500
    assert {name: answer.headers[name] for name in COMMON} == COMMON


@pytest.mark.parametrize(
    "path", ["/confirm/x/", "/u/AAAA/", "/preferences/x/", "/sign-up/", "/healthz/", "/assets/0/style.css/"]
)
def test_no_path_is_redirected_to_the_host_that_a_request_names(website: NewsletterSite, path: str) -> None:
    for method in ("GET", "HEAD", "POST"):
        answer = website.browser.request(
            method, path, headers={"Host": "evil.example"}, follow_redirects=False
        )
        assert (answer.status_code, answer.headers.get("location")) == (404, None)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/confirm/x", 403),
        ("/confirm-address/x", 403),
        ("/preferences/x", 403),
        ("/preferences/x/pause", 403),
        ("/account/x/erase", 403),
        ("/u/AAAA/undo", 403),
        ("/link", 403),
        ("/sign-up", 422),
        ("/api/sign-ups", 422),
        ("/u/AAAA", 404),
    ],
)
def test_only_sign_ups_and_one_click_come_from_other_sites(
    website: NewsletterSite, path: str, expected: int
) -> None:
    ours = website.browser.post(path, headers={"Sec-Fetch-Site": "same-origin", "Origin": "null"})
    assert ours.status_code != 403
    assert website.browser.post(path, headers={"Sec-Fetch-Site": "cross-site"}).status_code == expected
