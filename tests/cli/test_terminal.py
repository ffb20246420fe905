"""What a person sees on a terminal of 80 columns: whole lines, and line ends instead of their escapes."""

from __future__ import annotations

import re

import pytest

from newsletter.cli.printable import one_line, printable
from newsletter.samples import dumps
from tests.cli.shell import Shell
from tests.cli.terminal import on_terminal

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
    [
        ("preview", READER),
        ("preview", READER, "--format", "html"),
        ("preview", READER, "--format", "eml"),
        ("subscribers", "export"),
        ("dumps", "show", dumps()[-1].name),
    ],
    ids=" ".join,
)
def test_a_terminal_shows_line_ends(lively: Shell, command: tuple[str, ...]) -> None:
    shown = on_terminal(lively.state_dir, *command)
    assert len(shown.splitlines()) > 1
    assert not re.search(r"\\x|\r", shown)
