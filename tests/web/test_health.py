"""healthz, readyz, and metrics for permitted networks."""

from __future__ import annotations

from sqlalchemy import text

from newsletter.db.migrate import known_revisions
from tests.web.newsletter_site import NewsletterSite


def test_healthz_answers_and_readyz_needs_a_current_database(website: NewsletterSite) -> None:
    assert website.get("/healthz") == "ok\n"
    assert website.get("/readyz") == "ready\n"
    website.write(text(f"UPDATE alembic_version SET version_num = '{known_revisions()[0]}'"))
    assert website.get("/readyz", status=503) == "the database is of an older version\n"


def test_metrics_are_shown_only_to_this_machine(website: NewsletterSite) -> None:
    website.subscribed("ada@example.org", "circuits")
    assert website.browser.get("/metrics").status_code == 404
    answer = website.visitor("127.0.0.1").get("/metrics")
    assert 'newsletter_subscribers{state="confirmed"} 1.0' in answer.text
    assert 'newsletter_followers{topic="circuits"} 1.0' in answer.text
    assert "ada" not in answer.text
