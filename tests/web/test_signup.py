"""Signing up by the page: the same answer for everybody, and what becomes of it behind."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from newsletter.core.errors import ConfigurationError
from newsletter.db.engine import writing
from newsletter.pipeline.content.transactional import TransactionalRenderer
from newsletter.pipeline.readers.purge import tidy
from newsletter.render.environment import MailEnvironment
from newsletter.scheduler.request_mailer import RequestMailer
from subscribers.lifecycle import suppression, unsubscribe
from tests.pipeline.whole_newsletter import SUPPRESSION_KEY
from tests.web.newsletter_site import BRAND, START, NewsletterSite, field_of, words_of


def test_the_page_shows_each_topic_with_its_recent_papers(desk: NewsletterSite) -> None:
    words = words_of(desk.get("/"))
    for topic in desk.office.topics.values():
        assert topic.title in words
        assert topic.description in words
    pane = next(pane for pane in desk.site.panes() if pane.slug == "circuits")
    assert pane.lately == 6
    assert len(pane.recent) == 3
    assert f"{pane.lately} papers in the last 30 days, such as: {pane.recent[0][0]}" in words


def test_a_sign_up_is_confirmed_by_the_mail_and_welcomed(desk: NewsletterSite) -> None:
    answer = desk.sign_up(
        "Ada@Example.org",
        "circuits",
        "quantum",
        name="Ada",
        cadence="weekly",
        weekday="friday",
        hour="8",
        timezone="Europe/Berlin",
    )
    assert (answer.status_code, answer.url.path) == (200, "/check-your-mail")
    mail = desk.mail()
    ada = desk.person("ada@example.org")
    assert (ada.state, ada.topics, ada.name) == ("pending", ("circuits", "quantum"), "Ada")
    assert (ada.preferences.schedule) == ("weekly", "friday", 8, "Europe/Berlin")
    page = desk.get(mail.link("/confirm/"))
    assert "A••@example.org" in page
    assert desk.person("ada@example.org").state == "pending"
    assert "You are subscribed" in desk.post(mail.link("/confirm/"))
    welcome = desk.mail()
    ada = desk.person("ada@example.org")
    assert ada.state == "confirmed"
    assert welcome.recipient == "Ada@example.org"
    assert desk.events(ada) == [
        ("requested", "web", ["circuits", "quantum"]),
        ("confirmed", "web", ["circuits", "quantum"]),
    ]


def test_the_confirmation_mail_holds_nothing_that_was_typed(desk: NewsletterSite) -> None:
    desk.sign_up("ada@example.org", "circuits", name="Buy cheap watches at evil.example")
    mail = desk.mail()
    assert mail.message["To"] == "ada@example.org"
    assert "watches" not in mail.message.as_string()


def test_confirming_again_shows_the_same_page_and_changes_nothing(desk: NewsletterSite) -> None:
    desk.sign_up("ada@example.org", "circuits")
    confirm = desk.mail().link("/confirm/")
    first = desk.post(confirm)
    desk.mails()
    before = desk.everything()
    assert words_of(desk.post(confirm)) == words_of(first)
    assert words_of(desk.get(confirm)) == words_of(first)
    assert desk.mails() == []
    assert desk.everything() == before


def test_every_kind_of_address_gets_the_same_answer_and_its_own_mail(desk: NewsletterSite) -> None:
    """Known, unknown, unsubscribed, suppressed and erased: one page; what follows is in the mail."""
    reader = desk.subscribed("known@example.org", "circuits")
    left = desk.subscribed("left@example.org", "circuits")
    erased = desk.subscribed("erased@example.org", "circuits")
    with writing(desk.office.engine) as connection:
        unsubscribe.unsubscribe(connection, subscriber_id=left.id, how="web", now=desk.now)
        suppression.forget(connection, subscriber_id=erased.id, how="web", now=desk.now, key=SUPPRESSION_KEY)
        suppression.suppress(
            connection,
            address="no@example.org",
            reason="complaint",
            how="complaint",
            now=desk.now,
            key=SUPPRESSION_KEY,
        )
    desk.later(hours=2)
    answers = set()
    mailed = {}
    for number, who in enumerate(("known", "unknown", "left", "erased", "no")):
        browser = desk.visitor(f"198.51.100.{number}")
        answer = desk.sign_up(f"{who}@example.org", "quantum", browser=browser)
        answers.add((answer.status_code, str(answer.url), answer.text, len(answer.history)))
        mailed[who] = [(mail.recipient, mail.subject) for mail in desk.mails()]
    assert len(answers) == 1
    confirm = "Please confirm: Paper Digest"
    assert mailed == {
        "known": [("known@example.org", "You get it already: Paper Digest")],
        "unknown": [("unknown@example.org", confirm)],
        "left": [("left@example.org", confirm)],
        "erased": [("erased@example.org", confirm)],
        "no": [],
    }
    assert desk.person("known@example.org").topics == reader.topics


def test_an_erased_persons_own_confirmation_lifts_the_erasure(desk: NewsletterSite) -> None:
    erased = desk.subscribed("ada@example.org", "circuits")
    with writing(desk.office.engine) as connection:
        suppression.forget(connection, subscriber_id=erased.id, how="web", now=desk.now, key=SUPPRESSION_KEY)
    desk.later(hours=2)
    ada = desk.subscribed("ada@example.org", "quantum")
    assert (ada.state, ada.topics) == ("confirmed", ("quantum",))
    assert ada.id != erased.id


@pytest.mark.parametrize(
    ("fields", "name", "words"),
    [
        ({"email": "ada"}, "email", "is not an email address"),
        ({"email": ""}, "email", "is not an email address"),
        ({"topics": []}, "topics", "Choose at least one topic."),
        ({"topics": ["cooking"]}, "topics", "There is no topic 'cooking'"),
        ({"cadence": "hourly"}, "cadence", "is none of daily, weekdays, weekly"),
        ({"cadence": "weekly", "weekday": "someday"}, "weekday", "is none of monday"),
        ({"hour": "25"}, "hour", "is not a whole number from 0 to 23"),
        ({"timezone": "Berlin"}, "timezone", "Did you mean Europe/Berlin?"),
    ],
)
def test_a_wrong_field_is_named_beside_it_and_nothing_typed_is_lost(
    desk: NewsletterSite, fields: dict[str, object], name: str, words: str
) -> None:
    typed = {"email": "ada@example.org", "topics": ["circuits"], "name": "Ada <b>", **fields}
    page = desk.post("/sign-up", status=422, **typed)
    assert f'id="{name}-wrong"' in page
    assert words in words_of(page)
    assert field_of(page, "name") == "Ada <b>"
    assert field_of(page, "email") == typed["email"]
    assert desk.mails() == []


def test_a_form_with_the_honeypot_filled_gets_the_page_and_nothing_else(desk: NewsletterSite) -> None:
    before = desk.everything()
    answer = desk.sign_up("ada@example.org", "circuits", website="http://spam.example")
    assert answer.url.path == "/check-your-mail"
    assert desk.everything() == before


@pytest.mark.parametrize("time", ["forged", "too old"])
def test_a_form_with_a_bad_time_is_shown_again_with_what_was_typed(desk: NewsletterSite, time: str) -> None:
    token = field_of(desk.get("/"), "form")
    desk.later(days=2)
    sent = {"email": "ada@example.org", "topics": "circuits"}
    page = desk.post("/sign-up", status=422, form=token if time == "too old" else token[:-3], **sent)
    assert "This page was open for a long time" in words_of(page)
    desk.later(seconds=5)
    desk.post("/sign-up", form=field_of(page, "form"), **sent)
    assert desk.mail().recipient == "ada@example.org"


def test_a_form_of_another_site_works_with_slugs_as_names(desk: NewsletterSite) -> None:
    desk.post("/sign-up", email="ada@example.org", circuits="on", quantum="yes")
    desk.mail()
    assert desk.person("ada@example.org").topics == ("circuits", "quantum")


def test_one_network_is_answered_so_often_and_then_in_silence(desk: NewsletterSite) -> None:
    for number in range(7):
        answer = desk.sign_up(f"reader{number}@example.org", "circuits")
        assert answer.url.path == "/check-your-mail"
        desk.now = START
    assert len(desk.mails()) == 5
    desk.later(minutes=1)
    desk.sign_up("reader9@example.org", "circuits")
    assert len(desk.mails()) == 1


def test_networks_of_ipv6_are_counted_by_64_bits(desk: NewsletterSite) -> None:
    for number in range(6):
        desk.sign_up(f"a{number}@example.org", "circuits", browser=desk.visitor(f"2001:db8:1:2::{number}"))
        desk.now = START
    desk.sign_up("b@example.org", "circuits", browser=desk.visitor("2001:db8:1:3::1"))
    assert len(desk.mails()) == 6


def test_one_address_is_mailed_once_an_hour_and_three_times_a_day(desk: NewsletterSite) -> None:
    counts = []
    for hour in range(6):
        for minute in range(2):
            desk.sign_up("ada@example.org", "circuits", browser=desk.visitor(f"198.51.100.{hour}{minute}"))
        counts.append(len(desk.mails()))
        desk.now = START + timedelta(hours=hour + 1)
    assert counts == [1, 1, 1, 0, 0, 0]


def test_who_lost_their_link_has_it_mailed_and_nobody_learns_who_has_one(desk: NewsletterSite) -> None:
    ada = desk.subscribed("ada@example.org", "circuits")
    desk.later(hours=1)
    known = desk.post("/link", email="ADA@example.org")
    assert desk.post("/link", email="nobody@example.org") == known
    mail = desk.mail()
    assert mail.recipient == "ada@example.org"
    assert "circuits" in desk.get(mail.link("/preferences/"))
    assert mail.link("/u/") == f"/u/{ada.leave_id}"
    assert "is not an email address" in words_of(desk.post("/link", status=422, email="nobody"))


def test_who_never_confirmed_is_gone_after_seven_days(desk: NewsletterSite) -> None:
    desk.sign_up("ada@example.org", "circuits")
    confirm = desk.mail().link("/confirm/")
    desk.later(days=7, minutes=1)
    assert tidy(desk.office.engine, now=desk.now) == 1
    assert "This link has expired" in desk.get(confirm, status=410)
    assert tidy(desk.office.engine, now=desk.now) == 0


def test_an_address_is_mailed_once_an_hour_whatever_is_asked_for_it(desk: NewsletterSite) -> None:
    ada = desk.subscribed("ada@example.org", "circuits")
    desk.post(f"{desk.preferences(ada)}/account")
    account = desk.mail().link("/account/")
    desk.sign_up("victim@example.org", "circuits")
    assert [mail.recipient for mail in desk.mails()] == ["victim@example.org"]
    desk.later(minutes=2)
    desk.post("/link", email="victim@example.org")
    desk.post(f"{account}/address", email="victim@example.org")
    assert desk.mails() == []


def test_a_broken_template_loses_no_request(desk: NewsletterSite, tmp_path: Path) -> None:
    """While the operator mends it, all wait; then all are answered."""
    own = tmp_path / "own" / "email" / "confirm"
    own.mkdir(parents=True)
    (own / "html.j2").write_text("{{ broken")
    environment = MailEnvironment([tmp_path / "own"])
    renderer = TransactionalRenderer(environment, brand=BRAND, topics=desk.site.views)
    broken = RequestMailer(
        desk.site.engine,
        options=desk.office.delivery_options,
        renderer=renderer,
        policy=desk.policy,
        request_limits=desk.request_limits,
        clock=lambda: desk.now,
    )
    desk.sign_up("ada@example.org", "circuits")
    with pytest.raises(ConfigurationError):
        broken.step()
    assert desk.mail().recipient == "ada@example.org"
