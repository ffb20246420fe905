"""The checkers report faults, and nothing on a correct page."""

from __future__ import annotations

import pytest

from tests.browser import axe, vnu
from tests.browser.complaints import complaints
from tests.browser.fixtures import Browse
from tests.browser.views import View

pytestmark = pytest.mark.full

RIGHT = """<!DOCTYPE html>
<html lang="en"><head><title>Right</title></head>
<body><main><h1>Right</h1><p>Words.</p></main></body></html>"""
PALE = RIGHT.replace("<p>Words.</p>", '<p id="pale" style="color: #eeeeee">Words.</p>')


@pytest.mark.parametrize("script", [True, False])
def test_axe_names_rule_element_and_fault(browse: Browse, script: bool) -> None:
    page = browse(View(script=script))
    page.set_content(RIGHT)
    assert axe.violations(page) == []
    page.set_content(PALE)
    (found,) = axe.violations(page)
    assert found.startswith("color-contrast: #pale: Fix any of the following: ")
    assert axe.violations(page, without=["color-contrast"]) == []


@pytest.mark.parametrize("script", [True, False])
def test_axe_works_where_the_page_allows_nothing(browse: Browse, script: bool) -> None:
    page = browse(View(script=script))
    heard = complaints(page)
    policy = {"Content-Security-Policy": "default-src 'none'", "Content-Type": "text/html; charset=utf-8"}
    page.route("**", lambda route: route.fulfill(body=RIGHT, headers=policy))
    page.goto("http://127.0.0.1/")
    assert axe.violations(page) == []
    assert heard == []


def test_axe_sees_what_is_shown_where_scripts_are_off(browse: Browse) -> None:
    page = browse(View(script=False))
    page.set_content(PALE.replace("<p", "<noscript><p").replace("</p>", "</p></noscript>"))
    (found,) = axe.violations(page)
    assert found.startswith("color-contrast: #pale: ")


def test_axe_leaves_landmarks_to_mail_programs(browse: Browse) -> None:
    page = browse()
    page.set_content(RIGHT.replace("<main>", "").replace("</main>", ""))
    assert {found.partition(":")[0] for found in axe.violations(page)} == set(axe.LANDMARKS)
    assert axe.violations(page, without=axe.LANDMARKS) == []


def test_vnu_names_document_line_and_fault() -> None:
    wrong = RIGHT.replace("<p>", '<p style="mso-hide: all; mso-hidden: all">\n<img src="x.png">')
    assert vnu.errors({"right": RIGHT, "wrong": wrong}, properties=["mso-hide"]) == [
        "wrong:3: CSS: “mso-hidden”: Property “mso-hidden” doesn't exist.",
        "wrong:4: An “img” element must have an “alt” attribute, except under certain conditions. "
        "For details, consult guidance on providing text alternatives for images.",
    ]
