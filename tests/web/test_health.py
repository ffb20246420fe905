"""Alive, ready, and metrics for those who may see them."""

from __future__ import annotations

from sqlalchemy import text

from newsletter.db.migrate import known_revisions
from tests.web.newsletter_site import NewsletterSite


def test_a_process_that_answers_is_alive_and_ready_when_its_database_is(desk: NewsletterSite) -> None:
    assert desk.get("/healthz") == "ok\n"
    assert desk.get("/readyz") == "ready\n"
    desk.write(text(f"UPDATE alembic_version SET version_num = '{known_revisions()[0]}'"))
    assert desk.get("/readyz", status=503) == "the database is of an older version\n"


def test_metrics_are_shown_to_this_machine_and_to_nobody_else(desk: NewsletterSite) -> None:
    desk.subscribed("ada@example.org", "circuits")
    assert desk.browser.get("/metrics").status_code == 404
    answer = desk.visitor("127.0.0.1").get("/metrics")
    assert 'newsletter_subscribers{state="confirmed"} 1.0' in answer.text
    assert 'newsletter_followers{topic="circuits"} 1.0' in answer.text
    assert "ada" not in answer.text
