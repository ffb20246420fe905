"""Columns under any of their names, and cells that a spreadsheet must not run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscribers.roster.columns import Columns, defuse, recognise, restore


def test_recognise_knows_synonyms_and_names_what_it_ignores() -> None:
    assert recognise(["Mail", " Full Name ", "Phone", "TOPICS", "", "Tags", "Lists"]) == Columns(
        fields=("email", "name", None, "topics", None, "tags", "tags"), ignored=("Phone",)
    )


def test_recognise_takes_an_address_for_an_email_address_only_when_there_is_no_better() -> None:
    assert recognise(["Address", "Email Address"]).fields == (None, "email")
    assert recognise(["Address", "Name"]).fields == ("email", "name")


def test_recognise_names_a_header_that_occurs_twice() -> None:
    assert recognise(["E-Mail", "Name", "email", "Phone", "Phone"]) == Columns(
        fields=("email", "name", None, None, None), ignored=("email", "Phone", "Phone"), ambiguous=("E-Mail",)
    )


def test_recognise_knows_the_formats_of_other_tools() -> None:
    assert recognise(["Email Address", "State", "TIMEZONE", "Topics", "MEMBER_RATING"]) == Columns(
        fields=("email", None, "likely_timezone", "tags", None),
        ignored=("State", "MEMBER_RATING"),
        format="Mailchimp export",
    )


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "'=1", "＝1"])
def test_defuse_puts_an_apostrophe_before_a_formula(cell: str) -> None:
    assert defuse(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["Ada", "O'Hara", "'tis", "1=1", ""])
def test_defuse_leaves_other_cells(cell: str) -> None:
    assert (defuse(cell), restore(cell)) == (cell, cell)


@given(st.text(alphabet=st.sampled_from("'=+-@\t\rab＝")))
def test_restore_undoes_defuse(cell: str) -> None:
    assert restore(defuse(cell)) == cell
    assert not defuse(cell).startswith(("=", "+", "-", "@", "\t", "\r", "＝"))
