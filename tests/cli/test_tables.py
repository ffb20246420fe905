"""Tables fit the terminal: no word breaks, columns drop before words do. Into a pipe nothing is cut."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from newsletter.cli.tables import lay_out, wrapped
from newsletter.core.sentences import as_sentence
from newsletter.samples import dumps
from tests.cli.shell import Shell
from tests.cli.terminal import on_terminal

LONG = "maximiliane.von-und-zu-hohenzollern@institut-fuer-theoretische-physik.universitaet.example"
DATE = "2026-04-13 07:00"


@pytest.mark.parametrize(
    ("row", "room", "shown"),
    [
        (("ada@example.org", "confirmed", DATE), 50, ["ada@example.org  confirmed  2026-04-13 07:00"]),
        (("ada@example.org", "confirmed", DATE), 34, ["ada@example.org  confirmed"]),
        (("1", "Spiking networks learn", DATE), 37, ["1  Spiking networks  2026-04-13 07:00", "   learn"]),
        (("1", "量子计算 量子 计算 计算", "x"), 22, ["1  量子计算 量子     x", "   计算 计算"]),
        (("1", "Schro\u0308dinger equation", "x"), 24, ["1  Schro\u0308dinger         x", "   equation"]),
        ((LONG, "confirmed", "x"), 40, [LONG, "   confirmed  x"]),
        (("1", LONG, "x"), 40, ["1", LONG, "      x"]),
        (("", "", ""), 40, [""]),
    ],
)
def test_row_keeps_each_word_whole(row: Sequence[str], room: int, shown: list[str]) -> None:
    assert list(lay_out(("a", "b", "c"), [row], room=room).rows) == shown


@pytest.mark.parametrize(
    ("room", "important", "left_out"),
    [
        (80, (), ()),
        (34, (), ("reply",)),
        (34, ("reply",), ("state",)),
        (34, ("id", "reply", "address"), ("state",)),
        (26, ("id", "state", "address"), ("reply",)),
        (14, ("id", "reply"), ("address", "state")),
    ],
)
def test_least_important_columns_have_no_room_first(
    room: int, important: Sequence[str], left_out: Sequence[str]
) -> None:
    table = lay_out(
        ("id", "address", "state", "reply"),
        [("1", "eve@b.example", "sent", "250_accepted")],
        room=room,
        important=important,
    )
    assert table.left_out == tuple(left_out)


def test_narrow_column_stays_where_a_more_important_one_had_no_room() -> None:
    columns = ("id", "composed at", "next try at", "kind")
    table = lay_out(columns, [("1", DATE, DATE, "digest")], room=36, important=columns[:3])
    assert (table.left_out, table.rows) == (("next try at",), (f" 1  {DATE}  digest",))


def test_columns_without_a_value_go_before_all_others() -> None:
    table = lay_out(
        ("an empty one", "b", "c"), [("", "word", "another")], room=16, important=["an empty one"]
    )
    assert (table.left_out, table.rows) == (("an empty one",), ("word  another",))


WORDS = st.lists(st.text("abçß量子é-@.", min_size=1, max_size=30), max_size=6).map(" ".join)


@given(st.lists(st.tuples(WORDS, WORDS, WORDS), min_size=1, max_size=4), st.integers(10, 100))
def test_no_layout_breaks_a_word_or_leaves_the_terminal(rows: list[tuple[str, ...]], room: int) -> None:
    table = lay_out(("one", "two", "three"), rows, room=room)
    kept = [number for number, name in enumerate(("one", "two", "three")) if name not in table.left_out]
    assert kept
    shown = " ".join(table.rows).split()
    assert sorted(shown) == sorted(word for row in rows for number in kept for word in row[number].split())
    widest = max((cell_len(word) for word in shown), default=0)
    assert all(cell_len(line) <= max(room, widest) for line in (*table.head, *table.rows))


@given(st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=4))
def test_without_a_terminal_each_row_is_one_whole_line(rows: list[tuple[str, ...]]) -> None:
    table = lay_out(("one", "two"), rows)
    assert len(table.rows) == len(rows)
    assert table.left_out == ()


def test_wrapping_keeps_dates_with_their_hour_and_spaces_within_a_line() -> None:
    assert wrapped(f"at {DATE} and  later", 16) == ["at", DATE, "and  later"]
    assert wrapped("", 5) == [""]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("the mail server refuses us", "The mail server refuses us"),
        ("edition 3 is held", "Edition 3 is held"),
        ("notes.txt lies in the inbox", "notes.txt lies in the inbox"),
        ("ada@example.org has left", "ada@example.org has left"),
        ("mx-1.example:25 refuses", "mx-1.example:25 refuses"),
        ("base_url is wrong", "base_url is wrong"),
        ("über alles, nothing", "Über alles, nothing"),
        ("", ""),
    ],
)
def test_sentence_begins_with_a_capital_but_for_names(words: str, sentence: str) -> None:
    assert as_sentence(words) == sentence


@pytest.mark.parametrize("words", ["listing lies in the inbox", "a day.txt is held", "über alles, nothing"])
def test_sentence_that_surely_begins_with_a_name_keeps_its_letters(words: str) -> None:
    assert as_sentence(words, named=True) == words


@pytest.mark.full
@pytest.mark.parametrize("columns", [60, 80])
def test_each_line_fits_a_narrow_terminal(shell: Shell, columns: int) -> None:
    shell.settings('[smtp]\nhost = "127.0.0.1"\nport = 9\n')
    agreed = ("--confirmed", "--at", "2026-04-12T05:00")
    taro = "taro.yamada@readers.example"
    for address in (f"山田太郎 <{taro}>", "ada@readers.example"):
        shell.ok("subscribers", "add", address, "--topic", "interpretability", *agreed)
    shell.ok("ingest", str(dumps()[0]), "--at", "2026-04-13T06:00")
    shell("send", "--at", "2026-04-13T07:00")
    for arguments, whole in (
        (("subscribers", "list"), (taro, "interpretability")),
        (("deliveries", "list"), (taro, "queued")),
        (("papers", "list"), ("2026-04-13", "Memory-Efficient")),
        (("editions", "list"), ("2026-04-13", "interpretability")),
        (("dumps", "list"), ("2026-04-13.txt", "ingested")),
        (("topics", "explain", "1"), ("interpretability", "mechanistic")),
        (("papers", "show", "1"), ("2024-06-17",)),
        (("subscribers", "history", taro), ("2026-04-12 05:00", "confirmed")),
    ):
        printed = on_terminal(shell.state_dir, *arguments, columns=columns)
        assert max(cell_len(line) for line in printed.splitlines()) <= columns
        for word in whole:
            assert word in printed


def test_pipe_gets_every_column(shell: Shell) -> None:
    shell.ok("subscribers", "add", LONG, "--topic", "quantum", "--confirmed")
    head, row = shell.ok("subscribers", "list").stdout.splitlines()
    assert head.split() == ["address", "state", "topics", "cadence", "hour", "timezone"]
    assert row.split() == [LONG, "confirmed", "quantum", "daily", "7", "UTC"]


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (("ingest", "notes.txt"), "Refused: notes.txt: there is no such file. Check its name and folder.\n"),
        (
            ("subscribers", "import", "notes.csv"),
            "Error: cannot read notes.csv: No such file or directory. Name a CSV file.\n",
        ),
        (
            ("topics", "check", "a/notes.txt"),
            "Error: there is no file a/notes.txt. Check its name and folder.\n",
        ),
        (("topics", "classify", "n.jsonl"), "Error: there is no file n.jsonl. Check its name and folder.\n"),
        (("topics", "test", "n.toml"), "Error: there is no file n.toml. Check its name and folder.\n"),
        (("restore", "--force", "n"), "Error: there is no file n. `newsletter backup` makes one.\n"),
    ],
)
def test_missing_file_is_one_line(shell: Shell, arguments: tuple[str, ...], printed: str) -> None:
    answer = shell(*arguments)
    assert (answer.code, answer.stdout, answer.stderr) == (1, "", printed)


@pytest.mark.parametrize(
    ("prepare", "arguments", "printed"),
    [
        ((), ("send",), "Nothing is due, and no reader is confirmed.\n"),
        (
            ("subscribers", "add", "ada@readers.example", "--confirmed", "--topic", "quantum"),
            ("send",),
            "Nothing is due. The next time that something may be is 2026-04-14 07:00 UTC.\n",
        ),
        (
            ("subscribers", "add", "a@b.example", "--confirmed", "--hour", "23", "--timezone", "Asia/Tokyo"),
            ("send", "--dry-run"),
            "Nothing is due. The next time that something may be is 2026-04-13 14:00 UTC.\n",
        ),
        (
            (
                "subscribers",
                "add",
                "a@b.example",
                "--confirmed",
                "--cadence",
                "weekly",
                "--weekday",
                "friday",
            ),
            ("send", "--now"),
            "Nothing is due. The next time that something may be is 2026-04-17 07:00 UTC.\n",
        ),
    ],
)
def test_nothing_to_do_is_said_with_the_next_time(
    shell: Shell, prepare: tuple[str, ...], arguments: tuple[str, ...], printed: str
) -> None:
    if prepare:
        shell.ok(*prepare, "--at", "2026-04-13T08:00")
    assert shell.ok(*arguments, "--at", "2026-04-13T09:00").stdout == printed


def test_no_time_is_printed_with_fractions_of_seconds(shell: Shell, tmp_path: Path) -> None:
    shell.settings('[smtp]\nhost = "127.0.0.1"\nport = 9\n')
    shell.ok("subscribers", "add", "ada@readers.example", "--topic", "everything", "--confirmed")
    page = tmp_path / "2026-04-13.txt"
    page.write_bytes(dumps()[0].read_bytes())
    printed = shell.ok("ingest", str(page)).stdout
    for arguments in (
        ("send", "--now"),
        ("deliveries", "show", "1"),
        ("deliveries", "list"),
        ("editions", "list"),
        ("editions", "show", "1"),
        ("editions", "hold", "1"),
        ("editions", "release", "1"),
        ("editions", "note", "1", "words"),
        ("subscribers", "pause", "ada@readers.example", "--until", "2099-01-01"),
        ("subscribers", "history", "ada@readers.example"),
        ("subscribers", "show", "ada@readers.example"),
        ("why", "ada@readers.example"),
        ("papers", "show", "1"),
        ("keys", "list"),
        ("dumps", "show", "2026-04-13.txt"),
    ):
        answer = shell(*arguments)
        printed += f"{arguments} {answer.stdout}{answer.stderr}\n"
    assert re.findall(r".*\d:\d\d\.\d.*|.*\d\dT\d\d:.*", printed) == []
