"""Jinja for mail: sandboxed, strict, escaping HTML; an operator's own templates win over the shipped ones.

Renders nothing by itself.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from newsletter.core.errors import ConfigurationError
from newsletter.render.slots import Ink


def templates_root() -> Path:
    """Where the shipped templates lie: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    for root in (package / "templates", package.parent / "templates"):
        if (root / "email").is_dir():
            return root
    raise ConfigurationError(
        "the templates are missing from this installation", hint="Install the package again."
    )


def _is_html(name: str | None) -> bool:
    # Not select_autoescape: it looks for ".html.j2", and the layout itself is named html.j2.
    return name is None or name.endswith(("html.j2", ".html"))


def _wrapped(text: str, first: str = "", rest: str = "") -> str:
    """`text` in lines of at most 76 columns, opened by `first`, then by `rest`: for plain-text parts."""
    return textwrap.fill(
        text,
        76,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


class MailEnvironment(ImmutableSandboxedEnvironment):
    """The environment of mail templates, and the ink that marks its slots."""

    def __init__(self, overrides: Sequence[Path] = ()) -> None:
        """overrides: folders that win over the shipped templates, first wins (`<state>/templates`)."""
        self.ink = Ink()
        super().__init__(
            loader=FileSystemLoader([*overrides, templates_root()]),
            autoescape=_is_html,
            undefined=StrictUndefined,
            finalize=self.ink.finalize,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        self.filters["wrapped"] = _wrapped
        # Operator templates get what they are handed, not the interpreter.
        self.globals = {
            name: self.globals[name] for name in ("range", "dict", "joiner") if name in self.globals
        }
