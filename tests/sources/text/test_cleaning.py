from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from newsletter.sources.text.cleaning import one_line, split_lines


def test_lines_lose_invisible_characters_and_blanks_become_single_spaces() -> None:
    text = "\ufeff a\u00a0\u2009b\u200b \x00\x1b\r\n\r\r\n\u202ec\u202c\u2028d\x85e\x0cf\r"
    text += "soft\u00adhyphen \ud800\n"
    assert split_lines(text) == ["a b", "", "c d e f", "softhyphen", ""]


def test_line_is_composed() -> None:
    assert one_line("cafe\u0301") == "caf\u00e9"


def test_joiners_stay() -> None:
    assert one_line("👩\u200d🔬 می\u200cخواهم") == "👩\u200d🔬 می\u200cخواهم"


@given(st.text())
def test_any_text_gives_one_line_without_controls(text: str) -> None:
    line = one_line(text)
    assert line == " ".join(line.split())
    assert not {unicodedata.category(char) for char in line} & {"Cc", "Cs", "Zl", "Zp"}
    assert not set(line) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\u200b")
