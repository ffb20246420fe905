from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.mail.text_wrap import WIDTH, columns, wrapped

_LINK = "https://papers.example.org/preferences/" + "x" * 90


def test_wrapped_breaks_at_spaces_and_indents() -> None:
    text = "one two three four five six"
    assert wrapped(text, "* ", "  ", width=14) == "* one two\n  three four\n  five six"


def test_wrapped_keeps_links_whole_and_on_lines_of_their_own() -> None:
    assert wrapped(f"See {_LINK} for é.") == f"See\n{_LINK}\nfor é."
    assert wrapped(_LINK, "  ", "  ") == f"  {_LINK}"


def test_wrapped_counts_columns_not_code_points() -> None:
    assert wrapped("量子计算" * 12).split("\n") == ["量子计算" * 9 + "量子", "计算" + "量子计算" * 2]
    assert wrapped("é" * 70 + " " + "e\u0301" * 5) == "é" * 70 + " " + "e\u0301" * 5


@given(st.text(st.characters(categories=["L", "M", "N", "P", "S", "Zs"]), max_size=400))
def test_wrapped_loses_nothing_but_space(text: str) -> None:
    lines = wrapped(text, "  ", "  ").split("\n")
    assert "".join("".join(lines).split()) == "".join(text.split())


@given(st.lists(st.text("aé量e\u0301😀-", min_size=1, max_size=30), max_size=40).map(" ".join))
def test_wrapped_lines_fit(text: str) -> None:
    assert max(map(columns, wrapped(text, "* ", "  ").split("\n"))) <= WIDTH
