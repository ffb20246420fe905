"""Run ingest in child processes that kill themselves at one I/O point after the other; print what came of it.

Called as `python -m tests.pipeline.intake.ingest_until_killed FOLDER STEP`: every STEP-th point is tried.
For each,
a child with SIGKILL at that point is followed by one that runs to the end; its state must be that of an
undisturbed run. Prints one JSON line: {"points": tried, "different": [points]}.
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import event

from tests.pipeline.intake.scenario import DumpScenario, PrintedPaper, abstract_of, page, reworded

POINTS = ("open", "os.rename", "os.remove", "os.mkdir")  # audit events; with paths in the folder
FAR = 10**9  # a point that is never reached


def pages() -> dict[str, bytes]:
    """Dumps that make use of every table: new, known, revised, possibly the same, unread."""
    text = abstract_of("x")
    return {
        "a.txt": page("Mar 3", "Quantum Lattices", PrintedPaper(title="Circuits", abstract=text)),
        "b.txt": page(
            "Mar 4",
            PrintedPaper(title="Quantum Lattices", abstract=reworded(abstract_of("Quantum Lattices"))),
            PrintedPaper(title="Other Circuits", abstract=reworded(text), comments=3),
        ),
        "held.txt": page("Mar 5", "Spikes") + b"\n\n" + page("Mar 6", "Photons"),
    }


def ingest_all(folder: Path, *, kill_at: int) -> dict[str, Any]:
    """Ingest the pages in this process, which dies at its `kill_at`-th I/O point."""
    passed = 0

    def point() -> None:
        nonlocal passed
        passed += 1
        if passed == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(name: str, arguments: tuple[Any, ...]) -> None:
        if (
            name in POINTS
            and isinstance(arguments[0], str)
            and arguments[0].startswith(str(folder / "dumps"))
        ):
            point()

    sys.addaudithook(audit)
    scenario = DumpScenario(folder)
    event.listen(scenario.engine, "before_cursor_execute", lambda *_: point())
    event.listen(scenario.engine, "after_cursor_execute", lambda *_: point())
    event.listen(scenario.engine, "commit", lambda *_: point())
    for name, data in pages().items():
        scenario.drop(name, data)
    return scenario.state() | {"files": sorted(path.name for path in scenario.archive.rglob("*.txt"))}


def in_child(folder: Path, *, kill_at: int) -> bytes | None:
    """The pickled state after a run in a child; None when it was killed."""
    answer = folder / "state.pickle"
    child = os.fork()
    if child == 0:
        try:
            answer.write_bytes(pickle.dumps(ingest_all(folder, kill_at=kill_at)))
        except BaseException:
            sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return None
    if status:
        raise SystemExit("a child failed")
    return answer.read_bytes()


def main(folder: Path, step: int) -> None:
    clean = folder / "clean"
    clean.mkdir()
    expected = pickle.loads(in_child(clean, kill_at=FAR) or b"")
    points, different = 0, []
    for kill_at in range(1, FAR, step):
        run = folder / f"killed-{kill_at}"
        run.mkdir()
        if in_child(run, kill_at=kill_at) is not None:
            break  # the run was over before the point came
        points += 1
        if pickle.loads(in_child(run, kill_at=FAR) or b"") != expected:
            different.append(kill_at)
    sys.stdout.write(json.dumps({"points": points, "different": different}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
