"""Fixtures: Debian's chromium driven by Playwright. Downloads no browser; nothing leaves this machine.

One browser serves a whole run (of each worker). Playwright's synchronous interface keeps an event loop in
the main thread, in a greenlet that sleeps between calls; asyncio would take that loop for a running one and
refuse `asyncio.run` in every test that comes after. So the loop is announced only while a test has pages.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from tests.browser.views import View

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HEIGHT = 800  # CSS pixels; pages are longer and scroll
PAGE_TIMEOUT = 10_000  # milliseconds for a page to load or an element to appear on a loaded machine
ARGUMENTS = (
    "--no-sandbox",  # needed to start as root
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",  # pictures of mails, links
)


class Browse(Protocol):
    """Opens an empty page in a new profile; both are closed after the test."""

    def __call__(self, view: View = ..., **options: Any) -> Page:
        """options: further ones of Playwright's `Browser.new_context`."""
        ...


@contextmanager
def _announced(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    asyncio._set_running_loop(loop)
    try:
        yield
    finally:
        asyncio._set_running_loop(None)


@pytest.fixture(scope="session")
def chromium() -> Iterator[tuple[Browser, asyncio.AbstractEventLoop]]:
    """The browser, for `browse`; skips the test where Playwright or chromium is not installed."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed")
    if find_spec("playwright") is None:
        pytest.skip("playwright is not installed (the extra newsletter[test])")
    from playwright.sync_api import sync_playwright

    playwright = sync_playwright().start()
    loop = asyncio.get_running_loop()
    try:
        browser = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        asyncio._set_running_loop(None)
        yield browser, loop
        with _announced(loop):
            browser.close()
    finally:
        with _announced(loop):
            playwright.stop()


@pytest.fixture
def browse(chromium: tuple[Browser, asyncio.AbstractEventLoop]) -> Iterator[Browse]:
    """Opens pages. A test that uses it must not run an event loop in its own thread."""
    browser, loop = chromium
    opened = []

    def open_page(view: View = View(), **options: Any) -> Page:  # noqa: B008  (it is frozen)
        context = browser.new_context(
            viewport={"width": view.width, "height": HEIGHT},
            color_scheme=view.scheme,
            java_script_enabled=view.script,
            **options,
        )
        opened.append(context)
        context.set_default_timeout(PAGE_TIMEOUT)
        return context.new_page()

    with _announced(loop):
        try:
            yield open_page
        finally:
            for context in opened:
                context.close()
