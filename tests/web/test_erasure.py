"""After an erasure, a purge or a move the address is nowhere: no column, no file, no log, no fresh backup."""

from __future__ import annotations

import base64
import logging
import tarfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.utils import quote
from pathlib import Path
from urllib.parse import quote as percent_encoded

import pytest
from sqlalchemy import make_url

from newsletter.db.engine import default_url, writing
from newsletter.ops.alarms.watch import AlarmPolicy, watch
from newsletter.ops.backups.create import back_up
from newsletter.pipeline.readers import admin
from newsletter.pipeline.readers.purge import tidy
from subscribers import requests
from subscribers.lifecycle import signup
from subscribers.preferences import Preferences
from tests.smtp_servers.recording import RecordingServer
from tests.web.newsletter_site import NewsletterSite

LOCAL, DOMAIN, NAME = "Zebulon.Quux-77", "mailbox-of-zq.example", "Zebulon Quuxberry"
ADDRESS = f"{LOCAL}@{DOMAIN}"
NEIGHBOURS = 120  # other people before and after, so that pages of the database split and merge


def spellings() -> Iterator[bytes]:
    """The address and the name in every form in which they may be stored."""
    for text in (ADDRESS, LOCAL, DOMAIN, NAME, quote(ADDRESS)):
        for form in (text, text.lower(), text.upper()):
            for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
                yield form.encode(encoding)
            for shift in range(3):  # base64 of a text in the middle of others
                encoded = base64.b64encode(b"x" * shift + form.encode())
                yield encoded[4 if shift else 0 : -4]
            yield percent_encoded(form, safe="").encode()
            yield form.replace("@", "=40").encode()  # quoted-printable
            yield form.replace("@", "=").encode()  # as return paths hold it
            yield form.encode().hex().encode()


def found_in(content: bytes) -> set[bytes]:
    return {spelling for spelling in spellings() if spelling in content}


def places(website: NewsletterSite, folder: Path, logged: str) -> dict[str, bytes]:
    """Everything that is stored, by the name of its place."""
    kept = {f"table {name}": repr(rows).encode() for name, rows in website.everything().items()}
    kept["log"] = logged.encode()
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            kept[str(file.relative_to(folder))] = file.read_bytes()
    if website.site.engine.dialect.name == "sqlite":
        backup = back_up(folder, database_url=default_url(folder), target=None, keep=None, now=website.now)
        with tarfile.open(backup.file) as archive:
            for member in archive:
                opened = archive.extractfile(member)
                if opened is not None:
                    kept[f"backup/{member.name}"] = opened.read()
    return kept


def traces(website: NewsletterSite, folder: Path, logged: str) -> dict[str, set[bytes]]:
    """Where the address or the name still is."""
    return {
        place: found
        for place, content in places(website, folder, logged).items()
        if (found := found_in(content))
    }


def neighbours(website: NewsletterSite, prefix: str) -> None:
    with writing(website.site.engine) as connection:
        for number in range(NEIGHBOURS):
            signup.add(
                connection,
                address=f"{prefix}{number:03}@neighbours.example",
                topics_wanted=["circuits"],
                known_topics=website.policy.known_topics,
                given={},
                confirmed=False,
                how="import",
                now=website.now,
                suppression_key=website.policy.suppression_key,
                defaults=Preferences(),
                default_topics=(),
                name=f"Neighbour {prefix} {number}",
            )


def with_a_history(website: NewsletterSite) -> None:
    """A reader of whom every table has something: refusals that quote them, requests that wait and fail."""
    neighbours(website, "a")
    reader = website.subscribed(ADDRESS, "circuits", name=NAME)
    neighbours(website, "z")
    website.newsletter.ingest_samples([16, 17], hour="13:00")
    refusal = f"550 5.1.1 <{ADDRESS}>: Recipient {ADDRESS.upper()} ({LOCAL.lower()}) unknown".encode()
    website.server.rules.refuse = lambda recipient: refusal if recipient == ADDRESS else None
    website.later(days=1)
    website.newsletter.send(website.now.isoformat())
    website.server.rules.refuse = lambda _recipient: None
    if website.person(ADDRESS).state == "suppressed":
        admin.unsuppress(website.site.engine, ADDRESS, policy=website.policy, now=website.now)
    website.later(days=1)
    website.post("/link", email=ADDRESS.upper())
    website.messages()
    website.post(f"{website.preferences(reader)}/account")
    account = website.mail().link("/account/")
    website.post(f"{account}/address", email=f"second-{ADDRESS}")
    website.messages()
    for email in (ADDRESS, ADDRESS.lower()):  # one fails, one waits
        website.sign_up(email, "quantum", name=NAME, browser=website.visitor("203.0.113.7"))
    with writing(website.site.engine) as connection:
        waiting = requests.waiting(connection, limit=2, now=website.now)
        requests.mark_failed(connection, waiting[0].id, why=f"ValueError: {waiting[0].address} is odd")
        requests.postpone(
            connection,
            waiting[1].id,
            until=website.now + timedelta(hours=1),
            waits_for=requests.WaitsFor.ADDRESS,
        )
    watch(
        website.site.engine,
        state_dir=website.site.state_dir,
        policy=AlarmPolicy(free_bytes=0),
        notifier=None,
        now=website.now,
    )


def erased_by_the_reader(website: NewsletterSite) -> None:
    with_a_history(website)
    website.later(minutes=10)
    website.post(f"{website.preferences(website.person(ADDRESS))}/account")
    website.post(f"{website.mail().link('/account/')}/erase", sure="yes")


def forgotten_by_an_admin(website: NewsletterSite) -> None:
    with_a_history(website)
    admin.forget(website.site.engine, ADDRESS, policy=website.policy, now=website.now)


def forgotten_after_leaving(website: NewsletterSite) -> None:
    with_a_history(website)
    website.post(f"/u/{website.person(ADDRESS).leave_id}")
    website.messages()
    admin.forget(website.site.engine, ADDRESS, policy=website.policy, now=website.now)


def forgotten_while_pending(website: NewsletterSite) -> None:
    neighbours(website, "a")
    website.sign_up(ADDRESS, "circuits", name=NAME)
    website.messages()
    neighbours(website, "z")
    admin.forget(website.site.engine, ADDRESS, policy=website.policy, now=website.now)


def never_confirmed(website: NewsletterSite) -> None:
    neighbours(website, "a")
    for number, name in enumerate((NAME, NAME.upper())):
        visitor = website.visitor(f"203.0.113.{number}")
        website.sign_up(ADDRESS, "circuits", name=name, hour=str(number), browser=visitor)
        website.messages()
    neighbours(website, "z")
    website.later(days=8)
    tidy(website.site.engine, now=website.now)


def failed_and_postponed_for_long(website: NewsletterSite) -> None:
    neighbours(website, "a")
    for _ in range(2):
        website.sign_up(ADDRESS, "circuits", name=NAME)
    with writing(website.site.engine) as connection:
        first, second = requests.waiting(connection, limit=2, now=website.now)
        requests.mark_failed(connection, first.id, why=f"ValueError: {ADDRESS}")
        requests.postpone(connection, second.id, until=website.now, waits_for=requests.WaitsFor.NEWSLETTER)
    website.later(days=8)
    tidy(website.site.engine, now=website.now)


def moved_to_another_address(website: NewsletterSite) -> None:
    neighbours(website, "a")
    reader = website.subscribed(ADDRESS, "circuits")
    neighbours(website, "z")
    website.newsletter.ingest_samples([16, 17], hour="13:00")
    website.later(days=1)
    website.newsletter.send(website.now.isoformat())
    website.post(f"{website.preferences(reader)}/account")
    website.post(f"{website.mail().link('/account/')}/address", email="new@other.example")
    website.post(website.mail().link("/confirm-address/"))


def the_new_address_never_agreed(website: NewsletterSite) -> None:
    neighbours(website, "a")
    reader = website.subscribed("old@other.example", "circuits")
    website.post(f"{website.preferences(reader)}/account")
    website.post(f"{website.mail().link('/account/')}/address", email=ADDRESS)
    website.messages()
    neighbours(website, "z")
    website.later(days=8)
    tidy(website.site.engine, now=website.now)


ENDS = [
    erased_by_the_reader,
    forgotten_by_an_admin,
    forgotten_after_leaving,
    forgotten_while_pending,
    never_confirmed,
    failed_and_postponed_for_long,
    moved_to_another_address,
    the_new_address_never_agreed,
]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_the_address_is_nowhere(
    website: NewsletterSite,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    end: Callable[[NewsletterSite], None],
) -> None:
    caplog.set_level(logging.DEBUG)
    end(website)
    assert traces(website, tmp_path, caplog.text) == {}


def test_the_search_finds_the_address_of_a_reader(website: NewsletterSite, tmp_path: Path) -> None:
    with_a_history(website)
    found = traces(website, tmp_path, "")
    assert {"table subscribers", "table signup_requests", "newsletter.sqlite3-wal"} <= found.keys()
    assert any(place.startswith("backup/database") for place in found)


@pytest.mark.full
@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_the_address_is_in_no_column_of_postgresql(
    tmp_path: Path,
    server: RecordingServer,
    postgres_url: str,
    caplog: pytest.LogCaptureFixture,
    end: Callable[[NewsletterSite], None],
) -> None:
    assert make_url(postgres_url).get_backend_name() == "postgresql"
    website = NewsletterSite(tmp_path, server, url=postgres_url)
    try:
        website.newsletter.ingest_samples([13, 14, 15])
        website.newsletter.publish("2026-04-15T06:00")
        caplog.set_level(logging.DEBUG)
        end(website)
        assert traces(website, tmp_path, caplog.text) == {}
    finally:
        website.site.engine.dispose()
