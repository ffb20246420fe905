"""What a person sees on a terminal of 80 columns: whole lines, and line ends instead of their escapes."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path

import pytest

from newsletter.cli.commands.why import mail_heading
from newsletter.cli.printable import one_line, printable
from newsletter.cli.roster_report import change_words
from newsletter.cli.tables import lay_out, wrapped_prose
from newsletter.samples import dumps
from tests.cli.shell import Shell
from tests.cli.terminal import on_terminal
from tests.marks import first_quick

READER = "ada@example.org"


@pytest.fixture
def lively(shell: Shell) -> Shell:
    """A newsletter with a reader and an edition that they were not mailed yet."""
    shell.ok("subscribers", "add", READER, "--topic", "quantum", "--topic", "everything", "--confirmed")
    shell.ok("ingest", str(dumps()[-1]))
    shell.ok("editions", "publish")
    return shell


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\r\nb\r\n", "a\nb\n"),
        ("a\n\r\nb", "a\n\nb"),
        ("a\rb", "a\\x0db"),
        ("a\r\r\nb", "a\\x0d\nb"),
        ("a\x1b[2J\r\n", "a\\x1b[2J\n"),
    ],
)
def test_crlf_is_a_line_end_and_a_carriage_return_alone_is_not(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert one_line(text) == shown.replace("\n", " ")


@pytest.mark.parametrize(
    "command",
    first_quick(
        [
            f"preview {READER} --format eml",
            "subscribers export",
            f"preview {READER}",
            f"preview {READER} --format html",
            f"dumps show {dumps()[-1].name}",
        ],
        2,
    ),
)
def test_a_terminal_shows_line_ends(lively: Shell, command: str) -> None:
    shown = on_terminal(lively.state_dir, *command.split())
    assert len(shown.splitlines()) > 1
    assert not re.search(r"\\x|\r", shown)


@pytest.mark.parametrize(
    ("detail", "words"),
    [
        ({"consent": "given elsewhere"}, "consent given elsewhere"),
        (
            {"cadence": "weekly", "weekday": "friday", "was": {"cadence": "daily", "weekday": None}},
            "cadence weekly (was daily), weekday friday",
        ),
        ({"hour": None, "was": {"hour": 7}}, "no hour (was 7)"),
        ({"cards": None, "was": {"cards": 10}}, "all cards (was 10)"),
        ({"maximum": None, "minimum": 2, "was": {"maximum": None, "minimum": 1}}, "minimum 2 (was 1)"),
        ({"text_only": True, "was": {"text_only": False}}, "text only yes (was no)"),
        ({"name": "", "was": {"name": "Ada"}}, "no name (was Ada)"),
        ({"form": "signup", "client": "ab12" * 16}, "form signup, client ab12ab12ab12"),
        ({"reason": "", "reply": None, "topics": []}, ""),
        ({}, ""),
    ],
)
def test_detail_of_a_change_has_no_empty_values_and_short_hashes(
    detail: dict[str, object], words: str
) -> None:
    assert change_words(detail) == words


def test_history_keeps_its_columns_at_80(lively: Shell) -> None:
    with sqlite3.connect(lively.state_dir / "newsletter.sqlite3") as connection:
        detail = {
            "form": "web",
            "client": "0123456789abcdef" * 4,
            "page": "https://newsletter.example/subscribe/a-page-with-a-rather-long-name",
            "said": "all of this was said on a page " * 3,
        }
        connection.execute("UPDATE consent_events SET detail = ?", (json.dumps(detail),))
    connection.close()
    lively.ok("subscribers", "add", READER, "--cadence", "weekly", "--weekday", "friday")
    shown = on_terminal(lively.state_dir, "subscribers", "history", READER).splitlines()
    assert max(map(len, shown)) <= 80
    assert "0123456789ab" in "".join(shown)
    assert "0123456789abc" not in "".join(shown)
    start = next(line for line in shown if "detail" in line).index("detail")
    said = [line for line in shown if "all of this" in line or "cadence" in line]
    assert said
    assert all(not line[:start].strip() or line.startswith("20") for line in said)


@pytest.mark.parametrize(
    ("editions", "heading"),
    [
        ([2], "\nMail 7, sent at 19:55, edition 2:"),
        ([2, 3], "\nMail 7, sent at 19:55, editions 2 and 3:"),
        ([], "\nMail 7, sent at 19:55:"),
    ],
)
def test_mail_of_a_day_has_its_own_heading(editions: list[int], heading: str) -> None:
    assert mail_heading({"delivery": 7, "at": "2026-04-14T19:55:00+02:00", "editions": editions}) == heading


@pytest.mark.parametrize(
    "name", ["2026-04-13.txt", "Daily Papers of Hugging Face, 13 April 2026 (evening).txt"]
)
def test_ingest_keeps_what_it_counted(shell: Shell, tmp_path: Path, name: str) -> None:
    page = tmp_path / name
    page.write_bytes(dumps()[0].read_bytes())
    heads = on_terminal(shell.state_dir, "ingest", str(page)).split("─")[0].split()
    assert {"file", "status", "entries", "new", "known"} <= set(heads)


REPLY = "451 4.7.1 Greylisting in action, please come back later; see https://postmaster.example/greylisting"


@pytest.mark.parametrize("room", [60, 80, 100])
def test_long_text_stands_below_its_row(room: int) -> None:
    columns = ("id", "address", "state", "attempts", "composed", "next try", "reply")
    row = (
        "1",
        "maximiliane@institute.example",
        "deferred",
        "3",
        "2026-04-13 07:00",
        "2026-04-13 08:00",
        REPLY,
    )
    table = lay_out(
        columns, [row], room=room, important=("id", "address", "state", "attempts"), below="reply"
    )
    assert "attempts" in " ".join(table.head).split()
    assert "reply" not in table.left_out
    first, *others = table.rows
    assert first.startswith(" 1  maximiliane@institute.example  deferred         3")
    assert " ".join(line.strip() for line in others) == REPLY
    assert len(others) <= 2 + (room < 80)
    assert all(len(line) <= max(room, 4 + 50) for line in table.rows)


def test_long_text_stays_in_the_row_where_there_is_room() -> None:
    table = lay_out(("id", "reply"), [("1", "250 ok")], room=80, below="reply")
    assert table.rows == (" 1  250 ok",)
    assert lay_out(("id", "reply"), [("1", REPLY)], below="reply").rows == (f"1   {REPLY}",)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("one two three four five six", "one two three four\nfive six"),
        ("  one two three four five six", "  one two three four\n  five six"),
        ("so: `newsletter send --now` now", "so:\n`newsletter send --now`\nnow"),
        ("one two (`a b c d e`), and more", "one two\n(`a b c d e`), and\nmore"),
        ("a\n\n  b", "a\n\n  b"),
        ("an odd ` mark here and more words", "an odd ` mark here\nand more words"),
        ("https://a.example/a-very-long-path is long", "https://a.example/a-very-long-path\nis long"),
    ],
)
def test_prose_is_wrapped_but_no_command(text: str, shown: str) -> None:
    assert wrapped_prose(text, 20) == shown


SENTENCES = [
    "editions list",
    "papers topic 1 --add circuits",
    "keys rotate",
    "send --dry-run",
    "init",
    "subscribers show nobody@with-a-rather-long-domain.example",
    "editions show 99",
    "dumps show no-such-file-of-any-day.txt",
]


@pytest.mark.parametrize("command", first_quick(SENTENCES, 3))
def test_sentences_are_wrapped_on_a_terminal(lively: Shell, command: str) -> None:
    lively.ok("editions", "hold", "1")
    shown = on_terminal(lively.state_dir, *command.split())
    assert shown.strip()
    # What has no space to break at stays whole: a path, an address, a command.
    for line in shown.splitlines():
        assert len(line) <= 80 or re.match(r" *(\S+|[^`]{0,3}`[^`]*`\S*|\S*newsletter .*)$", line), line


def test_pipe_gets_whole_sentences_and_a_terminal_whole_records(lively: Shell) -> None:
    lively.ok("editions", "hold", "1")
    answer = lively.ok("editions", "list")
    assert any(len(line) > 80 for line in answer.stderr.splitlines())
    record = on_terminal(lively.state_dir, "dkim", "keygen", "--selector", "news")
    value = next(line for line in record.splitlines() if line.startswith("value: "))
    assert len(value) > 200
