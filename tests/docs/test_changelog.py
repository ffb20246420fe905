"""The changelog: the form of Keep a Changelog, one short line for each change, the package's version."""

from __future__ import annotations

import re
from datetime import date

from newsletter import __version__
from tests.docs.test_docs import ROOT

TEXT = (ROOT / "CHANGELOG.md").read_text("utf-8")
SECTIONS = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
LONGEST_LINE = 120  # characters


def _versions() -> list[tuple[str, str]]:
    """(heading, text) of each version, in the order of the page."""
    parts = re.split(r"^## (.*)$", TEXT, flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def test_versions_are_dated_and_the_newest_comes_first_after_unreleased() -> None:
    headings = [heading for heading, _ in _versions()]
    assert headings[0] == "[Unreleased]"
    found = [re.fullmatch(r"\[(\d+\.\d+\.\d+)\] - (\d{4}-\d{2}-\d{2})", heading) for heading in headings[1:]]
    assert None not in found
    released = [(date.fromisoformat(match[2]), match[1]) for match in found if match]
    assert released == sorted(released, reverse=True)
    assert released[0][1] == __version__


def test_sections_have_the_known_names_in_their_order() -> None:
    for heading, text in _versions():
        named = re.findall(r"^### (.*)$", text, flags=re.MULTILINE)
        assert named == [name for name in SECTIONS if name in named], heading


def test_every_change_is_one_line_below_a_section() -> None:
    for heading, text in _versions():
        before, *sections = re.split(r"^### .*$", text, flags=re.MULTILINE)
        assert before.strip() == "", heading
        for section in sections:
            assert section.strip() != "", heading
            assert [line for line in section.splitlines() if line and not line.startswith("- ")] == [], (
                heading
            )


def test_lines_are_short() -> None:
    assert [line for line in TEXT.splitlines() if len(line) > LONGEST_LINE] == []
