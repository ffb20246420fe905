"""`doctor` posts a signed test notice to each webhook of pages that run, and says whether it came in."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from newsletter.cli.inbound import webhook_secrets
from newsletter.cli.wiring import make_site
from newsletter.db.engine import reading
from newsletter.ops.doctor.finding import Status
from newsletter.ops.doctor.webhooks import check_webhooks
from newsletter.web.app import make_app
from tests.cli.http.test_connections import served
from tests.cli.shell import Shell
from tests.cli.test_inbound_intakes import opened
from tests.inbound.intakes.provider_signatures import MAILGUN_KEY, SECRET, TOPIC, sendgrid_public_key

SETTINGS = f"""
[inbound.webhooks]
ses_topic = "{TOPIC}"
postmark_secret = "{SECRET}"
mailgun_key = "{MAILGUN_KEY}"
sendgrid_key = "{sendgrid_public_key()}"
brevo_secret = "{SECRET}"
"""


def test_signed_tests_come_in_and_unsigned_ones_are_refused(shell: Shell) -> None:
    shell.settings(SETTINGS)
    with opened(shell) as wiring, served(make_app(make_site(wiring))) as port:
        work = wiring.work
        signing = webhook_secrets(work.settings.inbound.webhooks)
        found = list(check_webhooks(work.engine, f"http://127.0.0.1:{port}", signing, now=datetime.now(UTC)))
        with reading(work.engine) as connection:
            rows = connection.execute(text("SELECT subscriber_id, done FROM inbound_recipients")).all()
    assert [finding.status for finding in found] == [Status.OK] * 5, found
    assert ["a signed test came in" in finding.words for finding in found] == [True] * 3 + [False] * 2
    assert [row.subscriber_id for row in rows] == [None] * 3


@pytest.mark.parametrize("provider", ["postmark", "mailgun", "brevo", "ses"])
def test_webhooks_of_other_settings_are_told_of(shell: Shell, provider: str) -> None:
    """The pages run with settings from before the change."""
    with opened(shell) as wiring, served(make_app(make_site(wiring))) as port:
        (found,) = check_webhooks(
            wiring.work.engine,
            f"http://127.0.0.1:{port}",
            {provider: "" if provider == "ses" else "a secret"},
            now=datetime.now(UTC),
        )
    assert (found.status, "404" in found.words) == (Status.FAILED, True)


def test_pages_that_do_not_answer_are_told_of(shell: Shell) -> None:
    with opened(shell) as wiring:
        (found,) = check_webhooks(
            wiring.work.engine, "http://127.0.0.1:1", {"brevo": "a secret"}, now=datetime.now(UTC)
        )
    assert (found.status, "does not answer" in found.words) == (Status.FAILED, True)
