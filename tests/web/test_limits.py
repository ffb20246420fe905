"""Limits of the forms: one mailbox in many spellings, many networks, and the whole newsletter."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from newsletter.core.alarms import AlarmPolicy
from newsletter.ops.alarms.watch import watch
from newsletter.pipeline.readers.purge import tidy
from tests.smtp_servers.recording import RecordingServer
from tests.web.newsletter_site import START, NewsletterSite, words_of

SIGN_UPS = 60  # as many as one mailbox once got confirmations for


def flooded(website: NewsletterSite, emails: list[str], clients: list[str]) -> list[str]:
    """The recipients of the mail that these sign-ups bring, each from its own client within 12 seconds."""
    for email, client in zip(emails, clients, strict=True):
        website.sign_up(email, "circuits", browser=website.visitor(client))
        website.now = START
    return recipients(website)


def recipients(website: NewsletterSite) -> list[str]:
    """The recipients of the mail that goes now."""
    return [mail.recipient for mail in website.messages()]


@pytest.mark.parametrize(
    ("spelling", "mails"),
    [
        ("ada+{}@example.org", 1),
        ("ada.{}+{}@gmail.com", 60),  # other mailboxes, by their names
        ("a.d.a+{}@googlemail.com", 1),
        ("ADA+x{}@example.org", 1),
        ("ada-{}@example.org", 3),
        ("ada={}@example.org", 3),
        ("list{}@ada.fastmail.com", 1),
    ],
)
def test_a_mailbox_gets_one_confirmation_whatever_its_spelling(
    website: NewsletterSite, spelling: str, mails: int
) -> None:
    emails = [spelling.format(number, number) for number in range(SIGN_UPS)]
    clients = [f"2001:db8:{number:x}::1" for number in range(SIGN_UPS)]
    assert len(flooded(website, emails, clients)) == mails


@pytest.mark.parametrize(
    ("client", "mails"),
    [
        ("2001:db8:1:2::{:x}", 5),  # one /64
        ("2001:db8:1:{:x}::1", 10),  # /64s of one /56
        ("2001:db8:1:{:x}00::1", 30),  # /56s of one /48
        ("2001:db8:{:x}::1", 60),  # /48s
        ("192.0.2.{}", 30),  # one /24
        ("198.51.{}.1", 60),
        ("[2001:db8:1:{:x}::1]:443", 10),  # as some proxies forward it
        ("::ffff:192.0.2.{}", 30),
    ],
)
def test_a_network_is_limited_as_a_whole(website: NewsletterSite, client: str, mails: int) -> None:
    emails = [f"reader{number}@example.org" for number in range(SIGN_UPS)]
    clients = [client.format(number) for number in range(SIGN_UPS)]
    assert len(flooded(website, emails, clients)) == mails


@pytest.fixture
def busy(tmp_path: Path, published: Path, server: RecordingServer) -> NewsletterSite:
    """A website that asks five people an hour to confirm."""
    shutil.copytree(published, tmp_path, dirs_exist_ok=True)
    return NewsletterSite(tmp_path, server, unconfirmed_limit="5/hour")


def alarms(website: NewsletterSite) -> dict[str, str]:
    report = watch(
        website.site.engine,
        state_dir=website.site.state_dir,
        policy=AlarmPolicy(free_bytes=0, max_quiet=None),
        notifier=None,
        now=website.now,
    )
    return {alarm.key: f"{alarm.words}. {alarm.hint}" for alarm in report.open}


def test_sign_ups_beyond_the_ceiling_wait_and_raise_an_alarm(busy: NewsletterSite) -> None:
    reader = busy.subscribed("known@example.org", "circuits")
    busy.later(hours=1)
    begun = busy.now
    for number in range(12):
        visitor = busy.visitor(f"198.51.{number}.1")
        answer = busy.sign_up(f"reader{number}@example.org", "circuits", browser=visitor)
        assert answer.url.path == "/check-your-mail"
        busy.now = begun
    assert sorted(mail.recipient for mail in busy.messages()) == [  # several connections: in any order
        f"reader{number}@example.org" for number in range(5)
    ]
    assert "7 sign-ups wait: as many people as web.unconfirmed_limit permits" in alarms(busy)["unconfirmed"]
    assert "`newsletter subscribers list --state pending`" in alarms(busy)["unconfirmed"]
    busy.post("/link", email="known@example.org")  # readers are not concerned
    assert [mail.subject for mail in busy.messages()] == ["Your link: Paper Digest"]
    busy.post(f"{busy.preferences(reader)}/account")
    account = busy.mail().link("/account/")
    page = busy.post(f"{account}/address", status=429, email="new@example.org")
    assert "Please wait a while" in words_of(page)
    busy.later(hours=1, seconds=1)
    assert sorted(mail.recipient for mail in busy.messages()) == [
        f"reader{number}@example.org" for number in range(5, 10)
    ]
    assert "2 sign-ups wait" in alarms(busy)["unconfirmed"]
    busy.later(hours=1, seconds=1)
    assert len(busy.messages()) == 2
    assert alarms(busy) == {}


def test_the_page_is_the_same_when_the_ceiling_is_reached(busy: NewsletterSite) -> None:
    pages = set()
    for number in range(8):
        visitor = busy.visitor(f"198.51.{number}.1")
        answer = busy.sign_up(f"reader{number}@example.org", "circuits", browser=visitor)
        pages.add((answer.status_code, answer.text))
        busy.messages()
    assert len(pages) == 1


def test_a_sign_up_that_waits_for_two_days_is_deleted(busy: NewsletterSite) -> None:
    for number in range(6):
        visitor = busy.visitor(f"198.51.{number}.1")
        busy.sign_up(f"reader{number}@example.org", "circuits", browser=visitor)
        busy.now = START
    assert len(busy.messages()) == 5
    assert len(busy.everything()["signup_requests"]) == 1
    tidy(busy.site.engine, now=datetime(2026, 4, 20, tzinfo=UTC))
    assert busy.everything()["signup_requests"] == []
