"""Measures the bar "`newsletter --help` takes at most 1.5 times an empty two-command Typer app".

python benchmarks/startup.py [ROUNDS]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
BAR = 1.5  # times the empty app
EMPTY = """\
import typer

app = typer.Typer()


@app.command()
def one() -> None: ...


@app.command()
def two(count: int = 1) -> None: ...


app()
"""


def measure(rounds: int = 15) -> dict[str, float]:
    """Median seconds of the empty app, of `--help` and of an empty `papers list`, run alternately."""
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "empty.py"
        empty.write_text(EMPTY)
        ours = [sys.executable, "-m", "newsletter", "--state-dir", str(Path(folder) / "state")]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        subprocess.run([*ours, "init"], check=True, env=environment, capture_output=True)
        commands = {
            "empty": [sys.executable, str(empty), "--help"],
            "help": [*ours, "--help"],
            "papers list": [*ours, "papers", "list"],
        }
        seconds_of: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, command in commands.items():  # alternately: a busy moment slows all of them
                start = time.perf_counter()
                subprocess.run(command, check=True, env=environment, capture_output=True)
                seconds_of[name].append(time.perf_counter() - start)
    return {name: median(times) for name, times in seconds_of.items()}


if __name__ == "__main__":
    found = measure(*(int(argument) for argument in sys.argv[1:2]))
    ratio = found["help"] / found["empty"]
    for name, seconds in found.items():
        print(f"{name:12} {seconds * 1000:6.0f} ms")
    print(f"--help is {ratio:.2f} times the empty app (bar: {BAR})")
    sys.exit(ratio > BAR)
