"""Columns by any name, and cells that no spreadsheet runs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscribers.roster.columns import Columns, defuse, recognise, restore


def test_recognise_knows_synonyms_and_names_what_it_ignores() -> None:
    assert recognise(["E-Mail", " Full Name ", "Phone", "TOPICS", "", "email"]) == Columns(
        fields=("email", "name", None, "topics", None, None), ignored=("Phone", "email")
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
