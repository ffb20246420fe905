"""Alive, ready, and metrics for those who may see them."""

from __future__ import annotations

from sqlalchemy import text

from newsletter.db.migrate import known_revisions
from tests.web.newsletter_site import NewsletterSite


def test_a_process_that_answers_is_alive_and_ready_when_its_database_is(desk: NewsletterSite) -> None:
    assert desk.get("/healthz") == "ok\n"
    assert "newsletter init" not in desk.get("/readyz", status=503)  # the tables of a test bear no revision
    desk.write(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
    desk.write(text(f"INSERT INTO alembic_version VALUES ('{known_revisions()[-1]}')"))
    assert desk.get("/readyz") == "ready\n"


def test_metrics_are_shown_to_this_machine_and_to_nobody_else(desk: NewsletterSite) -> None:
    desk.subscribed("ada@example.org", "circuits")
    assert desk.browser.get("/metrics").status_code == 404
    answer = desk.visitor("127.0.0.1").get("/metrics")
    assert 'newsletter_subscribers{state="confirmed"} 1.0' in answer.text
    assert 'newsletter_followers{topic="circuits"} 1.0' in answer.text
    assert "ada" not in answer.text
