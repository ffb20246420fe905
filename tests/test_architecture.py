"""The layout: who imports whom, and that no module outgrows its noun."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAX_LINES = 400  # more than that is a reason to split
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
        for package in ("newsletter", "subscribers")
        for path in (ROOT / package).rglob("*.py")
        if "versions" not in path.parts  # generated
    )


def test_layers_import_only_what_lies_below_them() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("module", _modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_module_is_short_and_says_what_it_does(module: Path) -> None:
    text = module.read_text("utf-8")
    assert len(text.splitlines()) <= MAX_LINES
    assert not text.strip() or text.startswith(('"""', 'r"""')), (
        "a module starts with a line about what it does"
    )


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
