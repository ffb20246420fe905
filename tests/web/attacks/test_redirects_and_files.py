"""Requests that want to lead elsewhere, or to a file."""

from __future__ import annotations

import re

import pytest
from httpx2 import Response

from tests.web.attacks.attacked_site import EVIL, AttackedSite

ELSEWHERE = [
    f"//{EVIL}",
    f"/\\{EVIL}",
    f"https://{EVIL}",
    f"/%2F{EVIL}",
    f"//{EVIL}/%2e%2e",
    f"/.{EVIL}",
    f"/@{EVIL}",
]


@pytest.mark.parametrize("target", ELSEWHERE)
def test_no_page_leads_elsewhere(busy: AttackedSite, target: str) -> None:
    browser = busy.website.browser
    asked: list[Response] = [
        browser.get(f"http://localhost:8000/{target.lstrip('/')}", follow_redirects=False),
        browser.get(f"{busy.leave}?done={target}&next={target}", follow_redirects=False),
        browser.get(f"/archive?next={target}", follow_redirects=False),
        browser.post("/link", data={"email": "x@example.org", "next": target}, follow_redirects=False),
        browser.post(busy.preferences, data={"topics": "quantum", "next": target}, follow_redirects=False),
        browser.post(busy.leave, data={"topic": target}, follow_redirects=False),
    ]
    for answer in asked:
        location = answer.headers.get("location", "/")
        assert re.match(r"/(?![/\\])", location), location
        assert EVIL not in location


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": EVIL},
        {"Host": f"localhost:8000@{EVIL}"},
        {"Host": f"{EVIL}/?x="},
        {"X-Forwarded-Host": EVIL},
        {"Forwarded": f"host={EVIL};proto=https"},
        {"X-Original-URL": "/metrics"},
        {"X-Rewrite-URL": "/metrics"},
        {"X-Forwarded-Prefix": f"//{EVIL}"},
        {"X-Forwarded-Proto": "javascript"},
        {"Referer": f"https://{EVIL}/"},
    ],
)
def test_no_header_of_a_request_reaches_a_link(busy: AttackedSite, headers: dict[str, str]) -> None:
    browser = busy.website.browser
    for path in ("/", "/link", "/sample", "/embed", "/archive", busy.preferences, busy.leave, "/nothing"):
        answer = browser.get(path, headers=headers, follow_redirects=False)
        assert EVIL not in answer.text + str(dict(answer.headers)), path
        assert "newsletter_subscribers" not in answer.text
    browser.post("/link", data={"email": "ada@example.org"}, headers=headers)
    for mail in busy.website.messages():
        assert EVIL not in mail.text + mail.html


# Files


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../newsletter.toml",
        "/assets/0/../../credentials/secret_key",
        "/assets/0/..%2f..%2fcredentials%2fsecret_key",
        "/assets/0/%2e%2e/%2e%2e/newsletter.sqlite3",
        "/assets/0/..%252f..%252fetc%252fpasswd",
        "/assets/%2e%2e%2f%2e%2e/etc/passwd",
        "/assets/0/%2fetc%2fpasswd",
        "/assets/0/..%5c..%5cetc%5cpasswd",
        "/assets/0/style.css%00.html",
        "/assets/0/style.css/../../x",
        "/assets/0/style.css%2f",
        "/assets/0/base.html.j2",
        "/assets/0/%c0%ae%c0%ae/etc/passwd",
        "/digests/..%2f..%2fnewsletter.toml",
        "/u/..%2f..%2fnewsletter.toml",
        "/.env",
        "/.git/config",
        "/newsletter.toml",
        "/credentials/secret_key",
        "/newsletter.sqlite3",
        "/static/../newsletter.toml",
        "/file:///etc/passwd",
        "/docs",
        "/redoc",
        "/openapi.json",
        "/debug",
        "/admin",
    ],
)
def test_no_path_leads_to_a_file(ada: AttackedSite, path: str) -> None:
    answer = ada.website.browser.get(path, follow_redirects=False)
    assert answer.status_code == 404
    assert "root:" not in answer.text
    assert "SQLite format" not in answer.text
