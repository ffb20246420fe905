"""Runs commands on a terminal of their own, as a person sees them."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest


def open_terminal() -> tuple[int, int]:
    """The two sides of a new terminal. Skips the test where the machine has none to give."""
    try:
        return pty.openpty()
    except OSError as error:
        pytest.skip(f"this machine gives no terminal: {error}")


def on_terminal(state_dir: Path, *arguments: str, columns: int = 80) -> str:
    """What `newsletter ARGUMENTS` shows on a terminal of so many columns, with line feeds as line ends."""
    main, side = open_terminal()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    with subprocess.Popen(
        [sys.executable, "-m", "newsletter", "--state-dir", str(state_dir), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=side,
        stderr=side,
        env={**environment, "TERM": "dumb", "NO_COLOR": "1"},
    ) as process:
        os.close(side)
        shown = b""
        while True:
            try:
                block = os.read(main, 65536)
            except OSError:  # Linux: the other side is closed
                break
            if not block:
                break
            shown += block
        process.wait(60)
    os.close(main)
    return shown.decode("utf-8").replace("\r\n", "\n")
