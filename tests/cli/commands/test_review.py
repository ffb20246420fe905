"""An editor looks at an edition before it goes out: preview, trial, note, release."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.cli.shell import Shell
from tests.pipeline.intake.scenario import PrintedPaper, page
from tests.pipeline.whole_newsletter import read
from tests.smtp_servers.recording import RecordingServer

READER, STRANGER = "ada@readers.example", "guest@elsewhere.example"
QUBITS = "Qubit routing for quantum codes"
SPINS = "Quantum annealing with superconducting qubits"
CIRCUIT = "An analog circuit that sizes itself"
NOTE = "A **good** day: read [this](https://a.example/) first."
ABSTRACT = (
    "We describe the method at length, compare it with those before, and measure how well it does. " * 5
)
AT = ("--at", "2026-04-14T08:00")


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    with RecordingServer() as running:
        yield running


@pytest.fixture
def editor(shell: Shell, server: RecordingServer, tmp_path: Path) -> Shell:
    """A newsletter with two papers of quantum and one of circuits in its inbox, and a reader of quantum."""
    _settings(shell, server)
    shell.ok("subscribers", "add", READER, "--topic", "quantum", "--confirmed", "--at", "2026-04-12T12:00")
    _ingest(shell, tmp_path, "2026-04-14", QUBITS, SPINS, CIRCUIT)
    return shell


def _settings(shell: Shell, server: RecordingServer, hold: int = 0) -> None:
    shell.settings(f'hold = {hold}\n[smtp]\nhost = "127.0.0.1"\nport = {server.port}\nsecurity = "none"\n')


def _ingest(shell: Shell, folder: Path, day: str, *titles: str) -> None:
    dump = folder / f"{day}.txt"
    printed = [PrintedPaper(title=title, abstract=f"{title}. {ABSTRACT}") for title in titles]
    dump.write_bytes(page(f"Apr {int(day[-2:])}", *printed))
    shell.ok("ingest", str(dump), "--listed-on", day, "--at", f"{day}T06:00")


def _parts(message: EmailMessage) -> tuple[str, str]:
    html, text = (message.get_body((kind,)) for kind in ("html", "plain"))
    assert html is not None
    assert text is not None
    return html.get_content().replace("\r\n", "\n"), text.get_content().replace("\r\n", "\n")


def _held(shell: Shell, server: RecordingServer) -> None:
    shell.ok("editions", "publish", *AT)
    shell.ok("editions", "hold", "1")


def _in_its_hold_time(shell: Shell, server: RecordingServer) -> None:
    _settings(shell, server, hold=300)
    shell.ok("editions", "publish", *AT)


def _held_after_another_went_out(shell: Shell, server: RecordingServer) -> None:
    """Today's edition has number 2: the one that is looked at is the second."""
    shell.ok("editions", "publish", *AT)
    shell.ok("editions", "hold", "1")
    shell.ok("send", "--at", "2026-04-14T08:01")


@pytest.mark.parametrize("waits", [_held, _in_its_hold_time, _held_after_another_went_out])
@pytest.mark.parametrize("asked", [(), ("--edition", "1")])
def test_preview_shows_the_edition_that_waits_as_it_will_go_out(
    editor: Shell,
    server: RecordingServer,
    waits: Callable[[Shell, RecordingServer], None],
    asked: tuple[str, ...],
) -> None:
    waits(editor, server)
    paper = next(row["id"] for row in editor.ok("papers", "list", "--json").json if row["title"] == SPINS)
    editor.ok("editions", "drop", str(paper), *AT)
    editor.ok("editions", "note", "1", NOTE)
    html = editor.ok("preview", READER, *asked, "--format", "html", *AT)
    text = editor.ok("preview", READER, *asked, *AT)
    assert "A <strong>good</strong> day" in html.stdout
    assert "A *good* day: read this <https://a.example/> first." in text.stdout
    for shown in (html.stdout, text.stdout):
        assert QUBITS in " ".join(shown.split())
        assert SPINS not in shown
        assert CIRCUIT not in shown
    assert "`newsletter editions release 1`" in text.stderr
    assert "sample" not in text.stderr
    data = editor.ok("preview", READER, *asked, "--format", "eml", "--at", "2026-04-14T09:00").stdout
    assert server.accepted == []
    editor.ok("editions", "release", "1", "--at", "2026-04-14T09:00")
    editor.ok("send", "--now", "--at", "2026-04-14T09:00")
    (mail,) = server.accepted
    assert mail.data.decode().replace("\r\n", "\n") == data.replace("\r\n", "\n")
    editor.ok("audit", "--at", "2026-04-14T10:00")


@pytest.mark.parametrize(
    ("edition", "to", "titles"),
    [
        ("1", READER, {QUBITS, SPINS}),
        ("1", STRANGER, {QUBITS, SPINS, CIRCUIT}),
        (None, READER, {QUBITS, SPINS}),
        (None, STRANGER, {QUBITS, SPINS, CIRCUIT}),
    ],
)
def test_trial_mails_what_the_reader_would_see_outside_the_ledger(
    editor: Shell, server: RecordingServer, edition: str | None, to: str, titles: set[str]
) -> None:
    _held(editor, server)
    editor.ok("editions", "note", "1", NOTE)
    before = editor.ok("audit", "--json", *AT).json
    asked = () if edition is None else ("--edition", edition)
    answer = editor.ok("send", "--test", to, *asked, "--json", *AT)
    assert answer.json["sent"] == 1
    if edition is not None:
        assert answer.json["edition"] == 1
    (mail,) = server.accepted
    assert mail.recipient == to
    html, text = _parts(read(mail.data))
    assert "A <strong>good</strong> day" in html
    assert "A *good* day" in text
    shown = " ".join(text.split())
    assert {title for title in (QUBITS, SPINS, CIRCUIT) if title in shown} == titles
    assert editor.ok("audit", "--json", *AT).json == before
    assert editor.ok("deliveries", "list", "--json").json == []


def test_an_edition_that_was_sent_can_be_looked_at_again(
    editor: Shell, server: RecordingServer, tmp_path: Path
) -> None:
    editor.ok("send", "--at", "2026-04-14T07:00")
    _ingest(editor, tmp_path, "2026-04-15", "Decoding quantum codes")
    editor.ok("send", "--at", "2026-04-15T07:00")
    later = ("--at", "2026-04-15T09:00")
    answer = editor.ok("preview", READER, "--edition", "1", *later)
    assert QUBITS in answer.stdout
    assert "Decoding" not in answer.stdout
    assert "brings this reader nothing more" in answer.stderr
    assert "Decoding" in editor.ok("preview", READER, "--edition", "2", *later).stdout


def test_the_next_edition_can_be_looked_at_before_it_is_published(editor: Shell) -> None:
    assert QUBITS in editor.ok("preview", READER, "--edition", "next", *AT).stdout
    assert editor.ok("editions", "list", "--json").json == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("preview", READER, "--edition", "7"), 1, "there is no edition 7"),
        (("preview", READER, "--edition", "0"), 1, "there is no edition '0'"),
        (("preview", READER, "--edition", "first"), 1, "there is no edition 'first'"),
        (("preview", READER, "--edition", "99999999999999999999"), 1, "there is no edition"),
        (("preview", "nobody@readers.example", "--edition", "1"), 1, "nobody@readers.example"),
        (("send", "--test", READER, "--edition", "7"), 1, "there is no edition 7"),
        (("send", "--test", STRANGER, "--edition", "7"), 1, "there is no edition 7"),
        (("send", "--test", READER, "--edition", "next"), 1, "nothing is new since the last edition"),
        (("send", "--edition", "1"), 2, "--edition needs --test"),
        (("editions", "note", "1", "x" * 4001), 2, "more than 4,000"),
        (("editions", "note", "1", "a\x1b[2Jb"), 2, "control character U+001B"),
        (("editions", "note", "7", "words"), 1, "there is no edition 7"),
    ],
)
def test_wrong_editions_and_notes_are_named(
    editor: Shell, server: RecordingServer, arguments: tuple[str, ...], code: int, words: str
) -> None:
    _held(editor, server)
    answer = editor(*arguments)
    assert (answer.code, answer.stdout, server.accepted) == (code, "", [])
    assert words in answer.stderr


def test_an_edition_without_topics_of_the_reader_says_so(editor: Shell, server: RecordingServer) -> None:
    other = "bob@readers.example"
    editor.ok("subscribers", "add", other, "--topic", "neuromorphic", "--confirmed", "--at", "2026-04-12")
    _held(editor, server)
    answer = editor("preview", other, "--edition", "1", *AT)
    assert answer.code == 1
    assert "edition 1 has no paper of the topics that this reader follows" in answer.stderr


def test_note_is_read_from_standard_input_shown_and_taken_away(
    editor: Shell, server: RecordingServer
) -> None:
    _held(editor, server)
    answer = editor.ok("editions", "note", "1", "-", stdin="# News\n\n- one\n- two\n")
    assert answer.stdout.endswith("\nNews\n\n• one\n• two\n")
    assert editor.ok("editions", "note", "1", "").stdout.endswith("It has no note.\n")
    assert editor.ok("editions", "note", "1", "*x*", "--json").json["note_text"] == "_x_"


def test_each_note_stands_in_the_first_digest_with_a_paper_of_its_edition(
    editor: Shell, server: RecordingServer, tmp_path: Path
) -> None:
    _held(editor, server)
    editor.ok("editions", "note", "1", "Of the first edition.")
    _ingest(editor, tmp_path, "2026-04-15", "Decoding quantum codes")
    editor.ok("editions", "publish", "--at", "2026-04-15T06:30")
    editor.ok("editions", "note", "2", "Of the second edition.")
    editor.ok("editions", "release", "1", "--at", "2026-04-15T06:40")
    editor.ok("send", "--at", "2026-04-15T07:00")
    _ingest(editor, tmp_path, "2026-04-16", "Sensing with quantum light")
    editor.ok("send", "--at", "2026-04-16T07:00")
    both, none = (_parts(read(mail.data))[1] for mail in server.accepted)
    assert "Of the first edition.\n\nOf the second edition." in both
    assert "edition." not in none


@pytest.mark.parametrize(
    ("command", "hint"),
    [
        (("hold", "1"), "not published yet: `newsletter editions publish` makes edition 1"),
        (("release", "1"), "not published yet: `newsletter editions publish` makes edition 1"),
        (("note", "1", "words"), "not published yet: `newsletter editions publish` makes edition 1"),
        (("give", "1", "--newcomers"), "not published yet: `newsletter editions publish` makes edition 1"),
    ],
)
def test_edition_that_is_not_published_yet_is_told_of(
    editor: Shell, command: tuple[str, ...], hint: str
) -> None:
    answer = editor("editions", *command)
    assert answer.code == 1
    assert hint in answer.stderr
    editor.ok("editions", "publish", *AT)
    editor.ok("editions", *command)


@pytest.mark.parametrize("command", [("hold", "1"), ("show", "1")])
def test_edition_of_a_newsletter_without_papers(shell: Shell, command: tuple[str, ...]) -> None:
    answer = shell("editions", *command)
    assert answer.code == 1
    assert "Nothing is published yet: `newsletter ingest` brings papers" in answer.stderr


def test_hold_next_publishes_and_holds(editor: Shell) -> None:
    answer = editor.ok("editions", "hold", "next", *AT)
    assert "Edition 1 of 2026-04-14: 3 papers, held." in answer.stdout
    assert "`newsletter editions release 1`" in answer.stderr
    assert editor.ok("send", "--now", "--json", *AT).json["sent"] == 0
    answer = editor("editions", "hold", "next", *AT)
    assert (answer.code, "nothing is new since the last edition" in answer.stderr) == (1, True)
    assert editor("editions", "hold", "soon").code == 2


def test_second_release_says_that_nothing_changed(editor: Shell) -> None:
    editor.ok("editions", "hold", "next", *AT)
    assert "nothing changed" not in editor.ok("editions", "release", "1", *AT).stdout
    again = editor.ok("editions", "release", "1", "--at", "2026-04-14T09:00").stdout
    assert again.splitlines()[1:] == ["It waited for nothing: nothing changed."]
