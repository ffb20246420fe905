"""The documentation is complete, agrees with the code, and has no dead link."""

from __future__ import annotations

import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from typer.main import get_command

from newsletter.cli import app
from newsletter.cli.command_list import COMMANDS
from newsletter.core import states
from newsletter.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [
        *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "deploy/README.md")),
        *(ROOT / "docs").rglob("*.md"),
    ]
)
COMMAND_LINE = re.compile(r"^(?:\$ |\S+ \* \* \* \*\s+)?(newsletter .*)$")


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs/generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["docs/reference/cli.md", "docs/reference/settings.md"])
def test_reference_page_is_generated_from_the_code(page: str) -> None:
    expected = _generator().PAGES[page]()
    assert (ROOT / page).read_text("utf-8") == expected, "run `make docs`"


def _blocks(text: str) -> Iterator[str]:
    for block in re.findall(
        r"^ *```(?:sh|console|crontab)\n(.*?)^ *```", text, flags=re.MULTILINE | re.DOTALL
    ):
        yield from block.splitlines()


def _commands() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for line in _blocks(page.read_text("utf-8")):
            found = COMMAND_LINE.match(line.strip())
            if found:
                yield page.name, found.group(1)


@pytest.mark.parametrize(("page", "line"), sorted(set(_commands())))
def test_command_on_a_page_exists_with_its_options(page: str, line: str) -> None:
    words = shlex.split(line.split(">>")[0], comments=True)[1:]
    front: Any = get_command(app)
    known = {name for parameter in front.params for name in parameter.opts} | {"--help"}
    command = front
    path = ["newsletter"]
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word.startswith("--"):
            assert word.split("=")[0] in known, f"{page}: {' '.join(path)} takes no {word}"
            skip = word == "--state-dir"
        elif hasattr(command, "commands"):
            assert word in command.commands, f"{page}: there is no {' '.join([*path, word])}"
            command = front.load(word) if command is front else command.commands[word]
            known |= {name for parameter in command.params for name in parameter.opts}
            path.append(word)
    assert not hasattr(command, "commands") or not words or words[-1].startswith("--"), f"{page}: {line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    dead = [
        target
        for target in targets
        if not target.startswith(("http:", "https:", "mailto:")) and not (page.parent / target).exists()
    ]
    assert dead == []


def _headings(page: Path) -> list[str]:
    return re.findall(r"^#+ (.*)$", page.read_text("utf-8"), flags=re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_to_a_section_name_a_heading(page: Path) -> None:
    """GitHub's anchors: lower case, spaces to hyphens, punctuation dropped."""
    dead = []
    for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text("utf-8")):
        headings = _headings(page.parent / target if target else page)
        if anchor not in {re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-") for text in headings}:
            dead.append(f"{target}#{anchor}")
    assert dead == []


CITING = [
    path
    for folder in ("newsletter", "subscribers", "templates", "benchmarks", "deploy", "tests")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.is_file() and "node_modules" not in path.parts and path.suffix not in (".pyc", ".gz", ".png")
]
PRIVATE_PAGES = re.compile(r"DESIGN §|DESIGN:|DESIGN\.md|\bMAIL:|MAIL\.md|HOUSE\.md|STYLE\.md")


def test_comments_cite_pages_and_sections_that_exist() -> None:
    missing = []
    for path in CITING:
        text = " ".join(path.read_text("utf-8", "replace").replace("#", " ").split())
        for page, sections in re.findall(
            r"(docs/[\w/-]+\.md)((?:,? (?:and )?“[^”]+”)*)", text if path != Path(__file__) else ""
        ):
            cited = ROOT / page
            headings = _headings(cited) if cited.exists() else []
            wanted = re.findall("“([^”]+)”", sections)
            if not cited.exists() or not set(wanted) <= set(headings):
                missing.append(f"{path.relative_to(ROOT)}: {page} {wanted}")
    assert missing == []


def test_comments_cite_nothing_that_is_not_in_the_repository() -> None:
    assert [
        str(path.relative_to(ROOT))
        for path in CITING
        if path != Path(__file__) and PRIVATE_PAGES.search(path.read_text("utf-8", "replace"))
    ] == []


def test_every_page_is_reachable_from_the_index() -> None:
    index = (ROOT / "docs/index.md").read_text("utf-8")
    pages = [str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")]
    assert [page for page in pages if page != "index.md" and f"({page})" not in index] == []


def test_every_command_and_setting_is_in_the_reference() -> None:
    cli = (ROOT / "docs/reference/cli.md").read_text("utf-8")
    settings = (ROOT / "docs/reference/settings.md").read_text("utf-8")
    assert [listed.name for listed in COMMANDS if f"`newsletter {listed.name}`" not in cli] == []
    assert [
        key
        for key in Settings.model_fields
        if not any(f"`{shown}`" in settings for shown in (key, f"[{key}]", f"[[{key}]]", f"[{key}.<name>]"))
        and f"`[{key}." not in settings
    ] == []


@pytest.mark.parametrize("kind", [states.DeliveryState, states.DebtEnd, states.DumpStatus])
def test_every_state_is_explained(kind: Any) -> None:
    page = "".join(page.read_text("utf-8") for page in (ROOT / "docs/explanation").glob("*.md"))
    page = page.replace("_", " ")
    assert [state.value for state in kind if state.value not in page] == []


def test_front_page_of_the_readme_fits_a_screen_and_names_both_ways_in() -> None:
    first = "\n".join((ROOT / "README.md").read_text("utf-8").splitlines()[:45])
    assert [word for word in ("make demo", "newsletter init", "It is not") if word not in first] == []


def test_installing_takes_at_most_twelve_steps() -> None:
    text = (ROOT / "docs/how-to/install-on-debian.md").read_text("utf-8")
    steps = [int(number) for number in re.findall(r"^(\d+)\. ", text, flags=re.MULTILINE)]
    assert steps == list(range(1, 13))


def test_paths_and_make_targets_on_the_contributing_page_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"`make ([\w-]+)`", text))
    assert [name for name in targets if not re.search(rf"^{name}:", makefile, flags=re.MULTILINE)] == []
    paths = re.findall(r"`((?:newsletter|subscribers|templates|tests|docs)/[\w./-]*|\.ci/\w+)`", text)
    assert [path for path in paths if not (ROOT / path).exists()] == []
