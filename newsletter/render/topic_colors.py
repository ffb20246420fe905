"""Assigns accent colours to topics, in shades that can be read on a light and on a dark page.

It decides colours only; the styles of the templates use them.
"""

from __future__ import annotations

import colorsys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

LIGHT_PAGE = "#fffdf9"
DARK_PAGE = "#1b1a18"
CONTRAST = 4.5  # WCAG 2.1, 1.4.3 level AA, for text
CONTRAST_MARGIN = {LIGHT_PAGE: 1.0, DARK_PAGE: 2.5}  # added; thin letters on a dark page need more

# copper, violet, fern, azure; a custom topic gets the next: plum, olive, rose, slate
PALETTE = ("#c2662b", "#7466cf", "#2f8e6c", "#2b7fb8", "#9a4f96", "#77802a", "#bd5468", "#5f7388")
NEUTRAL_ACCENT = "#6b655b"  # of the section for everything else


@dataclass(frozen=True, slots=True, kw_only=True)
class AccentShades:
    """The shades of one accent."""

    bar: str  # "#rrggbb": bars and rules on the light page
    text: str  # headings on the light page
    dark: str  # headings, bars and rules on the dark page


def shades_of(accent: str) -> AccentShades:
    """Darken and lighten `accent` ("#rrggbb") until its text can be read on the light and the dark page."""
    return AccentShades(
        bar=accent,
        text=_until_readable(accent, LIGHT_PAGE, step=-0.01),
        dark=_until_readable(accent, DARK_PAGE, step=0.01),
    )


def assign(topics: Iterable[tuple[str, str | None]], *, everything: str) -> Mapping[str, str]:
    """An accent for each (slug, own accent or None); topics without an own one get the palette in order."""
    chosen: dict[str, str] = {}
    number = 0
    for slug, own in topics:
        if own:
            chosen[slug] = own
        elif slug == everything:
            chosen[slug] = NEUTRAL_ACCENT
        else:
            chosen[slug] = PALETTE[number % len(PALETTE)]
            number += 1
    return chosen


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, 1 to 21 (WCAG 2.1)."""
    brighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def _until_readable(accent: str, page: str, *, step: float) -> str:
    hue, lightness, saturation = colorsys.rgb_to_hls(*_parts(accent))
    colour = accent
    while contrast(colour, page) < CONTRAST + CONTRAST_MARGIN[page] and 0 < lightness + step < 1:
        lightness += step
        red, green, blue = colorsys.hls_to_rgb(hue, lightness, saturation)
        colour = f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"
    return colour


def _parts(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    return red, green, blue


def _luminance(colour: str) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in _parts(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
