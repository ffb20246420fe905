"""The systemd units are valid and hardened, and their commands exist."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from itertools import takewhile
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "deploy/systemd"
SERVICES = sorted(FOLDER.glob("*.service"))
PROGRAM = "/opt/newsletter/bin/newsletter"
MAX_EXPOSURE = 2.0  # of 10
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
        # systemd checks that the program exists, so the test names another one.
        (tmp_path / unit.name).write_text(unit.read_text("utf-8").replace(PROGRAM, sys.executable), "utf-8")
    assert _run("verify", *(str(unit) for unit in sorted(tmp_path.iterdir()))) == ""


@needs_systemd
@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: str(unit.name))
def test_service_is_hardened(unit: Path) -> None:
    report = _run("security", "--offline=true", "--no-pager", str(unit))
    found = re.search(r"exposure level for \S+: ([\d.]+)", report)
    assert found is not None, report
    assert float(found.group(1)) < MAX_EXPOSURE, report


def _service(unit: Path) -> dict[str, str]:
    parser = ConfigParser(strict=False, interpolation=None)  # of several equal keys the last counts
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(unit.read_text("utf-8"))
    return dict(parser["Service"])


def test_services_differ_in_nothing_but_their_command() -> None:
    services = {name: _service(FOLDER / f"newsletter{name}.service") for name in ("", "-schedule", "-serve")}
    assert {name: services[name].pop("ExecStart").removeprefix(PROGRAM).strip() for name in services} == {
        "": "run",
        "-schedule": "schedule",
        "-serve": "serve",
    }
    assert services[""] == services["-schedule"] == services["-serve"]
    worker = _service(FOLDER / "newsletter-worker@.service")
    assert worker.pop("ExecStart") == f"{PROGRAM} worker $WORKER_OPTIONS"
    assert worker.pop("EnvironmentFile") == "-/etc/newsletter/worker-%i.env"
    assert worker == {**services[""], "RestartSec": "2s"}  # mail waits for it
    assert int(services[""]["LimitNOFILE"]) >= 4096  # each visitor takes a descriptor


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: str(unit.name))
def test_command_of_a_service_exists(unit: Path) -> None:
    words = _service(unit)["ExecStart"].removeprefix(PROGRAM).split()
    command = list(takewhile(str.isalpha, words))
    done = subprocess.run(
        [sys.executable, "-m", "newsletter", *command, "--help"],
        cwd=FOLDER.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert [word for word in words if word.startswith("--") and word not in done.stdout] == []
