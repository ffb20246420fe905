from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from newsletter.core.mail.values import Recipient
from newsletter.delivery.outbox.claims import ClaimedMail, Person
from newsletter.pipeline.content.personalization import (
    ASKED_BY_EDITORS,
    CACHED_LINKS,
    KEY_LENGTH,
    WEB_DIGEST,
    Links,
    because,
    greeting,
    preferences_path,
    recipient_of,
)
from newsletter.render.layout import TOKEN_RESERVE
from newsletter.render.mail_kinds import TRANSACTIONAL_KINDS
from subscribers import tokens
from subscribers.consent import ConsentOrigin
from subscribers.link_purposes import ACCOUNT, ADDRESS, CONFIRM, PREFERENCES, READER

NOW = datetime(2026, 4, 17, 5, 0, tzinfo=UTC)
KEYS = ["newest key", "older key"]
PERSON = Person(
    subscriber_id=7,
    ref="a-random-reference",
    leave_id="a-random-id",
    address="ada@example.org",
    name="Ada",
    cadence="daily",
    weekday=None,
    hour=7,
    timezone="Europe/Berlin",
    text_only=False,
    version=1,
    paused_until=None,
    origin=ConsentOrigin.SIGNED_UP,
)
MAIL = ClaimedMail(
    id=1,
    subscriber_id=7,
    kind="digest",
    key="2026-04-17",
    digest_id=3,
    digest_key="0123456789abcdef" * 4,
    attempts=0,
    composed_at=NOW,
    expires_at=None,
    has_reader_debts=False,
    signed_with=None,
    values={},
    person=PERSON,
)


def _links(**changes: Any) -> Links:
    return Links(
        **{"base_url": "https://papers.example", "newsletter": "Paper Digest", "secret_keys": KEYS} | changes
    )


def _token(url: str, page: str) -> str:
    head, _, token = url.partition(f"/{page}/")
    assert head == "https://papers.example"
    return token


def test_links_print_all_that_only_this_mail_shows() -> None:
    my = dict(_links()(MAIL))
    preferences, web = my.pop("preferences_url"), my.pop("web_url")
    assert my == {
        "reader_token": "",
        "greeting": "Good morning, Ada.",
        "because": "You get this daily at 07:00 (Europe/Berlin), because you signed up for it.",
        "unsubscribe_url": "https://papers.example/u/a-random-id",
        "pause_url": f"{preferences}#pause",
    }
    read = {
        page: tokens.read(purpose, _token(url, page), keys=KEYS, now=NOW)
        for page, purpose, url in (
            ("preferences", PREFERENCES, preferences),
            ("digests", WEB_DIGEST, web),
        )
    }
    assert read == {
        "preferences": {"ref": "a-random-reference"},
        "digests": {"key": "0123456789abcdef" * 2},  # a digest's key starts so
    }


@pytest.mark.parametrize(
    ("kind", "made"),
    [
        ("confirm", {"confirm_url": ("confirm", CONFIRM, {"ref": PERSON.ref})}),
        ("address", {"confirm_url": ("confirm-address", ADDRESS, {"ref": "their-ref", "to": PERSON.ref})}),
        ("account", {"account_url": ("account", ACCOUNT, {"ref": PERSON.ref})}),
        ("goodbye", {"undo_url": ("u", None, "a-random-id")}),
        *(
            (
                kind,
                {
                    "preferences_url": ("preferences", PREFERENCES, {"ref": PERSON.ref}),
                    "unsubscribe_url": ("u", None, "a-random-id"),
                },
            )
            for kind in ("already", "welcome", "link", "quiet")
        ),
    ],
)
def test_links_of_a_message_are_those_of_its_kind_and_no_other(
    kind: str, made: dict[str, tuple[str, str | None, Any]]
) -> None:
    my = _links()(MAIL._replace(kind=kind, values={"of": "their-ref"}))
    read = {}
    for name, (page, purpose, _) in made.items():
        token = _token(my[name], page)
        read[name] = token if purpose is None else tokens.read(purpose, token, keys=KEYS, now=NOW)
    assert my.keys() - TRANSACTIONAL_KINDS[kind].sentences == made.keys()
    assert read == {name: payload for name, (_, _, payload) in made.items()}


def test_every_transactional_kind_has_links() -> None:
    for kind in TRANSACTIONAL_KINDS:
        made = set(_links()(MAIL._replace(kind=kind, values={"of": "x"})))
        assert made == set(TRANSACTIONAL_KINDS[kind].links) | TRANSACTIONAL_KINDS[kind].sentences


def test_web_is_the_link_in_the_mail_also_by_the_beginning_of_the_key() -> None:
    links = _links()
    assert links.web(MAIL.digest_key[:KEY_LENGTH], at=NOW) == links(MAIL)["web_url"]
    token = _token(links.web(MAIL.digest_key), "digests")
    assert tokens.read(WEB_DIGEST, token, keys=KEYS, now=NOW) == {"key": MAIL.digest_key[:KEY_LENGTH]}


def test_preferences_path_is_the_link_without_the_base() -> None:
    links = _links()
    path = preferences_path(links, PERSON.ref, now=NOW)
    assert f"https://papers.example{path}" == links(MAIL)["preferences_url"]


@pytest.mark.parametrize("kind", sorted(TRANSACTIONAL_KINDS))
def test_recipient_of_a_message_that_anybody_may_ask_for_has_no_name(kind: str) -> None:
    recipient = recipient_of(MAIL._replace(kind=kind, values={"of": "x"}), _links())
    unsubscribe = "https://papers.example/u/a-random-id"
    assert (recipient.name, recipient.unsubscribe_url) == (
        "Ada" if kind in ("welcome", "goodbye", "quiet") else "",
        unsubscribe if kind in ("already", "welcome", "link", "quiet") else "",
    )


def test_links_hold_no_address_and_no_name() -> None:
    shown = [value for name, value in _links()(MAIL).items() if name.endswith("_url")]
    assert [url for url in shown if "ada" in url.lower() or "example.org" in url] == []


def test_links_are_the_same_in_another_process_and_after_others() -> None:
    once = _links()(MAIL)
    links = _links()
    for number in range(CACHED_LINKS + 2):
        other = MAIL._replace(digest_id=number, digest_key=f"{number:064x}", composed_at=NOW - timedelta(1))
        assert links(other)["web_url"] != once["web_url"]
    # A row that a preview took back may bear the number of another digest later.
    assert links(MAIL._replace(digest_id=1)) == once
    assert links(MAIL) == once
    assert links(MAIL._replace(id=2, attempts=5)) == once


def test_links_are_signed_with_the_newest_key() -> None:
    url = _links()(MAIL)["preferences_url"]
    token = _token(url, "preferences")
    assert tokens.read(PREFERENCES, token, keys=["newest key"], now=NOW) == {"ref": "a-random-reference"}
    with pytest.raises(tokens.TokenForgedError):
        tokens.read(PREFERENCES, token, keys=["older key"], now=NOW)


@pytest.mark.parametrize("base_url", ["http://localhost:8000", "http://[::1]:8000/news"])
def test_links_start_with_the_base_url_on_loopback_too(base_url: str) -> None:
    my = _links(base_url=base_url)(MAIL)
    assert [
        url for name, url in my.items() if name.endswith("_url") and not url.startswith(f"{base_url}/")
    ] == []


def test_recipient_of_lets_the_mails_own_values_win() -> None:
    mail = MAIL._replace(values={"greeting": "Dear Ada,", "confirm_url": "https://papers.example/confirm/x"})
    my = {**_links()(MAIL), **mail.values}
    assert recipient_of(mail, _links()) == Recipient(
        subscriber_id=7,
        address="ada@example.org",
        kind="digest",
        key="2026-04-17",
        my=my,
        unsubscribe_url="https://papers.example/u/a-random-id",
        text_only=False,
        name="Ada",
        delivery_id=1,
    )


@pytest.mark.parametrize(
    ("hour", "timezone", "words"),
    [
        (2, "UTC", "Good evening."),
        (4, "UTC", "Good morning."),
        (11, "UTC", "Good morning."),
        (12, "UTC", "Good afternoon."),
        (17, "UTC", "Good afternoon."),
        (18, "UTC", "Good evening."),
        (5, "Asia/Tokyo", "Good afternoon."),
        (5, "America/New_York", "Good evening."),
    ],
)
def test_greeting_knows_the_readers_time_of_day(hour: int, timezone: str, words: str) -> None:
    assert greeting("", NOW.replace(hour=hour), timezone) == words
    assert greeting("Ada", NOW.replace(hour=hour), timezone) == words.replace(".", ", Ada.")


@pytest.mark.parametrize(
    ("cadence", "weekday", "words"),
    [
        ("daily", None, "daily at 07:00 (Europe/Berlin)"),
        ("weekdays", None, "on weekdays at 07:00 (Europe/Berlin)"),
        ("weekly", "friday", "on Fridays at 07:00 (Europe/Berlin)"),
        ("weekly", None, "on Mondays at 07:00 (Europe/Berlin)"),
    ],
)
def test_because_says_a_cadence(cadence: str, weekday: str | None, words: str) -> None:
    sentence = because(cadence, weekday, 7, "Europe/Berlin", origin=ConsentOrigin.SIGNED_UP, newsletter="P")
    assert sentence == f"You get this {words}, because you signed up for it."


@pytest.mark.parametrize(
    ("origin", "reason"),
    [
        ("signed up", "because you signed up for it."),
        ("confirmed", "because you confirmed that you want it."),
        ("added", "because the editors of {Papers} added you."),
        ("imported", "because you were on a list that the editors of {Papers} took over."),
        ("came back", "because you came back to it."),
        ("unknown", "because you are subscribed to it."),
    ],
)
def test_because_says_who_began_it(origin: str, reason: str) -> None:
    words = because("daily", None, 7, "UTC", origin=origin, newsletter="{Papers}")
    assert words == f"You get this daily at 07:00 (UTC), {reason}"


def test_a_confirmation_says_who_asked() -> None:
    mail = MAIL._replace(kind="confirm")
    assert recipient_of(mail, _links()).my["asked"] == "Somebody, hopefully you, asked for it."
    by_editors = mail._replace(values={"asked": ASKED_BY_EDITORS})
    assert recipient_of(by_editors, _links()).my["asked"] == ASKED_BY_EDITORS


@pytest.mark.parametrize(("private", "epoch"), [(False, 0), (True, 0), (True, 3)])
def test_a_reader_of_a_newsletter_with_private_topics_gets_a_token_for_their_pages(
    private: bool, epoch: int
) -> None:
    mail = MAIL._replace(person=PERSON._replace(links_epoch=epoch))
    token = _links(private_topics=private)(mail)["reader_token"]
    if not private:
        assert token == ""
        return
    assert tokens.read(READER, token, keys=KEYS, now=NOW) == {"ref": PERSON.ref, "epoch": str(epoch)}
    assert len(token) <= TOKEN_RESERVE
    assert re.fullmatch(r"[A-Za-z0-9._~-]+", token)  # as it stands in a query
