"""Starts Postfix's smtp-sink, which accepts every message, on a free port of this machine."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

BACKLOG = "256"  # connections that wait to be accepted
START = 10.0  # seconds that it may take to listen


def smtp_sink_program() -> str | None:
    """The path of smtp-sink, or None where Postfix is not installed."""
    return shutil.which("smtp-sink") or shutil.which("smtp-sink", path="/usr/sbin")


@contextmanager
def smtp_sink(program: str, *options: str) -> Iterator[int]:
    """Run it with these options; yields its port. Raises TimeoutError when it does not start."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    process = subprocess.Popen([program, *options, f"127.0.0.1:{port}", BACKLOG], stderr=subprocess.DEVNULL)
    try:
        _await_port(port)
        yield port
    finally:
        process.kill()
        process.wait()


def _await_port(port: int) -> None:
    deadline = time.monotonic() + START
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError("smtp-sink does not start")
