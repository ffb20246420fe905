"""Reading rosters as spreadsheets and other programs write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from subscribers.errors import RosterError
from subscribers.roster.reading import BATCH, Roster, RosterRow


def rows(path: Path) -> list[RosterRow]:
    with Roster(path) as roster:
        return [row for batch in roster.batches() for row in batch]


def roster(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "roster.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


ADA = RosterRow(number=2, cells={"email": "ada@example.org", "name": "Åda", "topics": "a;b"})


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_roster_reads_any_encoding_line_end_and_delimiter(
    tmp_path: Path, encoding: str, newline: str, delimiter: str
) -> None:
    lines = ["EMAIL,Name,Topics", 'ada@example.org,Åda,"a;b"']
    text = newline.join(line.replace(",", delimiter) for line in lines) + newline
    assert rows(roster(tmp_path, text.encode(encoding))) == [ADA]


def test_roster_of_one_column(tmp_path: Path) -> None:
    assert rows(roster(tmp_path, "email\nada@example.org\n")) == [
        RosterRow(number=2, cells={"email": "ada@example.org"})
    ]


def test_roster_with_excels_line_about_the_delimiter(tmp_path: Path) -> None:
    assert rows(roster(tmp_path, "sep=;\r\nemail;name\r\nada@example.org;Ada\r\n")) == [
        RosterRow(number=3, cells={"email": "ada@example.org", "name": "Ada"})
    ]


def test_roster_numbers_rows_as_a_spreadsheet_does(tmp_path: Path) -> None:
    content = 'email,name\n\nada@example.org,"Ada\nLovelace"\n,\nbob@example.org\n'
    assert rows(roster(tmp_path, content)) == [
        RosterRow(number=3, cells={"email": "ada@example.org", "name": "Ada\nLovelace"}),
        RosterRow(number=5, cells={"email": "bob@example.org"}),
    ]


def test_roster_with_line_breaks_in_its_header(tmp_path: Path) -> None:
    assert rows(roster(tmp_path, '"e-\nmail",name\nada@example.org,Ada\n')) == [
        RosterRow(number=2, cells={"email": "ada@example.org", "name": "Ada"})
    ]


def test_roster_row_with_too_many_cells_is_unreadable(tmp_path: Path) -> None:
    assert rows(roster(tmp_path, "email,name\nada@example.org,Lovelace, Ada\nbob@example.org,Bob,,\n")) == [
        RosterRow(number=2, cells={}, reason="has 3 cells where the header has 2; is a quote missing?"),
        RosterRow(number=3, cells={"email": "bob@example.org", "name": "Bob"}),
    ]


def test_roster_goes_on_after_a_cell_that_is_too_large(tmp_path: Path) -> None:
    found = rows(roster(tmp_path, f"email\n{'x' * 200_000}\nada@example.org\n"))
    assert found[0].reason == "cannot be read: field larger than field limit (131072)"
    assert found[-1].cells == {"email": "ada@example.org"}


def test_roster_comes_in_batches(tmp_path: Path) -> None:
    lines = "".join(f"reader{n}@example.org\n" for n in range(BATCH + 1))
    with Roster(roster(tmp_path, f"email\n{lines}")) as opened:
        assert [len(batch) for batch in opened.batches()] == [BATCH, 1]
        assert opened.position == opened.size


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"name,topics\nAda,a\n", "has no column email; it has none"),
        (b"phone,fax\n1,2\n", "has no column email; it has 'phone', 'fax'"),
        (b"ada@example.org\n", "The first row must be a header"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)), "is no text"),
    ],
)
def test_roster_refuses_what_is_none(tmp_path: Path, content: bytes, told: str) -> None:
    with pytest.raises(RosterError) as caught:
        Roster(roster(tmp_path, content))
    assert told in str(caught.value)


def test_roster_refuses_a_missing_file_and_a_directory(tmp_path: Path) -> None:
    with pytest.raises(RosterError, match="No such file"):
        Roster(tmp_path / "missing.csv")
    with pytest.raises(RosterError, match="Is a directory"):
        Roster(tmp_path)
