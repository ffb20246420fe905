"""The layout: imports, sizes, names and docstrings that every module and folder must keep to."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("newsletter", "subscribers")
MAX_LINES = 400  # of a module: more is a reason to split it
MAX_CLASS_LINES = 200
REASON = "past 200 lines"  # a longer class gives its reason in its docstring: "Past 200 lines, since …"
MAX_ENTRIES = 20  # of a folder, `__init__.py` aside
MAX_ENTRIES_OF = {"newsletter/pipeline": 16}  # its listing shows the flow at a glance
ONE_FILE_EACH = frozenset({"newsletter/cli/commands"})  # as many files as there are commands
HEAVY = (
    "alembic",
    "cryptography",
    "dns",
    "fastapi",
    "jinja2",
    "lxml",
    "numpy",
    "premailer",
    "pydantic",
    "pylatexenc",
    "sqlalchemy",
    "sqlmodel",
)


def _modules() -> list[Path]:
    return sorted(
        path
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if "versions" not in path.parts  # generated
    )


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _folders() -> list[Path]:
    return sorted({module.parent for module in _modules()})


def _classes(module: Path) -> Iterator[ast.ClassDef]:
    tree = ast.parse(module.read_text("utf-8"))
    return (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))


def test_layers_import_only_what_lies_below_them() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("module", _modules(), ids=_name)
def test_module_is_short_and_says_what_it_does(module: Path) -> None:
    text = module.read_text("utf-8")
    assert len(text.splitlines()) <= MAX_LINES
    assert not text.strip() or text.startswith(('"""', 'r"""')), (
        "a module starts with a line about what it does"
    )


def test_class_is_short_or_says_why_not() -> None:
    long = {
        f"{_name(module)}: {found.name}": lines
        for module in _modules()
        for found in _classes(module)
        if (lines := (found.end_lineno or 0) - found.lineno + 1) > MAX_CLASS_LINES
        and REASON not in (ast.get_docstring(found) or "").lower()
    }
    assert long == {}


def test_class_name_is_defined_once() -> None:
    names = Counter(found.name for module in _modules() for found in _classes(module))
    places = [
        f"{found.name}: {_name(module)}"
        for module in _modules()
        for found in _classes(module)
        if names[found.name] > 1
    ]
    assert sorted(places) == []


def test_folder_can_be_read_at_a_glance() -> None:
    entries = {
        _name(folder): sum(
            entry.name not in ("__init__.py", "__pycache__") and (entry.is_dir() or entry.suffix == ".py")
            for entry in folder.iterdir()
        )
        for folder in _folders()
        if _name(folder) not in ONE_FILE_EACH
    }
    too_many = {
        name: number for name, number in entries.items() if number > MAX_ENTRIES_OF.get(name, MAX_ENTRIES)
    }
    assert too_many == {}


def test_importing_the_command_line_loads_nothing_heavy() -> None:
    paths = (path.relative_to(ROOT) for path in (ROOT / "newsletter/cli").rglob("*.py"))
    modules = sorted(".".join(path.with_suffix("").parts) for path in paths if path.stem != "__init__")
    program = (
        "import importlib, sys; import typer, typer.main; before = set(sys.modules)\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        f"print(sorted(set({HEAVY!r}) & (set(sys.modules) - before)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
