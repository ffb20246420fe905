"""Renders pages from `templates/web` in a sandbox, the operator's own templates first. Stores nothing.

Everything is escaped. A page gets brand, topics and links of the site and the values of its route, but no
environment and no secrets.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from newsletter.render.environment import GLOBALS, templates_root
from newsletter.render.topic_colors import shades_of
from newsletter.web.site import Site

ASSETS = {"style.css": "text/css; charset=utf-8", "time-zone.js": "text/javascript; charset=utf-8"}


class PageRenderer:
    """The templates of one site."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._environment = ImmutableSandboxedEnvironment(
            loader=FileSystemLoader([*site.own_templates, templates_root()]),
            autoescape=lambda name: name is None or name.endswith(".html.j2"),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.root = urlsplit(site.base_url).path.rstrip("/")  # path prefix of the site; empty at the root
        kept_globals = {name: self._environment.globals[name] for name in GLOBALS}
        self._environment.globals = {
            **kept_globals,
            "brand": site.brand,
            "accent": shades_of(site.brand.accent),
            "topics": site.views,
            "base_url": site.base_url,
            "root": self.root,
        }

    @cached_property
    def assets(self) -> Mapping[str, bytes]:
        """The style sheet and the script, by name."""
        return {name: self._environment.get_template(f"web/{name}").render().encode() for name in ASSETS}

    @cached_property
    def version(self) -> str:
        """A hash of the assets. It is part of their paths, so that browsers may cache them forever."""
        joined = b"".join(self.assets[name] for name in sorted(self.assets))
        return hashlib.sha256(joined).hexdigest()[:12]

    def html(self, name: str, /, **context: Any) -> str:
        """The HTML of one page."""
        return self._environment.get_template(f"web/{name}.html.j2").render(
            {"version": self.version, **context}
        )


def site_of(request: Request) -> Site:
    """The site of a request."""
    site: Site = request.app.state.site
    return site


def show(request: Request, name: str, /, *, status: int = 200, **context: Any) -> Response:
    """Answer with a page."""
    pages: PageRenderer = request.app.state.pages
    return HTMLResponse(pages.html(name, **context), status_code=status)


def notice(
    request: Request, title: str, *words: str, status: int = 200, link: tuple[str, str] | None = None
) -> Response:
    """Answer with a short message as a page. link: (path, text)."""
    return show(request, "notice", status=status, title=title, words=words, link=link)


def go(request: Request, path: str) -> Response:
    """Redirect with 303 after a successful POST, so that a reload does not repeat it."""
    pages: PageRenderer = request.app.state.pages
    return RedirectResponse(f"{pages.root}{path}", status_code=303)
