"""An admin's decisions about papers: they answer with titles, ask when in doubt, and can be undone."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.cli.shell import Shell
from tests.pipeline.intake.scenario import PrintedPaper, page
from tests.pipeline.whole_newsletter import titles_in
from tests.smtp_servers.recording import RecordingServer

ROUTES = "Qubit routing for quantum codes"
ROUTES_AGAIN = "Routing qubits for quantum codes, revisited"
BREAD = "Sourdough and the art of waiting"
CHIP = "An analog circuit that sizes itself"
TITLES = (ROUTES, ROUTES_AGAIN, BREAD, CHIP)
ABSTRACT = "We describe the method at length, compare it with those before, and measure how well it does. "
EVERYTHING, LATE = "ada@readers.example", "bob@readers.example"
RUNS = [f"2026-04-{day:02}T07:00" for day in (14, 15, 16, 17, 23)]  # the 16th and the 23rd are Thursdays


def _shuffled(title: str) -> str:
    """Sentences that no other paper shares."""
    words = ABSTRACT.split() * 4
    Random(title).shuffle(words)
    return " ".join(words)


def _words(value: object) -> str | None:
    return " ".join(value) if isinstance(value, tuple) else None


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    with RecordingServer() as running:
        yield running


@pytest.fixture
def editor(shell: Shell, server: RecordingServer, tmp_path: Path) -> Shell:
    """Edition 1 holds four papers with ids 1 to 4. One reader follows everything daily, one on Thursdays."""
    shell.settings(f'[smtp]\nhost = "127.0.0.1"\nport = {server.port}\nsecurity = "none"\n')
    confirmed = ("--confirmed", "--at", "2026-04-12T12:00")
    shell.ok("subscribers", "add", EVERYTHING, "--topic", "everything", *confirmed)
    weekly = ("--cadence", "weekly", "--weekday", "thursday")
    shell.ok("subscribers", "add", LATE, "--topic", "everything", *weekly, *confirmed)
    dump = tmp_path / "dump.txt"
    printed = [PrintedPaper(title=title, abstract=f"{title}. {_shuffled(title)}") for title in TITLES]
    dump.write_bytes(page("Apr 14", *printed))
    shell.ok("ingest", str(dump), "--listed-on", "2026-04-14", "--at", "2026-04-14T05:00")
    shell.ok("editions", "publish", "--at", "2026-04-14T05:30")
    rows = shell.ok("papers", "list", "--json").json
    assert {row["id"]: row["title"] for row in rows} == dict(enumerate(TITLES, 1))
    return shell


def _undo(words: str) -> list[list[str]]:
    (line,) = re.findall("To undo it: (.*)", words)
    return [shlex.split(command)[1:] for command in re.findall("`([^`]+)`", line)]


@pytest.mark.full
@pytest.mark.parametrize(("done", "after"), [(0, 0), (0, 1), (0, 3), (1, 2), (3, 1)])  # runs
@pytest.mark.parametrize(
    "step",
    [
        ("editions", "drop", "3"),
        ("papers", "topic", "3", "--add", "circuits"),
        ("papers", "topic", "4", "--remove", "circuits"),
        ("papers", "merge", "1", "2"),
        ("papers", "merge", "1", "3", "--yes"),
    ],
    ids=_words,
)
def test_the_command_that_is_printed_undoes_it_and_the_ledger_stays_whole(
    editor: Shell, server: RecordingServer, step: tuple[str, ...], done: int, after: int
) -> None:
    for number, run in enumerate(RUNS):
        hour = run[:-5]
        if number == done:
            answer = editor.ok(*step, "--at", f"{hour}06:00")
            assert "“" in answer.stdout + answer.stderr
            undo = _undo(answer.stderr)
            editor.ok("audit", "--at", f"{hour}06:01")
        if number == done + after:
            for command in undo:
                editor.ok(*command, "--at", f"{hour}06:10")
            editor.ok("audit", "--at", f"{hour}06:11")
        editor.ok("send", "--at", run)
        editor.ok("audit", "--at", f"{hour}07:01")
    for address in (EVERYTHING, LATE):
        mails = [mail.data for mail in server.accepted if mail.recipient == address]
        got = Counter(title for data in mails for title in titles_in(data))
        assert set(got.values()) == {1}
        merged_meanwhile = (
            step[1] == "merge" and after > 0 and set(TITLES) - set(got) <= {ROUTES_AGAIN, BREAD}
        )
        assert set(got) == set(TITLES) or merged_meanwhile


def test_undo_of_a_merge_after_a_mail_brings_the_other_paper_with_news(
    editor: Shell, server: RecordingServer
) -> None:
    answer = editor.ok("papers", "merge", "1", "2", "--at", "2026-04-14T06:00")
    assert "add --news" in answer.stderr
    editor.ok("send", "--at", RUNS[0])
    (command,) = _undo(answer.stderr)
    editor.ok(*command, "--news", "--at", "2026-04-14T09:00")
    for run in RUNS[1:]:
        editor.ok("send", "--at", run)
    got = Counter(title for mail in server.accepted for title in titles_in(mail.data))
    assert got == dict.fromkeys(TITLES, 2)  # two readers
    editor.ok("audit", "--at", "2026-04-24T08:00")


def test_undo_of_a_merge_of_three_papers_and_of_an_unpublished_one(editor: Shell, tmp_path: Path) -> None:
    before = editor.ok("papers", "list", "--json").json
    editor.ok("papers", "merge", "2", "3", "--yes", "--at", "2026-04-14T06:00")
    answer = editor.ok("papers", "merge", "1", "2", "--at", "2026-04-14T06:01")
    for command in _undo(answer.stderr):
        editor.ok(*command, "--at", "2026-04-14T06:02")
    assert [row["id"] for row in editor.ok("papers", "list", "--json").json] == [1, 2, 4]
    editor.ok("papers", "split", "3", "--at", "2026-04-14T06:03")
    rows = editor.ok("papers", "list", "--json").json
    assert [(row["id"], row["edition"]) for row in rows] == [(row["id"], row["edition"]) for row in before]
    dump = tmp_path / "next.txt"
    dump.write_bytes(page("Apr 15", PrintedPaper(title="Qubit routing for other quantum codes")))
    editor.ok("ingest", str(dump), "--listed-on", "2026-04-15", "--at", "2026-04-15T05:00")
    answer = editor.ok("papers", "merge", "1", "5", "--json", "--at", "2026-04-15T06:00")
    assert answer.json["undo"] == "newsletter papers split 5 --news"
    editor.ok("papers", "split", "5", "--news", "--at", "2026-04-15T06:01")
    assert editor.ok("editions", "show", "next", "--json").json["papers"] == 1


@pytest.mark.parametrize(
    ("arguments", "asks"),
    [
        (("papers", "merge", "1", "2"), False),  # words of the title
        (("papers", "merge", "1", "3"), True),
        (("papers", "merge", "4", "3"), True),
        (("papers", "merge", "1", "4"), True),
        (("papers", "split", "1", "3"), True),
        (("papers", "split", "1", "2"), False),
        (("editions", "drop", "1"), False),
        (("papers", "topic", "1", "--remove", "quantum"), False),
    ],
    ids=_words,
)
def test_two_papers_that_share_nothing_are_asked_about(
    editor: Shell, arguments: tuple[str, ...], asks: bool
) -> None:
    before = editor.ok("papers", "show", "1", "--json").json
    answer = editor(*arguments, stdin="")
    if not asks:
        assert answer.code == 0
        return
    assert answer.code == 2
    assert answer.stdout == ""
    assert "nobody answered" in answer.stderr
    assert "--yes" in answer.stderr
    for paper in arguments[2:4]:
        assert TITLES[int(paper) - 1] in answer.stderr
    assert editor(*arguments, stdin="n\n").code == 1
    assert editor.ok("papers", "show", "1", "--json").json == before
    editor.ok(*arguments, stdin="y\n")
    editor.ok(*arguments, "--yes")


@pytest.mark.parametrize(
    ("arguments", "stdout"),
    [
        (("editions", "drop", "3"), f"Paper 3 “{BREAD}” is out of edition 1.\n"),
        (
            ("editions", "restore", "3"),
            f"Paper 3 “{BREAD}” was not dropped from edition 1: nothing changed.\n",
        ),
        (("papers", "merge", "1", "2"), f"2 “{ROUTES_AGAIN}” is part of 1 “{ROUTES}” now.\n"),
        (("papers", "topic", "3", "--add", "circuits"), f"Paper 3 “{BREAD}” is in: circuits.\n"),
        (("papers", "topic", "4", "--remove", "circuits"), f"Paper 4 “{CHIP}” is in: no topic.\n"),
        (
            ("papers", "split", "1", "2"),
            f"1 “{ROUTES}” and 2 “{ROUTES_AGAIN}” are mailed as two papers, as before.\n",
        ),
    ],
    ids=_words,
)
def test_decisions_answer_with_titles(editor: Shell, arguments: tuple[str, ...], stdout: str) -> None:
    assert editor.ok(*arguments).stdout == stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("editions", "drop", "9"), 1, "there is no paper 9"),
        (("editions", "restore", "9"), 1, "there is no paper 9"),
        (("papers", "merge", "1", "9"), 1, "there is no paper 9"),
        (("papers", "merge", "1", "1"), 2, "a paper cannot be merged with itself"),
        (("papers", "split", "1"), 2, "paper 1 is not merged into another"),
        (("papers", "split", "9"), 1, "there is no paper 9"),
        (("papers", "split", "1", "1"), 2, "a paper cannot be split from itself"),
    ],
    ids=_words,
)
def test_what_cannot_be_meant_is_refused(
    editor: Shell, arguments: tuple[str, ...], code: int, words: str
) -> None:
    answer = editor(*arguments)
    assert (answer.code, answer.stdout) == (code, "")
    assert words in answer.stderr
