"""Anybody can type any address: what a stranger types decides nothing for its owner."""

from __future__ import annotations

import re

import pytest

from newsletter.db.engine import writing
from newsletter.pipeline.content.personalization import confirm_path
from subscribers.lifecycle import signup
from tests.web.newsletter_site import NewsletterSite, field_of, words_of


def choices_of(page: str) -> list[str]:
    """The values of the sign-ups to choose from, in their order."""
    return re.findall(r'<input type="radio" name="choice" value="([^"]+)"', page)


def by_a_stranger(website: NewsletterSite, **typed: str) -> str:
    """The confirmation link of a sign-up that a stranger typed."""
    visitor = website.visitor("203.0.113.66")
    website.sign_up("ada@example.org", "circuits", browser=visitor, name="Mallory", hour="3", **typed)
    return website.mail().link("/confirm/")


def test_the_owners_own_sign_up_within_the_hour_counts(website: NewsletterSite) -> None:
    """No second mail may go; the link that came shows both, and the last is confirmed."""
    confirm = by_a_stranger(website)
    website.sign_up("ada@example.org", "quantum", name="Ada", hour="9")
    assert website.messages() == []
    page = website.get(confirm)
    words = words_of(page)
    assert "signed up more than once" in words
    assert words.index("Daily at 09:00") < words.index("Daily at 03:00")
    assert field_of(page, "name") == ""  # they differ: the owner types it
    website.post(confirm, choice=choices_of(page)[0], name="Ada")
    ada = website.person("ada@example.org")
    assert (ada.state, ada.topics, ada.name, ada.preferences.hour) == ("confirmed", ("quantum",), "Ada", 9)
    welcome = website.mail()
    assert welcome.message["To"] == "Ada <ada@example.org>"
    assert "Mallory" not in welcome.message.as_string()


def test_a_press_without_a_choice_confirms_the_last_sign_up(website: NewsletterSite) -> None:
    confirm = by_a_stranger(website)
    website.sign_up("ada@example.org", "quantum", name="Ada", hour="9")
    website.messages()
    website.post(confirm)
    ada = website.person("ada@example.org")
    assert (ada.topics, ada.name, ada.preferences.hour) == (("quantum",), "Ada", 9)


def test_the_earlier_sign_up_can_be_chosen(website: NewsletterSite) -> None:
    website.sign_up("ada@example.org", "quantum", name="Ada", hour="9")
    confirm = website.mail().link("/confirm/")
    website.sign_up("ada@example.org", "circuits", name="Mallory", browser=website.visitor("203.0.113.66"))
    website.messages()
    page = website.get(confirm)
    website.post(confirm, choice=choices_of(page)[1], name="")
    ada = website.person("ada@example.org")
    assert (ada.topics, ada.name, ada.preferences.hour) == (("quantum",), "", 9)


def test_each_mail_confirms_its_own_sign_up(website: NewsletterSite) -> None:
    strangers = by_a_stranger(website)
    website.later(hours=2)
    website.sign_up("ada@example.org", "quantum", name="Ada", hour="9")
    own = website.mail().link("/confirm/")
    assert ("Daily at 03:00" in website.get(strangers), "Daily at 09:00" in website.get(strangers)) == (
        True,
        False,
    )
    assert "signed up more than once" not in website.get(own)
    website.post(own)
    ada = website.person("ada@example.org")
    assert (ada.topics, ada.name, ada.preferences.hour) == (("quantum",), "Ada", 9)
    before = website.everything()
    assert "You are subscribed" in website.post(strangers)
    assert website.everything().keys() == before.keys()
    assert website.person("ada@example.org") == ada


def test_what_the_page_showed_is_confirmed_and_nothing_that_came_later(website: NewsletterSite) -> None:
    website.sign_up("ada@example.org", "quantum", name="Ada")
    confirm = website.mail().link("/confirm/")
    shown = field_of(website.get(confirm), "choice")
    website.sign_up("ada@example.org", "circuits", browser=website.visitor("203.0.113.66"))
    website.messages()
    website.post(confirm, choice=shown, name="Ada")
    assert website.person("ada@example.org").topics == ("quantum",)


@pytest.mark.parametrize("choice", ["another", "", "of somebody else"])
def test_a_choice_that_the_link_does_not_show_is_refused(website: NewsletterSite, choice: str) -> None:
    confirm = by_a_stranger(website)
    website.sign_up("eve@example.org", "quantum", browser=website.visitor("203.0.113.67"))
    others = field_of(website.get(website.mail().link("/confirm/")), "choice")
    sent = {"another": "x" * 22, "": "", "of somebody else": others}[choice]
    website.post(confirm, status=200 if choice == "" else 409, choice=sent)
    state = website.person("ada@example.org").state
    assert state == ("confirmed" if choice == "" else "pending")


@pytest.mark.parametrize("before", [0, 1, 3])
def test_many_sign_ups_by_a_stranger_do_not_push_out_the_owners(website: NewsletterSite, before: int) -> None:
    confirm = by_a_stranger(website)
    stranger = website.visitor("203.0.113.66")
    hours = iter(range(10, 24))
    for _ in range(before):
        website.sign_up("ada@example.org", "circuits", browser=stranger, name="Mal", hour=str(next(hours)))
    website.sign_up("ada@example.org", "quantum", name="Ada", hour="9")
    for _ in range(5 - before):
        website.sign_up("ada@example.org", "circuits", browser=stranger, name="Mal", hour=str(next(hours)))
    assert website.messages() == []
    page = website.get(confirm)
    assert "Daily at 09:00" in words_of(page)
    assert len(choices_of(page)) == 4


def test_many_sign_ups_by_a_stranger_do_not_push_out_the_mailed_one(website: NewsletterSite) -> None:
    website.sign_up("ada@example.org", "quantum", name="Ada")
    confirm = website.mail().link("/confirm/")
    for hour in range(8):
        visitor = website.visitor(f"203.0.113.{hour}")
        website.sign_up("ada@example.org", "circuits", browser=visitor, hour=str(hour))
    website.messages()
    page = website.get(confirm)
    assert len(choices_of(page)) == 4
    website.post(confirm, choice=choices_of(page)[-1])
    assert website.person("ada@example.org").topics == ("quantum",)


@pytest.mark.parametrize(
    "asked_before", ["a lost link", "a change of address", "a sign-up", "a sign-up of hers"]
)
def test_the_owner_gets_a_confirmation_whatever_a_stranger_asked_before(
    website: NewsletterSite, asked_before: str
) -> None:
    eve = website.subscribed("eve@example.org", "circuits")
    if asked_before == "a lost link":
        website.post("/link", email="ada@example.org")
    elif asked_before == "a change of address":
        website.post(f"{website.preferences(eve)}/account")
        website.post(f"{website.mail().link('/account/')}/address", email="ada@example.org")
    elif asked_before == "a sign-up":
        website.sign_up("ada+x@example.org", "circuits", browser=website.visitor("203.0.113.66"))
    else:
        ada = website.subscribed("ada@example.org", "circuits")
        website.post(f"/u/{ada.leave_id}")
    website.messages()
    website.sign_up("ada@example.org", "quantum", browser=website.visitor("203.0.113.77"), name="Ada")
    mails = website.messages()
    if not mails:
        website.later(hours=1)
        mails = website.messages()
    (mail,) = mails
    website.post(mail.link("/confirm/"))
    ada = website.person("ada@example.org")
    assert (ada.state, ada.topics, ada.name) == ("confirmed", ("quantum",), "Ada")


def test_a_leavers_choices_stand_until_they_confirm_others(website: NewsletterSite) -> None:
    ada = website.subscribed("ada@example.org", "circuits", name="Ada", hour="5", timezone="Europe/Berlin")
    website.post(f"/u/{ada.leave_id}")
    website.messages()
    website.later(hours=3)
    by_a_stranger(website)
    stands = website.person("ada@example.org")
    assert (stands.state, stands.name, stands.preferences) == ("pending", "Ada", ada.preferences)
    website.post(f"/u/{ada.leave_id}/undo")
    back = website.person("ada@example.org")
    assert (back.state, back.name, back.topics, back.preferences) == (
        "confirmed",
        "Ada",
        ("circuits",),
        ada.preferences,
    )


def test_a_strangers_sign_up_changes_nothing_of_a_reader(website: NewsletterSite) -> None:
    ada = website.subscribed("ada@example.org", "circuits", name="Ada")
    website.later(hours=3)
    website.sign_up("ada@example.org", "quantum", name="Mallory", browser=website.visitor("203.0.113.66"))
    assert website.mail().subject == "You get it already: Paper Digest"
    assert website.person("ada@example.org") == ada
    with_choices = website.everything()["signup_choices"]
    assert with_choices == []


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("Urgent: verify at http://evil.example", "holds a link or an address"),
        ("eve@evil.example", "holds a link or an address"),
        ("www.evil.example", "holds a link or an address"),
        ("Ada\nBcc: eve", "has several lines"),
    ],
)
def test_a_name_on_the_confirm_page_is_checked(website: NewsletterSite, typed: str, words: str) -> None:
    website.sign_up("ada@example.org", "quantum", name="Ada")
    confirm = website.mail().link("/confirm/")
    page = website.post(confirm, status=422, name=typed)
    assert 'id="name-wrong"' in page
    assert words in words_of(page)
    assert website.person("ada@example.org").state == "pending"
    website.post(confirm, name="")
    assert website.person("ada@example.org").name == ""


def test_a_link_without_a_choice_confirms_what_an_admin_stored(website: NewsletterSite) -> None:
    """Such links were made by the version before."""
    with writing(website.site.engine) as connection:
        ada = signup.add(
            connection,
            address="ada@example.org",
            topics_wanted=["quantum"],
            known_topics=website.policy.known_topics,
            given={"hour": 9},
            confirmed=False,
            how="admin",
            now=website.now,
            suppression_key=website.policy.suppression_key,
            defaults=website.policy.defaults,
            default_topics=(),
            name="Ada",
        ).person
    website.sign_up("ada@example.org", "circuits", name="Mallory", browser=website.visitor("203.0.113.66"))
    website.messages()
    confirm = confirm_path(website.site.links, ada.ref, now=website.now)
    page = website.get(confirm)
    assert ("Daily at 09:00" in page, field_of(page, "name")) == (True, "Ada")
    website.post(confirm)
    after = website.person("ada@example.org")
    assert (after.topics, after.name, after.preferences.hour) == (("quantum",), "Ada", 9)
