"""`dumps try`: what a file would give, with nothing stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.shell import Shell
from tests.sources.foreign_pages import FOREIGN
from tests.sources.test_format_contract import SAMPLES


def test_a_listing_is_shown_and_nothing_is_stored(shell: Shell) -> None:
    answer = shell("dumps", "try", str(SAMPLES / "arxiv-mail.daily.eml"), "--json")
    row = answer.json
    assert answer.code == 0
    assert (row["format"], row["outcome"], row["why"]) == (
        "arxiv-mail",
        "ingested",
        "it is a daily mailing of arXiv, saved as mail or as text",
    )
    assert row["entries"] >= len(row["first"]) > 0
    assert row["first"][0].keys() >= {"title", "abstract", "authors", "arxiv", "url"}
    assert shell("dumps", "list", "--json").json == []
    told = shell("dumps", "try", str(SAMPLES / "arxiv-mail.daily.eml")).stdout
    assert "The first papers:" in told
    assert "would be ingested; nothing is stored" in told


@pytest.mark.parametrize(
    ("name", "outcome", "why"),
    [
        ("captcha", "refused", "asks whether you are human"),
        ("people", "refused", "a table of something else than papers"),
        ("newspaper under a banner", "held", "do not read like abstracts"),
        ("banner alone", "refused", "no paper"),
    ],
)
def test_what_is_no_listing_fails_and_says_why(
    shell: Shell, tmp_path: Path, name: str, outcome: str, why: str
) -> None:
    path = tmp_path / "x.txt"
    path.write_text(FOREIGN[name], encoding="utf-8")
    answer = shell("dumps", "try", str(path), "--json")
    assert (answer.code, answer.json["outcome"], answer.json["listed_on"] is None) == (
        1,
        outcome,
        outcome == "refused",
    )
    assert why in answer.json["why"]


def test_a_missing_file_and_an_unknown_format_are_refused(shell: Shell, tmp_path: Path) -> None:
    assert "there is no such file" in shell("dumps", "try", str(tmp_path / "none"), "--json").json["why"]
    path = str(SAMPLES / "arxiv-mail.daily.eml")
    assert "unknown format" in shell("dumps", "try", path, "--format", "x", "--json").json["why"]
