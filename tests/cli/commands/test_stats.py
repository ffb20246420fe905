"""`newsletter stats`: in the terminal, as JSON, as a page that stands alone and that everybody can read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from newsletter import samples
from newsletter.cli.commands.stats import horizontal_bar, sparkline
from tests.browser import axe, vnu
from tests.browser.complaints import complaints
from tests.browser.fixtures import Browse
from tests.browser.views import View, every_view
from tests.cli.shell import Shell
from tests.marks import first_quick

AT = ("--at", "2026-04-17T12:00")


@pytest.fixture
def ready(shell: Shell) -> Shell:
    """Two listings, and three readers of whom one has left."""
    for day in ("2026-04-15", "2026-04-17"):
        file = Path(samples.__file__).with_name(f"{day}.txt")
        shell.ok("ingest", str(file), "--at", f"{day}T05:00")
    for name, topic in (("ada", "circuits"), ("kay", "quantum"), ("ida", "everything")):
        shell.ok(
            "subscribers", "add", f"{name}@example.org", "--topic", topic, "--confirmed",
            "--at", "2026-04-15T12:00",
        )  # fmt: skip
    shell.ok("subscribers", "unsubscribe", "ida@example.org", "--at", "2026-04-16T12:00")
    return shell


@pytest.mark.parametrize(
    ("values", "blocks", "drawn"),
    [
        ([], True, ""),
        ([0, 0], True, "··"),
        ([0, 1, 400, 799, 800], True, "·▁▄██"),
        ([0, 1, 400, 799, 800], False, ".1599"),
    ],
)
def test_sparkline_shows_nothing_and_little_differently(values: list[int], blocks: bool, drawn: str) -> None:
    assert sparkline(values, blocks=blocks) == drawn


def test_sparkline_on_a_given_scale_and_horizontal_bars() -> None:
    assert sparkline([1, 2], most=8) == "▁▂"
    assert [horizontal_bar(n, most=1000, width=4) for n in (0, 1, 500, 1000)] == ["", "█", "██", "████"]
    assert horizontal_bar(3, most=3, width=3, blocks=False) == "###"


def test_numbers_in_a_pipe(ready: Shell) -> None:
    printed = ready.ok("stats", "--days", "3", *AT).stdout
    assert printed == (Path(__file__).with_name("stats.txt")).read_text("utf-8")


def test_older_papers_are_mentioned_when_none_count(ready: Shell) -> None:
    printed = ready.ok("stats", "--days", "3", "--at", "2026-04-20T12:00").stderr
    assert "none in these days; the latest is of 2026-04-17 (--days 4)" in printed
    assert "none in these days" not in ready.ok("stats", "--days", "4", "--at", "2026-04-20T12:00").stderr


@pytest.mark.parametrize("days", first_quick(["1", "367", "42", "43", "366", "1096"], 2))
def test_lines_fit_80_columns_and_name_nobody(ready: Shell, days: str) -> None:
    printed = ready.ok("stats", "--days", days, *AT).stdout
    assert [line for line in printed.splitlines() if len(line) > 80] == []
    assert "@" not in printed
    assert "\x1b" not in printed, "colours are for terminals"


def test_json_has_a_number_for_each_period(ready: Shell) -> None:
    found = ready.ok("stats", "--days", "3", "--json", *AT).json
    assert found["periods"] == ["2026-04-15", "2026-04-16", "2026-04-17"]
    assert found["subscribers"]["readers"] == [3, 2, 2]
    assert found["subscribers"]["net"] == [3, -1, 0]
    listed = ready.ok("papers", "list", "--json").json
    assert found["papers"]["all"] == [
        sum(paper["first_listed_on"] == day for paper in listed) for day in found["periods"]
    ]
    assert {topic: sum(series) for topic, series in found["papers"]["topics"].items()} == {
        topic: sum(topic in [match["topic"] for match in paper["topics"]] for paper in listed)
        for topic in found["papers"]["topics"]
    }
    assert sum(found["papers"]["unmatched"]) == sum(not paper["topics"] for paper in listed)


@pytest.mark.parametrize("days", ["0", "1097", "x"])
def test_days_out_of_range_are_wrong_usage(shell: Shell, days: str) -> None:
    answer = shell("stats", "--days", days)
    assert (answer.code, answer.stdout) == (2, "")


def test_page_that_cannot_be_written_is_an_error(shell: Shell, tmp_path: Path) -> None:
    answer = shell("stats", "--html", str(tmp_path / "missing" / "stats.html"))
    assert (answer.code, answer.stdout) == (1, "")
    assert "Name a file in a folder that you may write to." in answer.stderr


def test_own_template_wins_and_its_fault_is_named(shell: Shell, tmp_path: Path) -> None:
    folder = shell.state_dir / "templates" / "web"
    folder.mkdir(parents=True)
    page = tmp_path / "stats.html"
    (folder / "stats.html.j2").write_text("{{ brand.name }}: {{ stats.readers|last }}")
    answer = shell.ok("stats", "--html", str(page))
    assert (answer.stdout, page.read_text()) == ("", "Research papers: 0")
    (folder / "stats.html.j2").write_text("one\n{{ stats.reader }}")
    answer = shell("stats", "--html", str(page))
    assert answer.code == 78
    assert "web/stats.html.j2" in answer.stderr
    assert "line 2" in answer.stderr


def test_page_and_json_may_be_asked_for_together(shell: Shell, tmp_path: Path) -> None:
    page = tmp_path / "stats.html"
    assert shell.ok("stats", "--json", "--html", str(page)).json["days"] == 28
    assert page.read_text("utf-8").startswith("<!DOCTYPE html>")


@every_view
def test_page_stands_alone_and_passes_the_checkers(
    ready: Shell, tmp_path: Path, browse: Browse, view: View
) -> None:
    file = tmp_path / "stats.html"
    ready.ok("stats", "--html", str(file), *AT)
    text = file.read_text("utf-8")
    assert re.findall(r"<script|<img|@import|url\(|https?:|[\w.]+@[\w.]+", text) == []
    assert vnu.errors({"stats": text}) == []
    page = browse(view)
    heard = complaints(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    for summary in page.locator("summary").all():
        summary.click()  # opened by a click, without script
    assert axe.violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= view.width
    assert (heard, asked) == ([], [file.as_uri()])


def test_bars_of_the_page_are_as_high_as_their_numbers(ready: Shell, tmp_path: Path, browse: Browse) -> None:
    file = tmp_path / "stats.html"
    ready.ok("stats", "--html", str(file), "--days", "3", *AT)
    page = browse(View())
    page.goto(file.as_uri())
    drawn = page.get_by_role("img", name="Readers by day")
    heights = [float(bar.get_attribute("height") or 0) for bar in drawn.locator(".bar").all()]
    assert heights == [100, 66.7, 66.7]
    assert drawn.locator("g > title").all_text_contents() == [
        "Wed 15 April: 3", "Thu 16 April: 2", "Fri 17 April: 2"
    ]  # fmt: skip
