"""Finds selectors that inlining loses, and selectors that depend on neighbours.

It applies no style (`newsletter.render.css_inliner` does).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from jinja2 import TemplateNotFound

from newsletter.render.environment import MailEnvironment

_STYLE = re.compile(r"<style(?![^>]*data-premailer)[^>]*>(.*?)</style>", re.DOTALL)
_COMMENT = re.compile(r"/\*.*?\*/|<!--.*?-->", re.DOTALL)
_RULE = re.compile(r"([^{}]+)\{[^{}]*\}")
_NEIGHBOURS = re.compile(r"[+~]|:(?:first|last|only|nth)-|:(?:has|empty)\b")
_INLINED = (":first-child", ":last-child")  # the pseudo-classes that premailer supports


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """One selector of a style sheet, with its template and line."""

    text: str
    template: str = ""
    line: int | None = None

    def __str__(self) -> str:
        place = f" in {self.template}, line {self.line}" if self.line else ""
        return f"`{self.text}`{place}"


def lost_selectors(environment: MailEnvironment, document: str) -> list[Selector]:
    """Selectors that cannot be inlined and therefore do nothing. document: before inlining."""
    return [
        selector
        for selector in _selectors(environment, document)
        if ":" in selector.text and not selector.text.endswith(_INLINED)
    ]


def neighbour_selectors(environment: MailEnvironment, document: str) -> list[Selector]:
    """Selectors that depend on the neighbours of an element. document: before inlining."""
    return [selector for selector in _selectors(environment, document) if _NEIGHBOURS.search(selector.text)]


def _selectors(environment: MailEnvironment, document: str) -> Iterable[Selector]:
    for style in _STYLE.findall(_COMMENT.sub("", document)):
        plain = re.sub(r"@(?:import|charset)[^;]*;|@[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}", "", style)
        for rule in _RULE.finditer(plain):
            for text in rule[1].split(","):
                if text.strip():
                    yield _found(environment, " ".join(text.split()))


def _found(environment: MailEnvironment, text: str) -> Selector:
    """The selector, with template and line when a used template holds it literally."""
    for name in sorted(environment.used):
        if not name.endswith((".css", "html.j2")):
            continue
        try:
            source, _, _ = environment.templates.get_source(environment, name)
        except TemplateNotFound:
            continue
        at = source.find(text)
        if at >= 0:
            return Selector(text=text, template=name, line=source.count("\n", 0, at) + 1)
    return Selector(text=text)
