"""A process that starts workers as forks of itself, so that one which was killed is back within a moment.

Starting Python and loading the program takes over a second of CPU. Reads lines "STATE_DIR LOG", and answers
each with the process id.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys

LOADED = (  # what `newsletter worker` loads
    "newsletter.cli",
    "newsletter.cli.commands.worker",
    "newsletter.cli.commands.schedule",
    "newsletter.cli.fetching",
    "newsletter.cli.inbound",
    "newsletter.cli.alerting",
    "newsletter.ops.alarms.watch",
    "newsletter.pipeline.intake.inbox",
    "newsletter.pipeline.jobs",
    "newsletter.pipeline.content.digest_renderer",
    "newsletter.scheduler.database_leader_lock",
    "newsletter.scheduler.timetable",
    "newsletter.settings",
    "newsletter.topics.matcher",
    "newsletter.topics.model",
    "newsletter.db.migrate",
    "newsletter.workers.coarse_steps",
    "newsletter.workers.lanes",
)


def work(state_dir: str, log: str) -> None:
    """Be a worker until the end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    output = os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o644)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.argv = ["newsletter", "--state-dir", state_dir, "worker"]
    from newsletter.cli import main

    main()


def main() -> None:
    for name in LOADED:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    for line in sys.stdin:
        state_dir, log = line.split()
        child = os.fork()
        if child == 0:
            try:
                work(state_dir, log)
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(1)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
