"""State directories after `newsletter init`: made once for each test process, written out for each test."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.cli.shell import Shell

_Entry = tuple[str, int, bytes | None]  # path below the directory, permissions, content (None: a folder)


def initialized(state_dir: Path) -> Path:
    """Make this state directory as `newsletter init` does. All of one process share their keys."""
    for name, mode, content in _entries():
        path = state_dir / name
        if content is None:
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.write_bytes(content)
        path.chmod(mode)
    return state_dir


@cache
def _entries() -> tuple[_Entry, ...]:
    with TemporaryDirectory(prefix="newsletter-template-") as parent:
        top = Path(parent) / "state"
        Shell(top).ok("init")
        return tuple(
            (
                path.relative_to(top).as_posix(),
                path.stat().st_mode & 0o777,
                None if path.is_dir() else path.read_bytes(),
            )
            for path in (top, *sorted(top.rglob("*")))
        )
