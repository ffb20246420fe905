"""Which openings of sentences are left out, and which say something and stay."""

from __future__ import annotations

import pytest

from newsletter.leads.openings import LEAST_LEFT, begin_after_opening

REST = "we propose lamps that burn for a long and happy time."


@pytest.mark.parametrize(
    "opening",
    [
        "In this paper, ",
        "In this technical report, ",
        "In this work ",
        "In this work,\n",
        "To\naddress this\ngap, ",
        "To address this gap, ",
        "To address these critical open challenges, ",
        "To address this, in this paper, ",
        "To systematically fill the gap, ",
        "To this end, ",
        "Building on this insight, ",
        "Motivated by these findings, ",
        "However, ",
        "Therefore, in this study, ",
        "Specifically, ",
        "More importantly, ",
        "In particular, ",
    ],
)
def test_opening_that_points_elsewhere_is_left_out(opening: str) -> None:
    text = f"It is dark. {opening}{REST}"
    assert text[begin_after_opening(text, 12, len(text)) :] == REST


@pytest.mark.parametrize(
    "opening",
    [
        "",
        "In dark rooms, ",
        "In this setting, ",
        "Under this assumption, ",
        "To light a dark room without wires, ",
        "For large lamps, ",
        "Unlike candles, ",
        "On five thousand lamps, ",
        "Thus lit, ",
        "To show that lamps burn, ",
        "To do this without wires, ",
        "Using this in dark rooms, ",
        "To our knowledge, ",
    ],
)
def test_opening_that_says_something_stays(opening: str) -> None:
    text = f"{opening}{REST}"
    assert begin_after_opening(text, 0, len(text)) == 0


def test_opening_stays_where_little_follows() -> None:
    text = "In this paper, " + "x" * (LEAST_LEFT - 1)
    assert begin_after_opening(text, 0, len(text)) == 0
