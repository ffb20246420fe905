"""Checkers accept every kind of mail: accessibility, light and dark, narrow and wide, correct HTML."""

from __future__ import annotations

from itertools import product

import pytest

from tests.browser import axe, vnu
from tests.browser.fixtures import HEIGHT, Browse
from tests.browser.views import PHONE, SCHEMES
from tests.render.specimen_pages import html_of_mails, kinds

NARROW = 320  # CSS pixels; the narrowest phone in use
WIDE = 700  # CSS pixels; a mail program on a desktop, wider than the 640 of our page


@pytest.mark.parametrize("kind", kinds())
def test_mail_breaks_no_rule_of_accessibility(browse: Browse, kind: str) -> None:
    page = browse()
    page.set_content(html_of_mails()[kind])
    for width, scheme in product((PHONE, WIDE), SCHEMES):
        page.set_viewport_size({"width": width, "height": HEIGHT})
        page.emulate_media(color_scheme=scheme)
        found = axe.violations(page, without=axe.LANDMARKS)
        assert (width, scheme, found) == (width, scheme, [])


@pytest.mark.parametrize("kind", kinds())
def test_mail_does_not_scroll_sideways(browse: Browse, kind: str) -> None:
    page = browse()
    page.set_content(html_of_mails()[kind])
    for width in (NARROW, PHONE, WIDE):
        page.set_viewport_size({"width": width, "height": HEIGHT})
        assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.full
def test_mail_is_html_without_errors() -> None:
    assert vnu.errors(html_of_mails(), properties=vnu.MAIL_PROPERTIES) == []


def test_the_html_checker_allows_only_properties_that_mail_uses() -> None:
    used = "".join(html_of_mails().values())
    assert [name for name in vnu.MAIL_PROPERTIES if f"{name}:" not in used] == []
