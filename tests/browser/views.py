"""Defines views of a page: width, colour scheme, with or without scripts. Starts no browser."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Literal

import pytest

Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
PHONE, DESKTOP = 375, 1280  # CSS pixels: a small phone of today, a laptop


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One view of a page."""

    width: int = DESKTOP  # of the window, CSS pixels
    scheme: Scheme = "light"
    script: bool = True  # whether scripts of the page run

    def __str__(self) -> str:
        return f"{self.width}-{self.scheme}" + ("" if self.script else "-noscript")


VIEWS = tuple(
    View(width=width, scheme=scheme, script=script)
    for width, scheme, script in product((PHONE, DESKTOP), SCHEMES, (True, False))
)
every_view = pytest.mark.parametrize("view", VIEWS, ids=str)
