"""The systemd units: valid, hardened, and of commands that exist."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "deploy/systemd"
SERVICES = sorted(FOLDER.glob("*.service"))
PROGRAM = "/opt/newsletter/bin/newsletter"
BAR = 2.0  # exposure, of 10
analyze = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(analyze is None, reason="systemd-analyze is not installed")


def _run(*arguments: str) -> str:
    assert analyze is not None
    done = subprocess.run([analyze, *arguments], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@needs_systemd
def test_units_are_valid(tmp_path: Path) -> None:
    for unit in (*SERVICES, *FOLDER.glob("*.timer")):
        # systemd looks whether the program is there: another one stands in for it.
        (tmp_path / unit.name).write_text(unit.read_text("utf-8").replace(PROGRAM, sys.executable), "utf-8")
    assert _run("verify", *(str(unit) for unit in sorted(tmp_path.iterdir()))) == ""


@needs_systemd
@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: str(unit.name))
def test_service_is_hardened(unit: Path) -> None:
    told = _run("security", "--offline=true", "--no-pager", str(unit))
    found = re.search(r"exposure level for \S+: ([\d.]+)", told)
    assert found is not None, told
    assert float(found.group(1)) < BAR, told


def _service(unit: Path) -> dict[str, str]:
    parser = ConfigParser(strict=False, interpolation=None)  # of several keys of one name the last
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(unit.read_text("utf-8"))
    return dict(parser["Service"])


def test_services_differ_in_nothing_but_their_command() -> None:
    apart = {name: _service(FOLDER / f"newsletter{name}.service") for name in ("", "-schedule", "-serve")}
    assert {name: apart[name].pop("ExecStart").removeprefix(PROGRAM).strip() for name in apart} == {
        "": "run",
        "-schedule": "schedule",
        "-serve": "serve",
    }
    assert apart[""] == apart["-schedule"] == apart["-serve"]


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: str(unit.name))
def test_command_of_a_service_exists(unit: Path) -> None:
    words = _service(unit)["ExecStart"].removeprefix(PROGRAM).split()
    done = subprocess.run(
        [sys.executable, "-m", "newsletter", words[0], "--help"],
        cwd=FOLDER.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert [word for word in words if word.startswith("--") and word not in done.stdout] == []
