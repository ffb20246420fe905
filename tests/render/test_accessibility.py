"""Finished pages can be read by people, screen readers and mail programs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

import pytest

from newsletter.render.topic_colors import contrast
from tests.render.specimen_pages import BRAND, digest, html_of_mails, kinds, pages

_VOID = {"meta", "img", "br", "hr", "link", "input"}
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass
class RenderedPage:
    """A text on the page with its size and colours."""

    text: str
    size: int  # pixels
    light: tuple[str, str]  # text and page
    dark: tuple[str, str]


@dataclass
class _Element:
    tag: str
    classes: list[str] = field(default_factory=list)
    size: int = 16
    hidden: bool = False
    light: tuple[str, str] = ("#000000", "#ffffff")
    dark: tuple[str, str] = ("#ffffff", "#000000")


def _dark_rules(page: str) -> dict[str, dict[str, str]]:
    """Colours of the dark scheme by class; each must override the inlined one."""
    rules: dict[str, dict[str, str]] = {}
    style = re.findall(r"@media \(prefers-color-scheme: dark\) \{(.*?)\n\}", page, re.DOTALL)[0]
    for selectors, body in re.findall(r"([^{}]+)\{([^{}]+)\}", style):
        assert body.count(";") == body.count("!important;")
        for selector in selectors.split(","):
            found = rules.setdefault(selector.strip().removeprefix("."), {})
            for name, value in re.findall(r"([a-z-]+):\s*(#[0-9a-f]{6})", body):
                found[name] = value
    return rules


class _PageReader(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.printed: list[RenderedPage] = []
        self._rules = _dark_rules(page)
        self._open = [_Element(tag="")]
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        style = {
            name.strip(): value.strip()
            for name, _, value in (part.partition(":") for part in attributes.get("style", "").split(";"))
        }
        above = self._open[-1]
        classes = attributes.get("class", "").split()
        size = re.fullmatch(r"(\d+)(px)?", style.get("font-size", ""))
        light = (style.get("color", above.light[0]), style.get("background-color", above.light[1]))
        dark = [light[0] if "color" in style else above.dark[0], above.dark[1]]
        if "background-color" in style:
            dark[1] = light[1]
        for name in classes:
            dark[0] = self._rules.get(name, {}).get("color", dark[0])
            dark[1] = self._rules.get(name, {}).get("background-color", dark[1])
        if tag not in _VOID:
            self._open.append(
                _Element(
                    tag=tag,
                    classes=classes,
                    size=int(size[1]) if size else above.size,
                    hidden=above.hidden or style.get("display") == "none" or tag in ("style", "title"),
                    light=light,
                    dark=(dark[0], dark[1]),
                )
            )

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        shown = self._open[-1]
        if data.replace("\xa0", " ").strip() and not shown.hidden:
            self.printed.append(RenderedPage(data.strip(), shown.size, shown.light, shown.dark))


@pytest.mark.parametrize("name", kinds())
def test_text_can_be_read_in_both_schemes(name: str) -> None:
    printed = _PageReader(html_of_mails()[name]).printed
    assert len(printed) > 5
    for one in printed:
        assert one.size >= 14, one
        assert contrast(*one.light) >= 4.5, one
        assert contrast(*one.dark) >= 4.5, one
        assert one.light != one.dark, one


@pytest.mark.parametrize("name", kinds())
def test_the_style_sheet_that_stays_is_small_and_only_for_other_screens(name: str) -> None:
    page = html_of_mails()[name]
    style = re.findall(r"<style>(.*?)</style>", re.sub(r"<!--.*?-->", "", page, flags=re.DOTALL), re.DOTALL)
    assert len(style) == 1
    assert len(style[0].encode()) <= 8192
    light = re.sub(r"@media.*?\n\}", "", style[0], flags=re.DOTALL)
    assert "color:" not in light.replace(" ", "")  # without it a page looks the same on a light screen


@pytest.mark.parametrize("name", kinds())
def test_pages_meet_the_needs_of_screen_readers_and_mail_programs(name: str) -> None:
    page = html_of_mails()[name]
    assert page.startswith('<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">')
    for wanted in (
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        '<meta name="supported-color-schemes" content="light dark">',
    ):
        assert wanted in page
    assert re.search(r"<title>[^<]+</title>", page)
    assert page.count("<h1 ") == 1
    assert page.count("<table") == page.count('role="presentation"')
    assert re.findall(r"<(script|form|iframe|link|object|svg)\b", page) == []
    inside = set(re.findall(r'href="#([^"]*)"', page))
    assert [url for url in re.findall(r'href="([^"#][^"]*)"', page) if not url.startswith("https://")] == []
    for target in inside:  # a name for old mail programs, an id for the others
        assert page.count(f'<a name="{target}" id="{target}" href="#{target}"') == 1


@pytest.mark.parametrize("name", kinds())
def test_nothing_is_wider_than_a_narrow_screen(name: str) -> None:
    """No width in pixels exceeds 320 px less the padding, except in comments that only Outlook reads."""
    page = re.sub(r"<!--.*?-->", "", html_of_mails()[name], flags=re.DOTALL)
    widths = [int(width) for width in re.findall(r'\bwidth="(\d+)"', page)]
    widths += [int(width) for width in re.findall(r"[;\" ]width:\s*(\d+)px", page)]
    assert [width for width in widths if width > 284] == []
    (style,) = re.findall(r'<table class="page"[^>]*style=["\'](.*?)["\']', page)
    assert "overflow-wrap:anywhere" in style  # inherited by all text
    assert "overflow-wrap:normal" not in page


def test_a_logo_needs_no_picture_to_be_understood() -> None:
    page = pages(digest(brand=BRAND.__class__(name="Paper Digest", logo="https://papers.example/logo.png")))[
        0
    ]
    (logo,) = re.findall(r"<img [^>]*>", page)
    assert 'alt=""' in logo  # the name is next to it as text
    assert "<h1" in page
