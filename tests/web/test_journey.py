"""A reader in a real browser: sign up, confirm, choose, read, leave, come back, be erased.

On the way every page is put before axe-core and the HTML checker. With and without script, on a phone and a
laptop, light and dark.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn

from tests.browser import axe, vnu
from tests.browser.fixtures import Browse
from tests.browser.views import View, every_view
from tests.smtp_servers.recording import RecordingServer
from tests.web.newsletter_site import NewsletterSite, ReceivedMail

if TYPE_CHECKING:
    from playwright.sync_api import Page


@contextmanager
def open_to_browsers(website: NewsletterSite) -> Iterator[NewsletterSite]:
    """The application of a website behind a real server."""
    host, _, port = website.base.removeprefix("http://").partition(":")
    config = uvicorn.Config(website.app, host=host, port=int(port), log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
        yield website
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def website(tmp_path: Path, server: RecordingServer) -> Iterator[NewsletterSite]:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{free.getsockname()[1]}"
    website = NewsletterSite(tmp_path, server, base=base, client_limit="")
    website.now = datetime(2026, 4, 15, 12, tzinfo=UTC)
    website.newsletter.ingest_samples([13, 14, 15])
    website.newsletter.publish("2026-04-15T06:00")
    with open_to_browsers(website):
        yield website


class Visit:
    """One reader's browser page; keeps every document for the HTML checker."""

    def __init__(self, page: Page, website: NewsletterSite) -> None:
        self.page = page
        self.website = website
        self.documents: dict[str, str] = {}
        self.violations: list[str] = []
        self.shots: Path | None = None

    def go(self, path: str) -> None:
        self.page.goto(path if path.startswith("http") else f"{self.website.base}{path}")
        self.look()

    def click(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()
        self.look()

    def look(self) -> None:
        title = f"{len(self.documents):02} {self.page.title()}"
        self.documents[title] = self.page.content()
        mail = "/digests/" in self.page.url or self.page.url.endswith("/sample")
        without = axe.LANDMARKS if mail else ()
        self.violations += [f"{title}: {fault}" for fault in axe.violations(self.page, without=without)]
        width = self.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert width[0] <= width[1], f"{title} is wider than the window"

    def sees(self, words: str) -> bool:
        return words in " ".join(self.page.locator("main").inner_text().split())

    def mail(self) -> ReceivedMail:
        return self.website.mail()


@every_view
def test_a_reader_comes_stays_and_goes(website: NewsletterSite, browse: Browse, view: View) -> None:
    visit = Visit(browse(view, timezone_id="Europe/Lisbon"), website)
    page = visit.page
    visit.go("/")
    zone = page.get_by_label("Time zone").input_value()
    assert zone == ("Europe/Lisbon" if view.script else "UTC")
    # first an error: the browser's own check is off, as in an old browser
    page.locator("form").first.evaluate("form => { form.noValidate = true }")
    page.get_by_label("Your email address").fill("ada")
    visit.click("Sign up")
    assert page.locator("#email-wrong").is_visible()
    assert page.locator("#topics-wrong").is_visible()
    page.get_by_label("Your email address").fill("ada@example.org")
    page.get_by_label("Circuits", exact=True).check()
    page.get_by_label("Quantum", exact=True).check()
    page.get_by_label("Your name, if you like to be greeted by it").fill("Ada <i>")
    visit.click("Sign up")
    assert visit.sees("Check your mail")
    visit.go(visit.mail().link("/confirm/"))
    visit.click("Confirm my subscription")
    assert visit.sees("You are subscribed")
    welcome = visit.mail()
    assert "Circuits" in welcome.text
    visit.go(welcome.link("/preferences/"))
    page.get_by_label("Interpretability", exact=True).check()
    page.get_by_label("Monday to Friday").check()
    page.get_by_label("At most this many papers").fill("3")
    visit.click("Save")
    assert visit.sees("Saved.")
    assert page.get_by_label("At most this many papers").input_value() == "3"
    ada = website.person("ada@example.org")
    assert (ada.topics, ada.preferences.timezone) == (("circuits", "interpretability", "quantum"), zone)
    page.get_by_label("No mail before").fill("2026-05-04")
    visit.click("Pause")
    assert visit.sees("Paused until 4 May 2026")
    visit.click("End the pause now")
    website.newsletter.ingest_samples([16, 17], hour="05:00")
    website.now = datetime(2026, 4, 17, 12, tzinfo=UTC)
    website.newsletter.send(website.now.isoformat())
    digest = ReceivedMail("", website.server.accepted[-1].data, website.base)
    assert digest.html.count("<h3") == 3
    visit.go(digest.link("/digests/"))
    visit.go("/sample")
    preferences = next(path for path in digest.paths() if path.startswith("/preferences/"))
    visit.go(preferences)
    page.get_by_role("link", name="Every digest").click()
    page.get_by_text("3 papers").click()
    visit.look()
    assert visit.sees("· matched: ")
    page.get_by_role("link", name="17 April 2026: why").click()
    visit.look()
    assert visit.sees("A digest was mailed: sent at")
    assert visit.sees("· matched: ")
    visit.go(digest.link("/u/"))
    visit.click("Leave Quantum")
    assert visit.sees("You have left Quantum.")
    visit.click("Take it back")
    assert visit.sees("You are back")
    visit.click("Unsubscribe from everything")
    assert visit.sees("You are unsubscribed")
    assert website.person("ada@example.org").state == "unsubscribed"
    goodbye = visit.mail()
    visit.go(goodbye.link("/u/"))
    visit.click("Take it back")
    assert website.person("ada@example.org").state == "confirmed"
    visit.go(preferences)
    visit.click("Mail me that link")
    visit.go(visit.mail().link("/account/"))
    visit.click("Erase my data")
    assert page.locator("#sure-wrong").is_visible()
    page.get_by_label("Yes, erase everything").check()
    visit.click("Erase my data")
    assert visit.sees("You are forgotten")
    for path in ("/link", "/embed", "/nothing", "/confirm/forged", preferences):
        visit.go(path)
    assert visit.violations == []
    if view == View():
        assert vnu.errors(visit.documents, properties=vnu.MAIL_PROPERTIES) == []


@every_view
def test_an_owner_chooses_among_sign_ups_and_moves(
    website: NewsletterSite, browse: Browse, view: View
) -> None:
    """A stranger signed the address up as well; later the reader moves, and opens an old link."""
    visit = Visit(browse(view), website)
    page = visit.page
    stranger = website.visitor("203.0.113.66")
    website.sign_up("ada@example.org", "circuits", browser=stranger, name="Mallory", hour="3")
    confirm = visit.mail().link("/confirm/")
    website.sign_up("ada@example.org", "quantum", "circuits", name="Ada", hour="9")
    assert website.messages() == []
    visit.go(confirm)
    assert visit.sees("Which of these is yours?")
    name = page.get_by_label("Your name, to be greeted by; empty for none")
    assert name.input_value() == ""
    assert page.get_by_label("Daily at 09:00").is_checked()
    name.fill("see www.evil.example")
    visit.click("Confirm my subscription")
    assert page.locator("#name-wrong").is_visible()
    assert page.get_by_label("Daily at 09:00").is_checked()
    name.fill("Ada")
    visit.click("Confirm my subscription")
    assert visit.sees("You are subscribed")
    ada = website.person("ada@example.org")
    assert (ada.name, ada.topics, ada.preferences.hour) == ("Ada", ("circuits", "quantum"), 9)
    preferences = visit.mail().link("/preferences/")
    visit.go(preferences)
    visit.click("Mail me that link")
    visit.go(visit.mail().link("/account/"))
    page.get_by_label("The new address").fill("countess@new.example")
    visit.click("Ask the new address")
    visit.go(visit.mail().link("/confirm-address/"))
    visit.click("Use this address")
    assert visit.sees("From now on it comes to c••@new.example.")
    visit.go(preferences)
    assert visit.sees("This newsletter has moved to another address")
    visit.click("Unsubscribe from everything")
    assert visit.sees("You are unsubscribed")
    assert visit.mail().recipient == "countess@new.example"
    assert visit.violations == []
    if view == View():
        assert vnu.errors(visit.documents, properties=vnu.MAIL_PROPERTIES) == []


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }} {% for x in y %}",
    "javascript:alert(1)",
    "\u202eevil\u202c",
    "'; DROP TABLE subscribers; --",
)


def test_nothing_that_is_typed_runs(website: NewsletterSite, browse: Browse) -> None:
    """Script, markup and templates in every field are shown as text in the page with the errors."""
    page = browse(View())
    said: list[Any] = []
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    page.on("pageerror", lambda error: said.append(error))
    for text in HOSTILE:
        page.goto(f"{website.base}/")
        page.locator("form").first.evaluate("form => { form.noValidate = true }")
        page.get_by_label("Your email address").fill(text)
        page.get_by_label("Your name, if you like to be greeted by it").fill(text)
        page.get_by_label("Time zone").fill(text)
        page.get_by_role("button", name="Sign up").click()
        assert page.locator("#email-wrong").is_visible()
        assert page.get_by_label("Your name, if you like to be greeted by it").input_value() == text
    assert said == []
