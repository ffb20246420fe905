"""healthz, readyz, and metrics for permitted networks."""

from __future__ import annotations

import socket

import pytest
from sqlalchemy import text

from newsletter.db.migrate import known_revisions
from tests.cli.http.test_connections import served
from tests.web.newsletter_site import NewsletterSite
from tests.web.serving import STEP_TIMEOUT


def test_healthz_answers_and_readyz_needs_a_current_database(website: NewsletterSite) -> None:
    assert website.get("/healthz") == "ok\n"
    assert website.get("/readyz") == "ready\n"
    website.write(text(f"UPDATE alembic_version SET version_num = '{known_revisions()[0]}'"))
    assert website.get("/readyz", status=503) == "not ready\n"
    inside = website.visitor("127.0.0.1").get("/readyz")
    assert (inside.status_code, inside.text) == (503, "the database is of an older version\n")


def test_metrics_are_shown_only_to_this_machine(website: NewsletterSite) -> None:
    website.subscribed("ada@example.org", "circuits")
    assert website.browser.get("/metrics").status_code == 404
    answer = website.visitor("127.0.0.1").get("/metrics")
    assert 'newsletter_subscribers{state="confirmed"} 1.0' in answer.text
    assert 'newsletter_followers{topic="circuits"} 1.0' in answer.text
    assert "ada" not in answer.text


FORWARDED = [
    ("Forwarded", "for=192.0.2.1"),
    ("Forwarded", ""),
    ("X-Forwarded-For", "127.0.0.1"),
    ("X-Forwarded-Host", "papers.example.org"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Port", "443"),
    ("X-Forwarded-Server", "proxy"),
    ("X-Forwarded", "for=192.0.2.1"),
    ("X-Real-IP", "127.0.0.1"),
    ("X-Client-IP", "192.0.2.1"),
    ("X-Cluster-Client-IP", "192.0.2.1"),
    ("Via", "1.1 vegur"),
    ("CF-Connecting-IP", "192.0.2.1"),
    ("CF-Ray", "1"),
    ("CDN-Loop", "cloudflare"),
    ("True-Client-IP", "192.0.2.1"),
    ("Fastly-Client-IP", "192.0.2.1"),
    ("Fly-Client-IP", "192.0.2.1"),
    ("X-Amzn-Trace-Id", "Root=1"),
    ("X-Envoy-External-Address", "192.0.2.1"),
    ("X-Original-URL", "/metrics"),
    ("X-Scheme", "https"),
    ("X-Varnish", "32770"),
    ("WL-Proxy-Client-IP", "192.0.2.1"),
]
FOREIGN_HOSTS = [
    "papers.example.org",
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.nip.io",
    "localhost@evil.example",
    "",
    "[::1",
    "PAPERS.EXAMPLE.ORG.",
]


@pytest.mark.parametrize(("name", "value"), FORWARDED)
def test_metrics_are_not_shown_through_a_proxy(website: NewsletterSite, name: str, value: str) -> None:
    answer = website.visitor("127.0.0.1").get("/metrics", headers={name: value})
    assert (answer.status_code, answer.text) == (404, "not found\n")


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_metrics_are_not_shown_under_a_foreign_host(website: NewsletterSite, host: str) -> None:
    assert website.visitor("127.0.0.1").get("/metrics", headers={"Host": host}).status_code == 404


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000", "app:8000"])
def test_metrics_are_shown_to_a_monitor_next_to_it(website: NewsletterSite, host: str) -> None:
    assert website.visitor("::1").get("/metrics", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(("version", "status"), [("1.0", b" 404 "), ("1.1", b" 200 ")])
def test_metrics_are_not_shown_to_a_proxy_that_adds_nothing(
    website: NewsletterSite, version: str, status: bytes
) -> None:
    """nginx with proxy_pass alone: HTTP/1.0, the host of this machine, and no other header."""
    with (
        served(website.app) as port,
        socket.create_connection(("127.0.0.1", port), timeout=STEP_TIMEOUT) as client,
    ):
        request = f"GET /metrics HTTP/{version}\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
        client.sendall(request.encode())
        assert status in client.recv(65_536).partition(b"\r\n")[0]
