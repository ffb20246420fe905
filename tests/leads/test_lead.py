"""Which stretch of an abstract is its lead, whatever the abstract looks like."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.leads import LONGEST_LEAD, Lead, lead_of
from tests.growth import assert_linear

LONG = (
    "We propose a method for lamps of every size, "
    + "which burns and burns " * 9
    + ", while "
    + "it glows " * 30
)


def checked(lead: Lead | None, abstract: str) -> Lead | None:
    """The lead, after a look at what holds for each: it is of the abstract, and short enough."""
    if lead is not None:
        assert lead.text in (abstract[lead.start : lead.end], abstract[lead.start : lead.end] + "…")
        assert lead.text == lead.text.strip() != ""
        assert len(lead.text) <= LONGEST_LEAD
    return lead


def test_lead_is_the_sentence_that_says_what_the_paper_does() -> None:
    abstract = "Lamps are old. In this paper, we propose LampNet, a network of lamps that burn. It is good."
    lead = checked(lead_of("LampNet", abstract), abstract)
    assert lead is not None
    assert lead.text == "we propose LampNet, a network of lamps that burn."
    assert abstract[lead.start : lead.end] == lead.text


@pytest.mark.parametrize("abstract", ["", " ", "\n\n", "word" * 3_000, "語" * 10_000, "<p>" * 500])
def test_there_is_no_lead_where_nothing_can_be_shown(abstract: str) -> None:
    assert lead_of("Lamps", abstract) is None


@pytest.mark.parametrize(
    ("abstract", "text"),
    [
        ("Withdrawn", "Withdrawn"),
        ("WE PROPOSE LAMPS. THEY BURN.", None),
        ("我们提出一种灯。它会发光。", None),
        ("no end in sight", "no end in sight"),
        ("<p>We propose lamps.</p>", None),
        ("?!", "?!"),
        ("We show $x. Y$ of lamps", "We show $x. Y$ of lamps"),
        (LONG, LONG[: LONG.index(" , while")].rstrip() + "…"),
    ],
)
def test_odd_abstract_has_a_lead(abstract: str, text: str | None) -> None:
    lead = checked(lead_of("Lamps", abstract), abstract)
    assert lead is not None
    if text is not None:
        assert lead.text == text


@given(
    st.text(max_size=60),
    st.lists(
        st.one_of(
            st.text(max_size=40),
            st.sampled_from(
                ["We propose ", ". ", ".", "! ", "$", "(", ")", "e.g. ", "\n\n", "。", ", ", "; ", "…"]
            ),
            st.sampled_from(["lamp " * 80, "http://a.b/c.D", "\\(", "\\)", "“", "”", "<b>", "1. "]),
        ),
        max_size=40,
    ).map("".join),
)
def test_lead_is_always_of_the_abstract_and_short(title: str, abstract: str) -> None:
    checked(lead_of(title, abstract), abstract)


FIRST = "We propose a lamp that burns in all rooms of a large house at any hour of the day"
BEGIN = FIRST + ", and yet for many years to come"


@pytest.mark.parametrize(
    ("rest", "shown"),
    [
        (", which needs oil, wicks, " + "glass " * 60, ""),
        (": (i) it burns; (ii) on oil, " + "glass " * 60, ": (i) it burns"),
        (" that needs oil, wicks, " + "glass " * 60, " that needs oil, wicks"),
        (" (with oil, wicks, " + "glass " * 30 + "and more) and needs a room " * 20, None),
        (" " + "glass " * 60, None),
    ],
)
def test_long_sentence_is_cut_where_a_clause_ends(rest: str, shown: str | None) -> None:
    abstract = BEGIN + rest + "."
    lead = checked(lead_of("", abstract), abstract)
    assert lead is not None
    assert lead.text == f"{FIRST if shown is None else BEGIN + shown}…"


@pytest.mark.parametrize(
    "piece", ["$a ", "((a", ". ", "a.B ", ", and ", "\n \n", "To see this ", "“?” ", "\\(", "1. "]
)
def test_cost_of_a_hostile_abstract_grows_with_its_length(piece: str) -> None:
    large = (piece * 8_000)[:8_000]
    assert_linear(lambda abstract: lead_of("Lamps", abstract), large[:1_000], large)
