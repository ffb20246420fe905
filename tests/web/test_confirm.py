"""Confirmation links: forged, cut, expired, for another purpose, signed by an older key, pressed at once."""

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


def token_for(desk: NewsletterSite, purpose: str, key: str = "a key of the tests") -> str:
    ada = desk.subscribed("ada@example.org", "circuits")
    return tokens.sign(purpose, {"ref": ada.ref, "to": ada.ref}, keys=[key], now=desk.now)


@pytest.mark.parametrize(
    ("purpose", "path"), [(purpose, path) for purpose, paths in TOKENED.items() for path in paths]
)
def test_a_bad_link_gets_the_right_page(desk: NewsletterSite, purpose: str, path: str) -> None:
    token = token_for(desk, purpose)
    ref = tokens.sign(purpose, {"ref": "nobody", "to": "nobody"}, keys=["a key of the tests"], now=desk.now)
    others = [
        tokens.sign(
            other, {"ref": desk.person("ada@example.org").ref}, keys=["a key of the tests"], now=desk.now
        )
        for other in TOKENED
        if other != purpose
    ]
    before = desk.everything()
    forged = [token[:-1], token[: len(token) // 2], f"{token}x", "x", token.swapcase(), *others]
    for bad in forged:
        for answer in (desk.browser.get(path.format(bad)), desk.browser.post(path.format(bad))):
            if answer.status_code != 405:
                assert (answer.status_code, "This link does not work" in answer.text) == (404, True)
    rotated_away = tokens.sign(purpose, {"ref": "r"}, keys=["a key nobody has"], now=desk.now)
    assert desk.browser.get(path.format(rotated_away)).status_code == 404
    assert "There is no subscription behind this link" in desk.get(path.format(ref), status=410)
    desk.later(days=400)
    page = desk.get(path.format(token), status=410)
    assert "This link has expired It was good until" in words_of(page)
    assert ('href="/"' if purpose == link_purposes.CONFIRM else 'href="/link"') in page.partition("<main>")[2]
    assert desk.everything() == before


def test_a_link_signed_by_the_key_before_still_opens(tmp_path: Path, server: RecordingServer) -> None:
    desk = NewsletterSite(tmp_path, server, keys=("the new key", "a key of the tests"))
    token = token_for(desk, link_purposes.PREFERENCES)
    assert "Your preferences" in desk.get(f"/preferences/{token}")


@pytest.mark.full
def test_a_thousand_presses_of_one_button_at_once_are_one_consent(desk: NewsletterSite) -> None:
    """A thousand concurrent confirms of one token: one consent event, one welcome."""
    desk.sign_up("ada@example.org", "circuits")
    confirm = desk.mail().link("/confirm/")
    with ThreadPoolExecutor(32) as presses:
        pages = list(presses.map(lambda _: desk.browser.post(confirm), range(1000)))
    assert {page.status_code for page in pages} == {200}
    assert {words_of(page.text) for page in pages} == {words_of(desk.get(confirm))}
    ada = desk.person("ada@example.org")
    assert [what for what, _, _ in desk.events(ada)] == ["requested", "confirmed"]
    assert len(desk.mails()) == 1


def test_a_used_link_brings_nobody_back_who_left(desk: NewsletterSite) -> None:
    desk.sign_up("ada@example.org", "circuits")
    confirm = desk.mail().link("/confirm/")
    desk.later(minutes=1)
    desk.post(confirm)
    ada = desk.person("ada@example.org")
    desk.post(f"/u/{ada.leave_id}")
    desk.get(confirm, status=410)
    desk.post(confirm, status=409)
    desk.later(hours=3)
    desk.sign_up("ada@example.org", "quantum")
    again = next(mail for mail in desk.mails() if "/confirm/" in mail.text)
    assert desk.person("ada@example.org").state == "pending"
    assert "nothing to confirm here any more" in words_of(desk.post(confirm, status=409))
    assert "You are subscribed" in desk.post(again.link("/confirm/"))


def test_a_new_link_asked_for_in_time_does_not_end_the_first(desk: NewsletterSite) -> None:
    desk.sign_up("ada@example.org", "circuits")
    first = desk.mail().link("/confirm/")
    desk.later(hours=2)
    desk.sign_up("ada@example.org", "circuits")
    second = desk.mail().link("/confirm/")
    assert first != second
    assert "You are subscribed" in desk.post(first)
    assert "You are subscribed" in desk.post(second)


def test_pages_name_nobody_but_the_newsletter(desk: NewsletterSite) -> None:
    ada = desk.subscribed("ada@example.org", "circuits", name="Ada Lovelace")
    for path in (desk.preferences(ada), f"/u/{ada.leave_id}", f"{desk.preferences(ada)}/sent"):
        page = desk.get(path)
        assert "a••@example.org" in page
        assert "ada@example.org" not in page
        assert "Lovelace" not in page
        assert BASE not in page.partition("<main>")[2].replace(f"{BASE}/digests", "")
