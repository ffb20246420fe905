"""A static copy in a real browser, opened from a disk: accessibility, HTML, keyboard, widths, search."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser import axe, vnu
from tests.browser.complaints import complaints
from tests.browser.fixtures import Browse
from tests.browser.views import SCHEMES, View, every_view
from tests.pipeline.archive.static_copy import build
from tests.smtp_servers.recording import RecordingServer
from tests.web.archive.private_site import private_site

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.full
FILES = (
    "index.html",
    "archive/2026-04.html",
    "topics/quantum.html",
    "editions/1.html",
    "editions/2.html",
    "papers/1-*.html",
    "search.html",
)
NARROWEST = 320  # CSS pixels


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a static copy."""
    folder, out = tmp_path_factory.mktemp("state"), tmp_path_factory.mktemp("copy")
    with RecordingServer() as server:
        build(private_site(folder, server), out)
    return out


def opened(page: Page, copy: Path, pattern: str) -> Path:
    """Open the one file of this name from the disk."""
    [file] = copy.glob(pattern)
    page.goto(file.as_uri())
    return file


@every_view
def test_every_file_keeps_the_rules(copy: Path, browse: Browse, view: View) -> None:
    page = browse(view)
    heard = complaints(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    documents: dict[str, str] = {}
    for pattern in FILES:
        documents[pattern] = opened(page, copy, pattern).read_text("utf-8")
        assert axe.violations(page) == [], pattern
        wide = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert wide[0] <= wide[1], pattern
    assert heard == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    if view == View():
        assert vnu.errors(documents) == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_search_fits_the_smallest_window(copy: Path, browse: Browse, scheme: str) -> None:
    page = browse(View(width=NARROWEST, scheme="dark" if scheme == "dark" else "light"))
    heard = complaints(page)
    for pattern in FILES:
        opened(page, copy, pattern)
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROWEST, pattern
    page.get_by_role("searchbox").fill("circuit")
    page.locator("#results a").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROWEST
    assert axe.violations(page) == []
    title = page.locator("#results .title").first
    assert title.evaluate("it => getComputedStyle(it).textTransform") == "none"
    assert heard == []


@pytest.mark.parametrize(
    ("typed", "some", "title"),
    [
        ("circuit", 2, "circuit"),
        ("circ", 2, "circuit"),  # the beginning of a word
        ("Circuit Discovery With a Second Reader", 1, "Circuit Discovery With a Second Reader in Mind"),
        ("lovelace", 1, "Circuit Discovery"),  # a name
        ("CIRCUITS", 2, "circuit"),  # a whole word, stored without its ending
        ("circuit lovelace", 1, "Circuit Discovery"),
    ],
)
def test_search_answers_while_somebody_types(
    copy: Path, browse: Browse, typed: str, some: int, title: str
) -> None:
    page = browse()
    heard = complaints(page)
    opened(page, copy, "search.html")
    page.get_by_role("searchbox").press_sequentially(typed)
    page.wait_for_function(
        "([words, some]) => { const found = [...document.querySelectorAll('#results a')];"
        " return found.length >= some && found.some(it => it.textContent.toLowerCase().includes(words)) }",
        arg=[title.lower(), some],
    )
    assert heard == []


@pytest.mark.parametrize(
    "typed", ["xyzzyplugh", "zyxomantic", "<b>x</b>", "__proto__", "constructor", "$", '"', "a" * 300]
)
def test_search_finds_nothing_where_nothing_fits(copy: Path, browse: Browse, typed: str) -> None:
    page = browse()
    heard = complaints(page)
    opened(page, copy, "search.html")
    page.get_by_role("searchbox").fill(typed)
    page.keyboard.press("Enter")
    page.wait_for_load_state("networkidle")
    assert page.locator("#results a").count() == 0
    assert page.locator("#count").inner_text() in ("", "Nothing fits.")
    assert heard == []


def test_the_keyboard_alone_reaches_a_result(copy: Path, browse: Browse) -> None:
    page = browse()
    heard = complaints(page)
    opened(page, copy, "index.html")
    tab_to(page, "search.html")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html*")
    tab_to(page, "q")
    page.keyboard.type("circuit")
    page.locator("#results a").first.wait_for()
    tab_to(page, "papers/")
    page.keyboard.press("Enter")
    page.wait_for_url("**/papers/*")
    assert page.locator("h1").inner_text()
    assert heard == []


def tab_to(page: Page, place: str) -> None:
    """Press Tab until a link to this place or a field of this name has the keyboard, seen by its outline."""
    for _ in range(60):
        page.keyboard.press("Tab")
        here = page.evaluate(
            "document.activeElement.getAttribute('href') || document.activeElement.name || ''"
        )
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none", here
        if place == here or place in here:
            return
    raise AssertionError(f"Tab does not reach {place}")


def test_search_without_script_leads_on(copy: Path, browse: Browse) -> None:
    page = browse(View(script=False))
    opened(page, copy, "search.html")
    assert page.locator("noscript a").first.get_attribute("href") == "http://localhost:8000/search"


def test_a_printed_paper_is_like_an_article(copy: Path, browse: Browse) -> None:
    page = browse(View(scheme="dark"))
    opened(page, copy, "papers/1-*.html")
    page.emulate_media(media="print")
    assert [nav.is_visible() for nav in page.locator("nav, .files").all()] == [False] * 4
    assert not page.locator("footer").is_visible()
    assert page.locator("h1").is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    colours = "[...document.querySelectorAll('h2, dd a')].map(it => getComputedStyle(it).color)"
    assert set(page.evaluate(colours)) == {"rgb(0, 0, 0)"}  # not those of a dark screen
    assert page.pdf().startswith(b"%PDF")
