"""Collects the complaints of a browser about a page: uncaught errors, violations of the content policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page


def complaints(page: Page) -> list[str]:
    """A list that grows from now on: call this before loading the page, and read the list at the end.

    A status of 400 or more is a complaint, too: on a page that should have one, look at `page.goto` instead.
    """
    heard: list[str] = []
    page.on("pageerror", lambda error: heard.append(f"uncaught: {error}"))
    page.on("console", lambda said: heard.append(said.text) if said.type in ("error", "warning") else None)
    return heard
