"""Account links: change of address and name, export, erasure. A preferences link may do none of these."""

from __future__ import annotations

import json

import pytest

from newsletter.db.engine import reading
from subscribers.lifecycle import suppression
from tests.pipeline.whole_newsletter import SUPPRESSION_KEY
from tests.web.newsletter_site import NewsletterSite, words_of


def fresh(website: NewsletterSite, path: str) -> str:
    """The path of an account link, requested on the preferences page."""
    assert "good for one hour is on its way to a••@example.org" in words_of(website.post(f"{path}/account"))
    return website.mail().link("/account/")


def test_a_preferences_link_shows_no_address_and_an_account_link_does(website: NewsletterSite) -> None:
    ada = website.subscribed("ada@example.org", "circuits")
    link = fresh(website, website.preferences(ada))
    assert "ada@example.org" in website.get(link)
    website.later(hours=1, seconds=1)
    assert "This link has expired" in website.get(link, status=410)


def test_account_links_of_a_reader_are_limited(website: NewsletterSite) -> None:
    ada = website.subscribed("ada@example.org", "circuits")
    for _ in range(5):
        website.post(f"{website.preferences(ada)}/account")
        website.later(seconds=1)
    assert "Please wait a while" in website.post(f"{website.preferences(ada)}/account", status=429)
    assert len(website.messages()) == 5


def test_a_reader_cannot_have_many_strangers_mailed(website: NewsletterSite) -> None:
    ada = website.subscribed("ada@example.org", "circuits")
    link = fresh(website, website.preferences(ada))
    for number in range(5):
        website.post(f"{link}/address", email=f"stranger{number}@example.org")
    assert "Please wait a while" in website.post(f"{link}/address", status=429, email="one.more@example.org")
    assert len(website.messages()) == 5


def test_a_reader_moves_once_the_new_address_agrees(website: NewsletterSite) -> None:
    ada = website.subscribed("ada@example.org", "circuits", "quantum", hour="9")
    link = fresh(website, website.preferences(ada))
    assert "Check the mail of your new address" in website.post(f"{link}/address", email="ada@new.example")
    mail = website.mail()
    assert mail.recipient == "ada@new.example"
    assert "ada@example.org" not in mail.message.as_string()
    confirm = mail.link("/confirm-address/")
    assert "instead of the old address" in words_of(website.get(confirm))
    assert website.person("ada@example.org").state == "confirmed"
    page = website.post(confirm)
    assert "From now on it comes to a••@new.example." in words_of(page)
    assert words_of(website.post(confirm)) == words_of(website.get(confirm)) == words_of(page)
    after = website.person("ada@new.example")
    assert (after.id, after.topics, after.preferences.hour) == (ada.id, ("circuits", "quantum"), 9)
    assert "no subscription behind this link" in website.get(
        link, status=410
    )  # it was mailed to the old address


def test_the_answer_is_the_same_for_every_new_address(website: NewsletterSite) -> None:
    website.subscribed("grace@example.org", "quantum")
    ada = website.subscribed("ada@example.org", "circuits")
    link = fresh(website, website.preferences(ada))
    pages = {website.post(f"{link}/address", email=who) for who in ("grace@example.org", "new@example.org")}
    assert len(pages) == 1
    assert [mail.recipient for mail in website.messages()] == ["new@example.org"]


@pytest.mark.parametrize(
    ("email", "words"), [("nonsense", "is not an email address"), ("ADA@example.org", "that you have now")]
)
def test_a_malformed_address_is_refused_at_its_field(website: NewsletterSite, email: str, words: str) -> None:
    ada = website.subscribed("ada@example.org", "circuits")
    link = fresh(website, website.preferences(ada))
    page = website.post(f"{link}/address", status=422, email=email)
    assert 'id="email-wrong"' in page
    assert words in words_of(page)
    assert website.messages() == []


def test_a_name_is_cleaned_and_can_be_removed(website: NewsletterSite) -> None:
    ada = website.subscribed("ada@example.org", "circuits")
    link = fresh(website, website.preferences(ada))
    website.post(f"{link}/name", name="Ada\u202e <script>alert(1)</script>")
    assert website.person("ada@example.org").name == "Ada <script>alert(1)</script>"
    assert "<script>alert" not in website.get(link)
    page = website.post(f"{link}/name", status=422, name="Ada\r\nBcc: x@y.example")
    assert "has several lines" in words_of(page)
    assert website.person("ada@example.org").name == "Ada <script>alert(1)</script>"
    website.post(f"{link}/name", name="")
    assert website.person("ada@example.org").name == ""


def test_all_stored_data_can_be_exported(website: NewsletterSite) -> None:
    ada = website.subscribed("ada@example.org", "circuits", name="Ada")
    link = fresh(website, website.preferences(ada))
    answer = website.browser.post(f"{link}/export")
    assert answer.headers["content-disposition"] == 'attachment; filename="subscription.json"'
    exported = json.loads(answer.text)
    assert exported["subscriber"]["address"] == "ada@example.org"
    assert [event["what"] for event in exported["history"]] == ["requested", "confirmed"]
    assert [mail["kind"] for mail in exported["mails"]] == ["confirm", "welcome", "account"]
    assert exported["came_back"] == []


def test_erasure_needs_the_box_and_leaves_only_a_hash(website: NewsletterSite) -> None:
    ada = website.subscribed("ada@example.org", "circuits", name="Ada Lovelace")
    path = website.preferences(ada)
    link = fresh(website, path)
    assert 'id="sure-wrong"' in website.post(f"{link}/erase", status=422)
    assert website.person("ada@example.org").state == "confirmed"
    assert "You are forgotten" in website.post(f"{link}/erase", sure="yes")
    kept = repr(website.everything()).lower()
    assert "ada@example" not in kept
    assert "lovelace" not in kept
    with reading(website.newsletter.engine) as connection:
        found = suppression.in_force(connection, ["ada@example.org"], key=SUPPRESSION_KEY)
    assert found["ada@example.org"].reason == "erased"
    for gone in (path, link, f"/u/{ada.leave_id}"):
        assert "no subscription behind this link" in website.get(gone, status=410)
