"""Confirmation links: forged, truncated, expired, misused, signed by an older key, used simultaneously."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from subscribers import link_purposes, tokens
from tests.smtp_servers.recording import RecordingServer
from tests.web.newsletter_site import BASE, NewsletterSite, words_of

TOKENED = {
    link_purposes.CONFIRM: ["/confirm/{}"],
    link_purposes.ADDRESS: ["/confirm-address/{}"],
    link_purposes.PREFERENCES: ["/preferences/{}", "/preferences/{}/sent", "/preferences/{}/why"],
    link_purposes.ACCOUNT: ["/account/{}"],
}


def token_for(website: NewsletterSite, purpose: str, key: str = "a key of the tests") -> str:
    ada = website.subscribed("ada@example.org", "circuits")
    return tokens.sign(purpose, {"ref": ada.ref, "to": ada.ref}, keys=[key], now=website.now)


@pytest.mark.parametrize(
    ("purpose", "path"), [(purpose, path) for purpose, paths in TOKENED.items() for path in paths]
)
def test_a_bad_link_gets_the_right_page(website: NewsletterSite, purpose: str, path: str) -> None:
    token = token_for(website, purpose)
    ref = tokens.sign(
        purpose, {"ref": "nobody", "to": "nobody"}, keys=["a key of the tests"], now=website.now
    )
    others = [
        tokens.sign(
            other,
            {"ref": website.person("ada@example.org").ref},
            keys=["a key of the tests"],
            now=website.now,
        )
        for other in TOKENED
        if other != purpose
    ]
    before = website.everything()
    forged = [token[:-1], token[: len(token) // 2], f"{token}x", "x", token.swapcase(), *others]
    for bad in forged:
        for answer in (website.browser.get(path.format(bad)), website.browser.post(path.format(bad))):
            if answer.status_code != 405:
                assert (answer.status_code, "This link does not work" in answer.text) == (404, True)
    rotated_away = tokens.sign(purpose, {"ref": "r"}, keys=["a key nobody has"], now=website.now)
    assert website.browser.get(path.format(rotated_away)).status_code == 404
    assert "There is no subscription behind this link" in website.get(path.format(ref), status=410)
    website.later(days=400)
    page = website.get(path.format(token), status=410)
    assert "This link has expired It was good until" in words_of(page)
    assert ('href="/"' if purpose == link_purposes.CONFIRM else 'href="/link"') in page.partition("<main>")[2]
    assert website.everything() == before


def test_a_link_signed_by_the_key_before_still_opens(tmp_path: Path, server: RecordingServer) -> None:
    website = NewsletterSite(tmp_path, server, keys=("the new key", "a key of the tests"))
    token = token_for(website, link_purposes.PREFERENCES)
    assert "Your preferences" in website.get(f"/preferences/{token}")


@pytest.mark.full
def test_a_thousand_simultaneous_confirmations_are_one_consent(website: NewsletterSite) -> None:
    """A thousand concurrent confirms of one token: one consent event, one welcome."""
    website.sign_up("ada@example.org", "circuits")
    confirm = website.mail().link("/confirm/")
    with ThreadPoolExecutor(32) as presses:
        pages = list(presses.map(lambda _: website.browser.post(confirm), range(1000)))
    assert {page.status_code for page in pages} == {200}
    assert {words_of(page.text) for page in pages} == {words_of(website.get(confirm))}
    ada = website.person("ada@example.org")
    assert [what for what, _, _ in website.events(ada)] == ["requested", "confirmed"]
    assert len(website.messages()) == 1


def test_a_used_link_does_not_bring_back_a_reader_who_left(website: NewsletterSite) -> None:
    website.sign_up("ada@example.org", "circuits")
    confirm = website.mail().link("/confirm/")
    website.later(minutes=1)
    website.post(confirm)
    ada = website.person("ada@example.org")
    website.post(f"/u/{ada.leave_id}")
    website.get(confirm, status=410)
    website.post(confirm, status=409)
    website.later(hours=3)
    website.sign_up("ada@example.org", "quantum")
    again = next(mail for mail in website.messages() if "/confirm/" in mail.text)
    assert website.person("ada@example.org").state == "pending"
    assert "nothing to confirm here any more" in words_of(website.post(confirm, status=409))
    assert "You are subscribed" in website.post(again.link("/confirm/"))


def test_a_new_link_does_not_end_an_earlier_one(website: NewsletterSite) -> None:
    website.sign_up("ada@example.org", "circuits")
    first = website.mail().link("/confirm/")
    website.later(hours=2)
    website.sign_up("ada@example.org", "circuits")
    second = website.mail().link("/confirm/")
    assert first != second
    assert "You are subscribed" in website.post(first)
    assert "You are subscribed" in website.post(second)


def test_pages_mask_the_address_and_show_no_name(website: NewsletterSite) -> None:
    ada = website.subscribed("ada@example.org", "circuits", name="Ada Lovelace")
    for path in (website.preferences(ada), f"/u/{ada.leave_id}", f"{website.preferences(ada)}/sent"):
        page = website.get(path)
        assert "a••@example.org" in page
        assert "ada@example.org" not in page
        assert "Lovelace" not in page
        assert BASE not in page.partition("<main>")[2].replace(f"{BASE}/digests", "")
