"""Renders pages from `templates/web` in a sandbox, the operator's own templates first. Stores nothing.

Everything is escaped. A page gets brand, topics and links of the site and the values of its caller, but no
environment and no secrets. It works without a request: a static copy of the archive is made by it, too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from newsletter.render.environment import GLOBALS, templates_root
from newsletter.render.topic_colors import shades_of
from newsletter.render.view_models import Brand, TopicView, in_words

ASSETS = {
    "style.css": "text/css; charset=utf-8",
    "archive.css": "text/css; charset=utf-8",
    "time-zone.js": "text/javascript; charset=utf-8",
    "search.js": "text/javascript; charset=utf-8",
    "static-search.js": "text/javascript; charset=utf-8",
}


class PageRenderer:
    """The templates of one site."""

    def __init__(
        self,
        *,
        brand: Brand,
        topics: Mapping[str, TopicView],
        base_url: str,
        own_templates: Sequence[Path] = (),
    ) -> None:
        """topics: those that everybody may know of, by slug. own_templates: folders that override ours."""
        self.brand = brand
        self._environment = ImmutableSandboxedEnvironment(
            loader=FileSystemLoader([*own_templates, templates_root()]),
            autoescape=lambda name: name is None or name.endswith(".html.j2"),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["in_words"] = in_words
        self.root = urlsplit(base_url).path.rstrip("/")  # path prefix of the site; empty at the root
        kept_globals = {name: self._environment.globals[name] for name in GLOBALS}
        self._environment.globals = {
            **kept_globals,
            "brand": brand,
            "accent": shades_of(brand.accent),
            "topics": topics,
            "base_url": base_url,
            "root": self.root,
        }

    @cached_property
    def assets(self) -> Mapping[str, bytes]:
        """The style sheets and scripts, by name."""
        return {name: self._environment.get_template(f"web/{name}").render().encode() for name in ASSETS}

    @cached_property
    def version(self) -> str:
        """A hash of the assets. It is part of their paths, so that browsers may cache them forever."""
        joined = b"".join(self.assets[name] for name in sorted(self.assets))
        return hashlib.sha256(joined).hexdigest()[:12]

    @cached_property
    def templates_hash(self) -> str:
        """A hash of all templates of pages: with another one, no page is as it was."""
        names = sorted(name for name in self._environment.list_templates() if name.startswith("web/"))
        loader = self._environment.loader
        assert loader is not None
        sources = [loader.get_source(self._environment, name)[0] for name in names]
        return hashlib.sha256("\0".join([*names, *sources]).encode()).hexdigest()[:12]

    def html(self, name: str, /, **context: Any) -> str:
        """The HTML of one page, such as `sign-up` or `archive/paper`."""
        return self._environment.get_template(f"web/{name}.html.j2").render(
            {"version": self.version, **context}
        )
