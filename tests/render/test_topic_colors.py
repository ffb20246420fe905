from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from newsletter.render.topic_colors import DARK_PAGE, LIGHT_PAGE, PALETTE, assign, contrast, shades_of


def test_contrast_of_black_and_white_is_21() -> None:
    assert round(contrast("#000000", "#ffffff"), 6) == 21
    assert contrast("#777777", "#777777") == 1


@given(st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}"))
def test_shades_of_any_colour_can_be_read_on_both_pages(accent: str) -> None:
    shades = shades_of(accent)
    assert shades.bar == accent
    assert contrast(shades.text, LIGHT_PAGE) >= 4.5
    assert contrast(shades.dark, DARK_PAGE) >= 4.5


def test_assign_gives_the_next_accent_to_topics_without_one() -> None:
    topics = [("circuits", None), ("mine", "#123456"), ("quantum", None), ("everything", None)]
    assert assign(topics, everything="everything") == {
        "circuits": PALETTE[0],
        "mine": "#123456",
        "quantum": PALETTE[1],
        "everything": "#6b655b",
    }
