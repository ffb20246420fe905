from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.render.truncate import cut, one_line, shortened


@pytest.mark.parametrize(
    ("text", "room", "expected"),
    [
        ("Short.", 80, "Short."),
        (
            "First sentence here. Second one there. Third, which is long.",
            45,
            "First sentence here. Second one there.",
        ),
        (
            "It gains 3.5 dB, e.g. in amplifiers. Then comes the rest of it all.",
            50,
            "It gains 3.5 dB, e.g. in amplifiers.",
        ),
        (
            "By J. Smith et al. in Fig. 3 we show it. And now more text follows.",
            50,
            "By J. Smith et al. in Fig. 3 we show it.",
        ),
        ("Is it so? Yes! (See Sec. 2.) It goes on and on and on.", 30, "Is it so? Yes! (See Sec. 2.)"),
        (
            "One. And then a very long sentence without any end in sight here.",
            40,
            "One. And then a very long sentence…",
        ),
        ("量子计算很难。我们做得更好。以后更好。", 15, "量子计算很难。我们做得更好。"),
        ("  many \n spaces\tand lines ", 80, "many spaces and lines"),
        ("x" * 50, 20, "x" * 19 + "…"),
        ("", 20, ""),
    ],
)
def test_cut_ends_after_a_sentence_or_a_word(text: str, room: int, expected: str) -> None:
    assert cut(text, room) == expected


@given(st.text("ab.é 。!?…\n-", max_size=300), st.integers(5, 120))
def test_cut_fits_and_invents_nothing(text: str, room: int) -> None:
    found = cut(text, room)
    assert len(found) <= room
    assert " ".join(text.split()).startswith(found.removesuffix("…"))


def test_shortened_marks_the_cut() -> None:
    assert [shortened("one two three", room) for room in (13, 12, 8, 7, 6)] == [
        "one two three",
        "one two…",
        "one two…",
        "one…",
        "one…",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("We show that less is more.", "We show that less is more."),
        (
            "We show a circuit that needs no clock, no bias, and no ground plane.",
            "We show a circuit that needs no clock, no bias…",
        ),
        (
            "We show a circuit that needs neither a clock and the bias of others",
            "We show a circuit that needs neither a clock…",
        ),
        (
            "We show a circuit for the measurement of the temperature of the",
            "We show a circuit for the measurement…",
        ),
        (
            "We, that is, all who took part in this very long experiment, agree",
            "We, that is, all who took part in this very long…",
        ),
        ("x" * 60, "x" * 49 + "…"),
    ],
)
def test_one_line_ends_at_a_clause_or_at_a_word_that_says_something(text: str, line: str) -> None:
    assert one_line(text, 50) == line
