"""Links in the mail of an earlier address can leave, and show and change nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from subscribers import link_purposes, tokens
from subscribers.queries import SubscriberView
from tests.web.newsletter_site import NewsletterSite, ReceivedMail, words_of

OLD, NEW = "ada@example.org", "countess@new.example"


@dataclass
class Moved:
    """A reader who moved, and the mail of the old address."""

    before: SubscriberView
    after: SubscriberView
    mails: list[ReceivedMail]  # of the old address
    confirm: str  # the link that the new address got

    def token(self, website: NewsletterSite, purpose: str) -> str:
        """A link of the old address that is still valid by its time."""
        return tokens.sign(purpose, {"ref": self.before.ref}, keys=website.site.keys, now=website.now)


def moved(website: NewsletterSite) -> Moved:
    before = website.subscribed(OLD, "circuits", "quantum", name="Ada")
    website.post(f"{website.preferences(before)}/account")
    account = website.mail().link("/account/")
    website.post(f"{account}/address", email=NEW)
    confirm = website.mail().link("/confirm-address/")
    mails = [
        ReceivedMail(accepted.recipient, accepted.data)
        for accepted in website.server.accepted
        if accepted.recipient == OLD
    ]
    website.later(minutes=1)
    website.post(confirm)
    return Moved(before=before, after=website.person(NEW), mails=mails, confirm=confirm)


def test_a_move_gives_new_ids_and_keeps_everything_else(website: NewsletterSite) -> None:
    reader = moved(website)
    before, after = reader.before, reader.after
    assert after.ref != before.ref
    assert after.leave_id != before.leave_id
    assert (after.id, after.name, after.topics, after.preferences) == (
        before.id,
        before.name,
        before.topics,
        before.preferences,
    )
    page = website.get(website.preferences(after))
    assert "c••@new.example" in page


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/preferences/{preferences}", 410),
        ("/preferences/{preferences}/sent", 410),
        ("/preferences/{preferences}/why", 410),
        ("/account/{account}", 410),
        ("/u/{leave_id}", 200),
    ],
)
def test_a_page_of_the_old_address_shows_nothing_of_the_reader(
    website: NewsletterSite, path: str, status: int
) -> None:
    reader = moved(website)
    page = website.get(
        path.format(
            preferences=reader.token(website, link_purposes.PREFERENCES),
            account=reader.token(website, link_purposes.ACCOUNT),
            leave_id=reader.before.leave_id,
        ),
        status=status,
    )
    for shown in (
        "new.example",
        "c••",
        "Ada",
        "Circuits",
        "Quantum",
        reader.after.ref,
        reader.after.leave_id,
    ):
        assert shown not in page.partition("<main>")[2].partition("</main>")[0]


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/preferences/{preferences}", {"topics": "quantum", "cadence": "weekly"}),
        ("/preferences/{preferences}/pause", {"until": "2026-08-01"}),
        ("/preferences/{preferences}/account", {}),
        ("/account/{account}/address", {"email": "eve@example.org"}),
        ("/account/{account}/name", {"name": "Eve"}),
        ("/account/{account}/export", {}),
        ("/account/{account}/erase", {"sure": "yes"}),
        ("/u/{leave_id}/undo", {}),
    ],
)
def test_the_old_address_changes_nothing_but_to_leave(
    website: NewsletterSite, path: str, sent: dict[str, str]
) -> None:
    reader = moved(website)
    website.messages()
    before = website.everything()
    answer = website.browser.post(
        path.format(
            preferences=reader.token(website, link_purposes.PREFERENCES),
            account=reader.token(website, link_purposes.ACCOUNT),
            leave_id=reader.before.leave_id,
        ),
        data=sent,
    )
    assert answer.status_code in (404, 410)
    assert website.everything() == before
    assert website.messages() == []


@pytest.mark.parametrize("way", ["one click", "the page", "one topic"])
def test_the_old_address_can_leave_and_the_reader_is_told(website: NewsletterSite, way: str) -> None:
    reader = moved(website)
    website.messages()
    path = f"/u/{reader.before.leave_id}"
    fields = {
        "one click": {"List-Unsubscribe": "One-Click"},
        "the page": {},
        "one topic": {"topic": "quantum"},
    }
    answer = website.browser.post(path, data=fields[way])
    assert answer.status_code == 200
    assert "You are unsubscribed" in answer.text
    assert website.person(NEW).state == "unsubscribed"
    goodbye = website.mail()
    assert (goodbye.recipient, goodbye.subject) == (NEW, "You have left Paper Digest")
    again = website.browser.post(path, data=fields[way])
    assert again.status_code == 200
    assert website.messages() == []
    website.get(f"{path}/undo", status=405)
    website.post(f"{path}/undo", status=404)
    assert website.person(NEW).state == "unsubscribed"
    website.post(f"{goodbye.link('/u/')}/undo")  # the reader takes it back
    assert website.person(NEW).state == "confirmed"


def test_every_link_of_every_old_mail_leads_to_leaving_alone(website: NewsletterSite) -> None:
    reader = moved(website)
    found = {
        path
        for mail in reader.mails
        for path in re.findall(r"http://localhost:8000(/(?:preferences|u|account)/[^\s\"<>#]+)", mail.text)
    }
    assert {path.split("/")[1] for path in found} == {"preferences", "u", "account"}
    for path in found:
        page = website.browser.get(path)
        assert page.status_code in (200, 410)
        assert "Your preferences" not in page.text


def test_a_second_press_shows_the_same_page_and_a_second_move_ends_the_first_ids(
    website: NewsletterSite,
) -> None:
    reader = moved(website)
    page = words_of(website.get(reader.confirm))
    assert "From now on it comes to c••@new.example." in page
    assert words_of(website.post(reader.confirm)) == page
    website.later(hours=2)
    website.post(f"{website.preferences(reader.after)}/account")
    account = website.mail().link("/account/")
    website.post(f"{account}/address", email="third@new.example")
    website.post(website.mail().link("/confirm-address/"))
    for leave_id in (reader.before.leave_id, reader.after.leave_id):
        assert "moved to another address" in words_of(website.get(f"/u/{leave_id}"))
    website.get(reader.confirm, status=410)  # the first move is long past: it shows nobody's address


def test_another_address_that_was_asked_cannot_take_over_after_the_move(website: NewsletterSite) -> None:
    reader = website.subscribed(OLD, "circuits")
    website.post(f"{website.preferences(reader)}/account")
    account = website.mail().link("/account/")
    for email in (NEW, "other@example.org"):
        website.post(f"{account}/address", email=email)
    links = {mail.recipient: mail.link("/confirm-address/") for mail in website.messages()}
    first, second = links[NEW], links["other@example.org"]  # they go out side by side, in any order
    website.post(first)
    website.get(second, status=410)
    website.post(second, status=409)
    assert website.person(NEW).state == "confirmed"
    assert "other@example.org" not in repr(website.everything())


def test_old_links_of_an_erased_reader_show_nothing(website: NewsletterSite) -> None:
    reader = moved(website)
    website.later(minutes=1)
    website.post(f"{website.preferences(reader.after)}/account")
    website.post(f"{website.mail().link('/account/')}/erase", sure="yes")
    assert "Unsubscribe from everything" not in website.get(f"/u/{reader.before.leave_id}")
    answer = website.browser.post(f"/u/{reader.before.leave_id}", data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert website.messages() == []
