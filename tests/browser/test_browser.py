"""The browser fixture: pages have the properties of their view, and share no state."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.browser.complaints import complaints
from tests.browser.fixtures import Browse
from tests.browser.views import VIEWS, View, every_view

PAGE = """<!DOCTYPE html><title>still</title>
<meta http-equiv="Content-Security-Policy" content="style-src 'none'">
<noscript><p id="quiet">No script.</p></noscript><script>document.title = "alive"</script>"""


@every_view
def test_a_page_has_the_properties_of_its_view(browse: Browse, view: View) -> None:
    page = browse(view)
    page.set_content(PAGE)
    assert page.evaluate("innerWidth") == view.width
    assert page.evaluate(f"matchMedia('(prefers-color-scheme: {view.scheme})').matches")
    assert page.title() == ("alive" if view.script else "still")
    assert page.locator("#quiet").count() == (0 if view.script else 1)


def test_there_are_eight_views() -> None:
    assert sorted(map(str, VIEWS)) == sorted(
        f"{width}-{scheme}{script}"
        for width in (375, 1280)
        for scheme in ("light", "dark")
        for script in ("", "-noscript")
    )


def test_no_request_leaves_this_machine(browse: Browse) -> None:
    page = browse()
    with pytest.raises(Exception, match="ERR_NAME_NOT_RESOLVED"):
        page.goto("http://papers.example/")


def test_complaints_are_collected(browse: Browse) -> None:
    page = browse()
    heard = complaints(page)
    page.set_content(PAGE + "<script>nothing()</script><p style='color: red'>x</p>")
    refused, uncaught = sorted(heard)
    assert "violates the following Content Security Policy directive 'style-src 'none''" in refused
    assert uncaught == "uncaught: nothing is not defined"


def test_browser_pages_share_no_state(browse: Browse) -> None:
    first, second = browse(), browse()
    first.context.add_cookies([{"name": "a", "value": "b", "url": "http://127.0.0.1/"}])
    assert second.context.cookies() == []


def test_other_tests_run_event_loops_while_the_browser_waits(chromium: Any) -> None:
    async def answer() -> int:
        await asyncio.sleep(0)
        return 42

    assert asyncio.run(answer()) == 42
