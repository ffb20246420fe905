"""Columns under any of their names, and cells that a spreadsheet must not run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscribers.errors import RosterError
from subscribers.roster.columns import Columns, defuse, recognise, restore
from subscribers.roster.readings import BOUNCED, LEFT, OWN_STATE, STATUS


def test_recognise_knows_synonyms_and_names_what_it_ignores() -> None:
    assert recognise(["Mail", " Full Name ", "Phone", "TOPICS", "", "Tags", "Lists"]) == Columns(
        fields=("email", "name", None, "topics", None, "tags", "tags"),
        readings=(None,) * 7,
        ignored=("Phone",),
        unread=(2, 4, 5, 6),
        only_values=(5, 6),
    )


@pytest.mark.parametrize(
    ("title", "field"),
    [
        *(("E-Mail-Adresse", "email"), ("Adresse e-mail", "email"), ("Correo electrónico", "email")),
        *(("Indirizzo email", "email"), ("Электронная почта", "email"), ("E-mailadres", "email")),
        *(("Vorname", "first_name"), ("Prénom", "first_name"), ("Nombre", "first_name")),
        *(("Nachname", "last_name"), ("NOM", "last_name"), ("Apellidos", "last_name")),
        *(("first-name", "first_name"), ("LAST_NAME", "last_name"), ("Имя", "name")),
    ],
)
def test_recognise_knows_titles_in_other_languages(title: str, field: str) -> None:
    assert recognise([title]).fields == (field,)


def test_recognise_reads_every_column_that_gives_a_state() -> None:
    found = recognise(["email", "Status", "status", "Unsubscribed", "state", "Bounced at"])
    assert found.readings == (None, STATUS, STATUS, LEFT, OWN_STATE, BOUNCED)
    assert (found.ambiguous, found.ignored, found.unread, found.known) == ((), (), (), 6)


@pytest.mark.parametrize(
    ("ignore", "fields", "unread"),
    [
        (["phone"], ("email", None, None, "tags"), (2, 3)),
        (["Phone", "column 3"], ("email", None, None, "tags"), (3,)),
        (["Column 2", "column 3"], ("email", None, None, "tags"), (3,)),
        ([" TAGS "], ("email", None, None, None), (1, 2)),
    ],
)
def test_recognise_leaves_out_what_is_to_be_ignored(
    ignore: list[str], fields: tuple[str | None, ...], unread: tuple[int, ...]
) -> None:
    found = recognise(["email", "Phone", "", "Tags"], ignore=ignore)
    assert (found.fields, found.unread) == (fields, unread)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Fax", "there is no column 'Fax' to ignore"),
        ("", "there is no column '' to ignore"),
        ("column 9", "there is no column 'column 9'"),
        ("x" * 5000, "there is no column 'xxx"),
        ("E-Mail", "the column 'E-Mail' holds the addresses"),
    ],
)
def test_recognise_refuses_to_ignore_what_is_not_there(name: str, message: str) -> None:
    with pytest.raises(RosterError) as caught:
        recognise(["email", "Phone"], ignore=[name])
    assert message in caught.value.message
    assert len(str(caught.value)) < 400


def test_recognise_takes_an_address_for_an_email_address_only_when_there_is_no_better() -> None:
    assert recognise(["Address", "Email Address"]).fields == (None, "email")
    assert recognise(["Address", "Name"]).fields == ("email", "name")


def test_recognise_names_a_header_that_occurs_twice() -> None:
    assert recognise(["E-Mail", "Name", "email", "Phone", "Phone"]) == Columns(
        fields=("email", "name", None, None, None),
        readings=(None,) * 5,
        ignored=("email", "Phone", "Phone"),
        unread=(2, 3, 4),
        ambiguous=("E-Mail",),
    )


def test_recognise_knows_the_formats_of_other_tools() -> None:
    assert recognise(["Email Address", "State", "TIMEZONE", "Topics", "MEMBER_RATING"]) == Columns(
        fields=("email", None, "likely_timezone", "tags", None),
        readings=(None,) * 5,
        unread=(1, 3),
        only_values=(1, 3),
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
