"""Rosters as spreadsheets and other programs write them."""

from __future__ import annotations

import os
import tempfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscribers.errors import RosterError
from subscribers.roster.csv_records import MAX_LINE
from subscribers.roster.header import LINES_CHECKED
from subscribers.roster.reader import BATCH_ROWS, Roster, RosterRow


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
    lines = "".join(f"reader{n}@example.org\n" for n in range(BATCH_ROWS + 1))
    with Roster(roster(tmp_path, f"email\n{lines}")) as opened:
        assert [len(batch) for batch in opened.batches()] == [BATCH_ROWS, 1]
        assert opened.position == opened.size


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"name,topics\nAda,a\n", "has no column email; it has none"),
        (b"phone,fax\n1,2\n", "has no column email; it has 'phone', 'fax'"),
        (b"ada@example.org,Ada\n", "The first row must be a header"),
        (b"ada@example.org\nAda,ada@example.org\n", "The first row must be a header"),
        (b'"ada@example.org"\n', "The first row must be a header"),
        (b"email,name,E-Mail\n", "row 1: there are two columns 'email'"),
        (b"email," + b"x" * 70_000, "row 1: the header has no end"),
        (b'email,"name\n' + b"x\n" * 70_000, "row 1: the header has no end"),
        (b"PK\x03\x04" + bytes(range(256)), "a ZIP archive or an Excel workbook"),
        (b"\x1f\x8b\x08", "is compressed"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)), "is no text"),
    ],
)
def test_roster_refuses_a_file_that_is_not_a_roster(tmp_path: Path, content: bytes, expected: str) -> None:
    with pytest.raises(RosterError) as caught:
        Roster(roster(tmp_path, content))
    assert expected in str(caught.value)


def test_roster_of_addresses_needs_no_header(tmp_path: Path) -> None:
    content = '\ufeffada@example.org\r\n\r\n"Curie, \\"M\\"" <marie@example.org>\r\nnonsense, really\r\n'
    filler = "x@example.org\n" * LINES_CHECKED
    with Roster(roster(tmp_path, filler + content[1:])) as opened:
        [batch] = opened.batches()
    assert opened.format == "list of addresses"
    assert batch[LINES_CHECKED:] == [
        RosterRow(number=LINES_CHECKED + 1, cells={"email": "ada@example.org"}),
        RosterRow(number=LINES_CHECKED + 3, cells={"email": '"Curie, \\"M\\"" <marie@example.org>'}),
        RosterRow(number=LINES_CHECKED + 4, cells={"email": "nonsense, really"}),
    ]
    assert rows(roster(tmp_path, "\ufeffada@example.org\n")) == [
        RosterRow(number=1, cells={"email": "ada@example.org"})
    ]


@pytest.mark.parametrize("delimiter", [":", "^", "~", "\x1f", "¦"])
def test_roster_finds_any_delimiter(tmp_path: Path, delimiter: str) -> None:
    text = delimiter.join(["Full name", "e-mail"]) + "\n" + delimiter.join(["Ada", "ada@example.org"]) + "\n"
    assert rows(roster(tmp_path, text)) == [
        RosterRow(number=2, cells={"name": "Ada", "email": "ada@example.org"})
    ]


def test_roster_with_every_line_end_at_once(tmp_path: Path) -> None:
    content = "email\r\na@example.org\rb@example.org\nc@example.org"
    assert [row.cells["email"][0] for row in rows(roster(tmp_path, content))] == ["a", "b", "c"]


def test_roster_in_a_given_encoding(tmp_path: Path) -> None:
    path = roster(tmp_path, "email,name\nada@example.org,Ада\n".encode("koi8-r"))
    with Roster(path, encoding="koi8-r") as opened:
        assert [row.cells["name"] for [row] in opened.batches()] == ["Ада"]
    with pytest.raises(RosterError, match="there is no encoding 'klingon'"):
        Roster(path, encoding="klingon")


def test_roster_in_utf8_with_one_wrong_byte_refuses_that_row(tmp_path: Path) -> None:
    content = (
        "email,name\na@example.org,Åda\nb@example.org,".encode() + b"J\xfcrgen\nc@example.org,Zo\xc3\xab\n"
    )
    assert rows(roster(tmp_path, content)) == [
        RosterRow(number=2, cells={"email": "a@example.org", "name": "Åda"}),
        RosterRow(number=3, cells={}, reason="holds bytes that are no text in the encoding of the file"),
        RosterRow(number=4, cells={"email": "c@example.org", "name": "Zoë"}),
    ]


def test_roster_row_with_a_nul_is_unreadable(tmp_path: Path) -> None:
    assert rows(roster(tmp_path, "email,name\na@example.org,A\x00da\nb@example.org,Bob\n")) == [
        RosterRow(number=2, cells={}, reason="holds a NUL byte"),
        RosterRow(number=3, cells={"email": "b@example.org", "name": "Bob"}),
    ]


UNCLOSED = "a quote is opened and not closed"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('a@x.org,"Ada\nb@x.org,Bob\nc@x.org,Cyd\n', [UNCLOSED, "b@x.org", "c@x.org"]),
        ('a@x.org,"Ada\nb@x.org,"Bob"\nc@x.org,Cyd\n', [UNCLOSED, "b@x.org", "c@x.org"]),
        ('a@x.org,"Ada\nb@x.org,"Bob\n', [UNCLOSED, UNCLOSED]),
        ('a@x.org,"Ada\nb@x.org,Bob",\nc@x.org,Cyd\n', [UNCLOSED, "b@x.org", "c@x.org"]),
        ('"Ada" <a@x.org>,Ada\nb@x.org,Bob\n', ["Ada <a@x.org>", "b@x.org"]),
        ('a@x.org,5" disks\nb@x.org,Bob\n', ["a@x.org", "b@x.org"]),
        ('a@x.org,"' + "x\n" * 300 + "b@x.org,Bob\n", [UNCLOSED, *["x"] * 299, "b@x.org"]),
    ],
)
def test_roster_loses_no_row_to_a_wrong_quote(tmp_path: Path, content: str, expected: list[str]) -> None:
    found = rows(roster(tmp_path, f"email,name\n{content}"))
    assert [row.reason or row.cells["email"] for row in found] == expected
    assert [row.number for row in found] == list(range(2, len(expected) + 2))


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ('a@x.org,"Smith \\"Bob\\" J"', 'Smith "Bob" J'),
        ('a@x.org,"\\"Bob\\""', '"Bob"'),
        ('a@x.org,"5 inch \\""', '5 inch "'),
        ('a@x.org,"Smith, \\"Bob, the\\" J"', 'Smith, "Bob, the" J'),
        ('"a@x.org","a \\\\ \\"b\\""', 'a \\ "b"'),
        ('a@x.org,"Smith ""Bob"" J"', 'Smith "Bob" J'),
        ('a@x.org,"Smith \\"Bob\\" J', None),
        ('a@x.org,"Smith \\"Bob" J"', None),
        ('a@x.org,"Bob \\", J"', None),
        ('a@x.org,\\"Bob\\"', None),
        ('a@x.org,"Bob \\"" J"', None),
        ("a@x.org,Bob\\", None),
    ],
)
def test_roster_reads_quotes_after_a_backslash_or_refuses_their_row(
    tmp_path: Path, row: str, name: str | None
) -> None:
    found = rows(roster(tmp_path, f'email,name,topics\n{row},a\nb@x.org,"Ann",a\n"c@x.org","Cyd","a"\n'))
    assert found[0].cells.get("name") == name
    assert bool(found[0].reason) == (name is None)
    assert [row.cells.get("email") for row in found[1:]] == ["b@x.org", "c@x.org"]


def test_roster_keeps_backslashes_of_json_in_a_column_that_is_not_read(tmp_path: Path) -> None:
    content = 'email,attributes\na@x.org,"{""say"": ""a \\""b\\"" c""}"\nb@x.org,C:\\\n'
    assert [row.cells for row in rows(roster(tmp_path, content))] == [
        {"email": "a@x.org"},
        {"email": "b@x.org"},
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'e"mail,name\nx,y\n', "has no column email"),
        (b'"a\nb,email\nx,y\n' * 3, "has no column email"),
        (b"email," + ",".join(map(str, range(5000))).encode(), "there are 5001 columns"),
        ("".join(chr(n) for n in range(0x2190, 0x3000)).encode() * 20, "row 1: the header has no end"),
        ("".join(chr(n) for n in range(0x2190, 0x2F00)).encode(), "has no column email"),
        (b"\xff\xfe\x00\xd8\x00\xd8\n\x00", "has no column email"),
    ],
)
def test_roster_refuses_an_odd_header(tmp_path: Path, content: bytes, expected: str) -> None:
    with pytest.raises(RosterError) as caught:
        Roster(roster(tmp_path, content))
    assert expected in str(caught.value)
    assert len(str(caught.value)) < 1500


@pytest.mark.parametrize(
    "encoding",
    ["klingon", "idna", "punycode", "undefined", "unicode_escape", "utf-7", "base64", "rot13", "a\0b"],
)
def test_roster_refuses_what_is_no_encoding_of_a_file(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(RosterError, match="there is no encoding"):
        Roster(roster(tmp_path, "email\na@x.org\n"), encoding=encoding)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_roster_refuses_a_file_that_is_not_in_the_given_encoding(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(RosterError, match=f"cannot be read as {encoding}"):
        Roster(roster(tmp_path, "email\na@x.org\n"), encoding=encoding)


def test_roster_goes_on_after_a_line_without_an_end(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    with path.open("w") as file:
        file.write('email,name\na@example.org,"A\n')
        for _ in range(30):
            file.write("x" * 100_000)
        file.write("\nb@example.org,Bob\n" + "y" * (MAX_LINE + 5))
    tracemalloc.start()
    assert rows(path) == [
        RosterRow(number=2, cells={}, reason=UNCLOSED),
        RosterRow(number=3, cells={}, reason="is longer than 1,000,000 characters"),
        RosterRow(number=4, cells={"email": "b@example.org", "name": "Bob"}),
        RosterRow(number=5, cells={}, reason="is longer than 1,000,000 characters"),
    ]
    assert tracemalloc.get_traced_memory()[1] < 12 * MAX_LINE
    tracemalloc.stop()


@given(st.text(alphabet='a@,"\n\r;\x00é', max_size=60))
def test_roster_accounts_for_every_line_of_any_text(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "roster.csv"
        path.write_bytes(f"email,name\n{text}".encode())
        found = rows(path)
        kept = "".join("".join(row.cells.values()) for row in found)
        assert [row.number for row in found] == sorted({row.number for row in found})
        if not any(row.reason for row in found):
            assert kept.count("a") == text.count("a")


def test_roster_refuses_a_special_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(RosterError, match="is no regular file"):
        Roster(tmp_path / "pipe")


def test_roster_refuses_a_missing_file_and_a_directory(tmp_path: Path) -> None:
    with pytest.raises(RosterError, match="No such file"):
        Roster(tmp_path / "missing.csv")
    with pytest.raises(RosterError, match="Is a directory"):
        Roster(tmp_path)


@pytest.mark.parametrize("line", ["#bert@example.org", "# bert@example.org", "  #bert@example.org", "#"])
def test_commented_line_of_an_address_list_is_nobody(tmp_path: Path, line: str) -> None:
    path = tmp_path / "members.txt"
    many = "".join(f"r{number}@example.org\n" for number in range(30))
    path.write_text(f"{many}{line}\n", "utf-8")
    with Roster(path) as roster:
        [rows] = roster.batches()
    assert rows[-1].reason == "is commented out by its #"
    assert [row.reason for row in rows[:-1]] == [""] * 30
