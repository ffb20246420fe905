"""The architecture page: every path on it exists, and each name is defined in the file named before it."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.docs.test_docs import ROOT

PAGE = ROOT / "docs/explanation/architecture.md"
TEXT = " ".join(PAGE.read_text("utf-8").split())
TOP = r"(?:newsletter|subscribers|templates|tests|deploy|docs|benchmarks)/[\w./]*"
PATHS = sorted(set(re.findall(rf"`({TOP})`", TEXT)))
NAMED = re.findall(r"`([\w/]+\.py)` \(((?:`\w+`(?:, )?)+)\)", TEXT)


@pytest.mark.parametrize("path", PATHS)
def test_path_on_the_architecture_page_exists(path: str) -> None:
    assert (ROOT / path).is_dir() if path.endswith("/") else (ROOT / path).is_file()


@pytest.mark.parametrize(("path", "names"), NAMED)
def test_name_on_the_architecture_page_is_defined_in_its_file(path: str, names: str) -> None:
    full = path if "/" in path else next(known for known in PATHS if known.endswith(f"/{path}"))
    code = (ROOT / full).read_text("utf-8")
    assert [
        name
        for name in re.findall(r"\w+", names)
        if not re.search(rf"^(?:async )?(?:def|class) {name}\b", code, flags=re.MULTILINE)
    ] == []


def test_every_folder_of_the_packages_is_on_the_architecture_page() -> None:
    folders = {
        f"{module.parent.relative_to(ROOT)}/"
        for package in ("newsletter", "subscribers")
        for module in (ROOT / package).rglob("*.py")
        if module.name != "__init__.py"
    }
    assert sorted(folders - set(PATHS)) == ["newsletter/"]


def test_every_import_contract_has_its_paragraph() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    section = PAGE.read_text("utf-8").partition("## Import contracts\n")[2].partition("\n## ")[0]
    assert len(re.findall(r"^\d+\. ", section, flags=re.MULTILINE)) == len(contracts)
