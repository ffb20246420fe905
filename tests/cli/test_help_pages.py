"""The help page of every command: no type after a flag, no broken word, paragraphs that flow, panels."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
from typer import rich_utils
from typer.main import get_command
from typer.testing import CliRunner

from newsletter.cli import app
from newsletter.cli.command_list import COMMANDS
from newsletter.cli.help_pages import flowing

WIDTHS = (80, 100)  # columns
UNBROKEN = 1000  # columns: no line of a help page is so long
FRAME = re.compile("[│─╭╮╰╯]+")


def _paths(path: tuple[str, ...], command: Any) -> Iterator[tuple[str, ...]]:
    yield path
    for name, below in getattr(command, "commands", {}).items():
        yield from _paths((*path, name), below)


def _all_paths() -> list[tuple[str, ...]]:
    front: Any = get_command(app)
    return [(), *(path for listed in COMMANDS for path in _paths((listed.name,), front.load(listed.name)))]


@pytest.fixture(params=_all_paths(), ids=lambda path: " ".join(("newsletter", *path)))
def path(request: pytest.FixtureRequest) -> tuple[str, ...]:
    found: tuple[str, ...] = request.param
    return found


@cache
def _page(path: tuple[str, ...], width: int) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rich_utils, "MAX_WIDTH", width)
        done = CliRunner().invoke(app, [*path, "--help"], prog_name="newsletter")
    assert done.exit_code == 0
    return done.stdout


def _words(page: str) -> list[str]:
    return [word for word in FRAME.sub(" ", page).split() if word]


def test_flag_takes_no_value(path: tuple[str, ...]) -> None:
    page = _page(path, UNBROKEN)
    assert "--help" in page
    assert "bool" not in page.lower()


@pytest.mark.parametrize("width", WIDTHS)
def test_no_word_is_broken(path: tuple[str, ...], width: int) -> None:
    page = _page(path, width)
    assert max(map(len, page.splitlines())) <= width
    assert set(_words(page)) - set(_words(_page(path, UNBROKEN))) == set()


@pytest.mark.parametrize("width", WIDTHS)
def test_paragraphs_flow(path: tuple[str, ...], width: int) -> None:
    """A line ends where the next word has no room, or where a paragraph ends."""
    text = _page(path, width).partition("╭")[0]
    paragraphs = [
        [line.strip() for line in paragraph.splitlines()] for paragraph in re.split(r"\n *\n", text.strip())
    ]
    for lines in paragraphs:
        for line, following in pairwise(lines):
            assert 1 + len(line) + 1 + len(following.split()[0]) > width - 2, (line, following)


def test_options_stand_in_a_panel(path: tuple[str, ...]) -> None:
    assert "╭─ Options ─" in _page(path, 80)


def test_front_page_has_every_panel() -> None:
    page = _page((), 80)
    assert [panel for panel in dict.fromkeys(listed.panel for listed in COMMANDS) if panel not in page] == []


def test_flowing_joins_lines_and_keeps_paragraphs() -> None:
    assert (
        flowing("One line.\n\n    Two\n    lines.\n\n    Three.\n    ") == "One line.\n\nTwo lines.\n\nThree."
    )
