"""The archive in a real browser: accessibility, HTML, keyboard, widths, print, search while typing."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from newsletter.db.schema import papers
from tests.browser import axe, vnu
from tests.browser.fixtures import Browse
from tests.browser.views import View, every_view
from tests.smtp_servers.recording import RecordingServer
from tests.web.archive.private_site import private_site, reader_of_private, token_of
from tests.web.newsletter_site import NewsletterSite
from tests.web.test_journey import open_to_browsers

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

PATHS = (
    "/archive",
    "/archive/2026-04",
    "/topics/quantum",
    "/editions/1",
    "/editions/2",
    "/papers/1",
    "/papers/2",
    "/search",
    "/search?q=circuit",
    "/search?q=xyzzy&author=nobody",
    "/papers/999999",
)


@pytest.fixture
def site(tmp_path: Path, server: RecordingServer) -> Iterator[NewsletterSite]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{free.getsockname()[1]}"
    site = private_site(tmp_path, server, base=base)
    names = [f"Author Number{n}" for n in range(600)]
    site.write(update(papers).where(papers.c.id == 2).values(author_names=names, author_count=600))
    with open_to_browsers(site):
        yield site


@every_view
def test_every_page_keeps_the_rules(site: NewsletterSite, browse: Browse, view: View) -> None:
    page = browse(view)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    documents: dict[str, str] = {}
    private = f"/archive?reader={token_of(site, reader_of_private(site))}"
    for path in (*PATHS, private):
        answer = page.goto(f"{site.base}{path}")
        assert answer is not None
        documents[path] = answer.text()
        assert axe.violations(page) == [], path
        wide = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert wide[0] <= wide[1], path
    assert [text for text in said if "404" not in text] == []
    assert page.context.cookies() == []
    if view == View():
        assert vnu.errors(documents) == []


@pytest.mark.parametrize("width", [320, 375, 700, 1280])
def test_no_page_is_wider_than_the_window(site: NewsletterSite, browse: Browse, width: int) -> None:
    page = browse(View())
    page.set_viewport_size({"width": width, "height": 800})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for path in PATHS:
        page.goto(f"{site.base}{path}")
        wide = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert wide[0] <= wide[1], path
    assert all(url.startswith((site.base, "data:")) for url in asked)


def focused(page: Page) -> str:
    """The words or the name of what has the keyboard."""
    found: str = page.evaluate("document.activeElement.innerText || document.activeElement.name || ''")
    return " ".join(found.split())


def test_the_keyboard_reaches_everything(site: NewsletterSite, browse: Browse) -> None:
    page = browse(View())
    for path in ("/papers/2", "/search?q=circuit", "/archive"):
        page.goto(f"{site.base}{path}")
        seen = []
        shown = page.evaluate(
            "[...document.querySelectorAll('a, button, input:not([type=hidden]), select, summary')]"
            ".filter(it => it.checkVisibility()).length"
        )
        for _ in range(shown):
            page.keyboard.press("Tab")
            seen.append(focused(page))
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none", seen[-1]
        assert all(seen), seen
    page.goto(f"{site.base}/papers/2")
    page.locator("summary").first.focus()
    page.keyboard.press("Enter")
    assert page.get_by_text("Author Number599").is_visible()


def test_search_answers_while_typing(site: NewsletterSite, browse: Browse) -> None:
    page = browse(View())
    page.goto(f"{site.base}/search")
    page.get_by_role("searchbox").press_sequentially("circ")
    page.locator("#results h3").first.wait_for()
    assert page.locator("#results h3").count() > 1
    assert page.url.endswith("/search?q=circ")
    assert "circ" in page.title()
    assert page.evaluate("document.activeElement.name") == "q"
    page.get_by_role("searchbox").fill("zyxomantic")
    page.get_by_text("Nothing fits").wait_for()
    assert page.locator("#results h3").count() == 0
    page.reload()
    assert page.get_by_role("searchbox").input_value() == "zyxomantic"


def test_search_works_without_script(site: NewsletterSite, browse: Browse) -> None:
    page = browse(View(script=False))
    page.goto(f"{site.base}/archive")
    page.get_by_role("searchbox").fill("circuit")
    page.keyboard.press("Enter")
    page.locator("#results h3").first.wait_for()
    assert page.locator("#results h3").count() > 1
    page.locator("#results h3 a").first.click()
    assert "/papers/" in page.url


def test_words_typed_before_the_script_ran_are_searched(site: NewsletterSite, browse: Browse) -> None:
    page = browse(View())
    waiting: list[Route] = []
    page.route("**/*search*.js*", lambda route: waiting.append(route))
    page.goto(f"{site.base}/search", wait_until="commit")
    page.locator("#q").fill("qubit")
    waiting[0].continue_()
    page.locator("#results h3 a").first.wait_for()
    assert "q=qubit" in page.url


def test_a_private_search_stays_private(site: NewsletterSite, browse: Browse) -> None:
    token = token_of(site, reader_of_private(site))
    page = browse(View())
    page.goto(f"{site.base}/archive?reader={token}")
    page.get_by_role("link", name="Search").first.click()
    page.get_by_role("searchbox").press_sequentially("zyxom")
    page.locator("#results h3 a").first.wait_for()
    page.locator("#results h3 a").first.click()
    page.wait_for_url("**/papers/**")
    assert f"reader={token}" in page.url
    assert "Zyxomantic" in page.locator("h1").inner_text()


def test_a_printed_paper_has_no_navigation(site: NewsletterSite, browse: Browse) -> None:
    page = browse(View())
    page.goto(f"{site.base}/papers/1")
    page.emulate_media(media="print")
    assert not any(nav.is_visible() for nav in page.locator("nav").all())
    assert not page.locator("footer").is_visible()
    assert page.locator("h1").is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
