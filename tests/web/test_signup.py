"""Sign-ups on the page: one answer for all addresses, and the message that follows."""

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
from newsletter.sources.fetchers.requests import Source
from subscribers.lifecycle import suppression, unsubscribe
from tests.pipeline.whole_newsletter import SUPPRESSION_KEY
from tests.web.newsletter_site import BRAND, START, NewsletterSite, field_of, words_of


def test_the_page_shows_each_topic_with_its_recent_papers(website: NewsletterSite) -> None:
    words = words_of(website.get("/"))
    for topic in website.newsletter.topics.values():
        assert topic.title in words
        assert topic.description in words
    teaser = next(teaser for teaser in website.site.teasers() if teaser.slug == "circuits")
    assert teaser.lately == 6
    assert len(teaser.recent) == 3
    assert f"{teaser.lately} papers in the last 30 days, such as: {teaser.recent[0][0]}" in words


def test_the_page_says_where_the_papers_come_from(website: NewsletterSite) -> None:
    line = "The papers come from Hugging Face Daily Papers."
    assert line in words_of(website.get("/"))
    website.later(days=40)
    assert line in words_of(website.get("/"))  # looked up once a minute at most
    website.site._origins = None
    assert "The papers come from" not in words_of(website.get("/"))
    website.site._origins = None
    website.site.sources = [
        Source(name="feed", kind="arxiv-feed", hours=(5,), categories=("cs.ET", "quant-ph"))
    ]
    assert "The papers come from arXiv (cs.ET, quant\u2011ph)." in words_of(website.get("/"))


def test_a_sign_up_is_confirmed_by_the_mail_and_welcomed(website: NewsletterSite) -> None:
    answer = website.sign_up(
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
    mail = website.mail()
    ada = website.person("ada@example.org")
    assert (ada.state, ada.topics, ada.name) == ("pending", (), "")
    page = website.get(mail.link("/confirm/"))
    assert "A••@example.org" in page
    assert "On Fridays at 08:00 (Europe/Berlin)" in words_of(page)
    assert field_of(page, "name") == "Ada"
    assert website.person("ada@example.org").state == "pending"
    assert "You are subscribed" in website.post(mail.link("/confirm/"))
    welcome = website.mail()
    ada = website.person("ada@example.org")
    assert (ada.state, ada.topics, ada.name) == ("confirmed", ("circuits", "quantum"), "Ada")
    assert ada.preferences.schedule == ("weekly", "friday", 8, "Europe/Berlin")
    assert welcome.recipient == "Ada@example.org"
    assert website.events(ada) == [
        ("requested", "web", ["circuits", "quantum"]),
        ("confirmed", "web", ["circuits", "quantum"]),
    ]


def test_the_confirmation_mail_holds_nothing_that_was_typed(website: NewsletterSite) -> None:
    website.sign_up("ada@example.org", "circuits", name="Buy cheap watches")
    mail = website.mail()
    assert mail.message["To"] == "ada@example.org"
    assert "watches" not in mail.message.as_string()


def test_confirming_again_shows_the_same_page_and_changes_nothing(website: NewsletterSite) -> None:
    website.sign_up("ada@example.org", "circuits")
    confirm = website.mail().link("/confirm/")
    first = website.post(confirm)
    website.messages()
    before = website.everything()
    assert words_of(website.post(confirm)) == words_of(first)
    assert words_of(website.get(confirm)) == words_of(first)
    assert website.messages() == []
    assert website.everything() == before


def test_every_kind_of_address_gets_the_same_answer_and_its_own_mail(website: NewsletterSite) -> None:
    """Known, unknown, unsubscribed, suppressed and erased addresses get the same page and different mail."""
    reader = website.subscribed("known@example.org", "circuits")
    left = website.subscribed("left@example.org", "circuits")
    erased = website.subscribed("erased@example.org", "circuits")
    with writing(website.newsletter.engine) as connection:
        unsubscribe.unsubscribe(connection, subscriber_id=left.id, how="web", now=website.now)
        suppression.forget(
            connection, subscriber_id=erased.id, how="web", now=website.now, key=SUPPRESSION_KEY
        )
        suppression.suppress(
            connection,
            address="no@example.org",
            reason="complaint",
            how="complaint",
            now=website.now,
            key=SUPPRESSION_KEY,
        )
    website.later(hours=2)
    answers = set()
    mailed = {}
    for number, who in enumerate(("known", "unknown", "left", "erased", "no")):
        browser = website.visitor(f"198.51.100.{number}")
        answer = website.sign_up(f"{who}@example.org", "quantum", browser=browser)
        answers.add((answer.status_code, str(answer.url), answer.text, len(answer.history)))
        mailed[who] = [(mail.recipient, mail.subject) for mail in website.messages()]
    assert len(answers) == 1
    confirm = "Please confirm: Paper Digest"
    assert mailed == {
        "known": [("known@example.org", "You get it already: Paper Digest")],
        "unknown": [("unknown@example.org", confirm)],
        "left": [("left@example.org", confirm)],
        "erased": [("erased@example.org", confirm)],
        "no": [],
    }
    assert website.person("known@example.org").topics == reader.topics


def test_an_erased_persons_own_confirmation_lifts_the_erasure(website: NewsletterSite) -> None:
    erased = website.subscribed("ada@example.org", "circuits")
    with writing(website.newsletter.engine) as connection:
        suppression.forget(
            connection, subscriber_id=erased.id, how="web", now=website.now, key=SUPPRESSION_KEY
        )
    website.later(hours=2)
    ada = website.subscribed("ada@example.org", "quantum")
    assert (ada.state, ada.topics) == ("confirmed", ("quantum",))
    assert ada.id != erased.id


@pytest.mark.parametrize(
    ("fields", "name", "words"),
    [
        ({"email": "ada"}, "email", "is not an email address"),
        ({"email": ""}, "email", "No email address is given."),
        ({"topics": []}, "topics", "Choose at least one topic."),
        ({"topics": ["cooking"]}, "topics", "There is no topic 'cooking'"),
        ({"cadence": "hourly"}, "cadence", "is none of daily, weekdays, weekly"),
        ({"cadence": "weekly", "weekday": "someday"}, "weekday", "is none of monday"),
        ({"hour": "25"}, "hour", "is not a whole number from 0 to 23"),
        ({"timezone": "Berlin"}, "timezone", "Did you mean Europe/Berlin?"),
        ({"name": "Ada <b> http://evil.example"}, "name", "holds a link or an address"),
    ],
)
def test_a_wrong_field_shows_its_error_and_keeps_what_was_typed(
    website: NewsletterSite, fields: dict[str, object], name: str, words: str
) -> None:
    typed = {"email": "ada@example.org", "topics": ["circuits"], "name": "Ada <b>", **fields}
    page = website.post("/sign-up", status=422, **typed)
    assert f'id="{name}-wrong"' in page
    assert words in words_of(page)
    assert field_of(page, "name") == typed["name"]
    assert field_of(page, "email") == typed["email"]
    assert website.messages() == []


def test_a_form_with_the_honeypot_filled_gets_the_page_and_nothing_else(website: NewsletterSite) -> None:
    before = website.everything()
    answer = website.sign_up("ada@example.org", "circuits", website="http://spam.example")
    assert answer.url.path == "/check-your-mail"
    assert website.everything() == before


@pytest.mark.parametrize("time", ["forged", "too old"])
def test_a_form_with_a_bad_time_is_shown_again_with_what_was_typed(
    website: NewsletterSite, time: str
) -> None:
    token = field_of(website.get("/"), "form")
    website.later(days=2)
    sent = {"email": "ada@example.org", "topics": "circuits"}
    page = website.post("/sign-up", status=422, form=token if time == "too old" else token[:-3], **sent)
    assert "This page was open for a long time" in words_of(page)
    website.later(seconds=5)
    website.post("/sign-up", form=field_of(page, "form"), **sent)
    assert website.mail().recipient == "ada@example.org"


def test_a_form_of_another_site_works_with_slugs_as_names(website: NewsletterSite) -> None:
    website.post("/sign-up", email="ada@example.org", circuits="on", quantum="yes")
    website.mail()
    assert website.asked("ada@example.org").topics == ("circuits", "quantum")


def test_requests_of_one_network_are_limited_without_notice(website: NewsletterSite) -> None:
    for number in range(7):
        answer = website.sign_up(f"reader{number}@example.org", "circuits")
        assert answer.url.path == "/check-your-mail"
        website.now = START
    assert len(website.messages()) == 5
    website.later(minutes=1)
    website.sign_up("reader9@example.org", "circuits")
    assert len(website.messages()) == 1


def test_networks_of_ipv6_are_counted_by_64_bits(website: NewsletterSite) -> None:
    for number in range(6):
        website.sign_up(
            f"a{number}@example.org", "circuits", browser=website.visitor(f"2001:db8:1:2::{number}")
        )
        website.now = START
    website.sign_up("b@example.org", "circuits", browser=website.visitor("2001:db8:1:3::1"))
    assert len(website.messages()) == 6


def test_one_address_is_mailed_once_an_hour_and_three_times_a_day(website: NewsletterSite) -> None:
    counts = []
    for hour in range(6):
        for minute in range(2):
            website.sign_up(
                "ada@example.org", "circuits", browser=website.visitor(f"198.51.100.{hour}{minute}")
            )
        counts.append(len(website.messages()))
        website.now = START + timedelta(hours=hour + 1)
    assert counts == [1, 1, 1, 0, 0, 0]


def test_a_lost_link_is_mailed_without_revealing_subscribers(website: NewsletterSite) -> None:
    ada = website.subscribed("ada@example.org", "circuits")
    website.later(hours=1)
    known = website.post("/link", email="ADA@example.org")
    assert website.post("/link", email="nobody@example.org") == known
    mail = website.mail()
    assert mail.recipient == "ada@example.org"
    assert "circuits" in website.get(mail.link("/preferences/"))
    assert mail.link("/u/") == f"/u/{ada.leave_id}"
    assert "is not an email address" in words_of(website.post("/link", status=422, email="nobody"))


def test_a_person_who_never_confirmed_is_deleted_after_seven_days(website: NewsletterSite) -> None:
    website.sign_up("ada@example.org", "circuits")
    confirm = website.mail().link("/confirm/")
    website.later(days=7, minutes=1)
    assert tidy(website.newsletter.engine, now=website.now) == 1
    assert "This link has expired" in website.get(confirm, status=410)
    assert tidy(website.newsletter.engine, now=website.now) == 0


def test_an_address_is_mailed_once_an_hour_for_all_requests(website: NewsletterSite) -> None:
    ada = website.subscribed("ada@example.org", "circuits")
    website.post(f"{website.preferences(ada)}/account")
    account = website.mail().link("/account/")
    website.sign_up("victim@example.org", "circuits")
    assert [mail.recipient for mail in website.messages()] == ["victim@example.org"]
    website.later(minutes=2)
    website.post("/link", email="victim@example.org")
    website.post(f"{account}/address", email="victim@example.org")
    assert website.messages() == []


def test_a_broken_template_loses_no_request(website: NewsletterSite, tmp_path: Path) -> None:
    """Requests wait until the template is repaired; then all are answered."""
    own = tmp_path / "own" / "email" / "confirm"
    own.mkdir(parents=True)
    (own / "html.j2").write_text("{{ broken")
    environment = MailEnvironment([tmp_path / "own"])
    renderer = TransactionalRenderer(environment, brand=BRAND, topics=website.site.views)
    broken = RequestMailer(
        website.site.engine,
        options=website.newsletter.delivery_options,
        renderer=renderer,
        policy=website.policy,
        request_limits=website.request_limits,
        clock=lambda: website.now,
    )
    website.sign_up("ada@example.org", "circuits")
    with pytest.raises(ConfigurationError):
        broken.step()
    assert website.mail().recipient == "ada@example.org"
