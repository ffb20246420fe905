"""Checks the machine: free disk space, clock, file permissions, age of keys. Changes nothing."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from newsletter.ops.doctor.finding import Finding, failed, ok, warning

MIN_FREE_BYTES = 200 * 2**20  # a day's mail of a large newsletter takes a tenth of it
MIN_FREE_FILES = 1000
MEGABYTE = 2**20
GROUP_AND_OTHERS = 0o077  # permission bits of a mode
MAX_KEY_AGE = timedelta(days=400)  # providers ask for a new DKIM key every year or sooner
TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
SECRETS = (
    "password",
    "secret_key",
    "previous_secret_keys",
    "suppression_key",
    "database_url",
)  # keys of newsletter.toml


def disk(state_dir: Path, *, database_size: int) -> Finding:
    """Whether the disk has room for mail and for a backup. database_size: bytes."""
    room = os.statvfs(state_dir)
    free = room.f_bavail * room.f_frsize
    words = f"{free // MEGABYTE} MB free"
    if free < MIN_FREE_BYTES or (room.f_files and room.f_favail < MIN_FREE_FILES):
        return failed(
            "disk",
            words if free < MIN_FREE_BYTES else f"room for {room.f_favail} more files",
            hint=f"Make room on the disk of {state_dir}, or move the newsletter to a larger one.",
        )
    if free < 2 * database_size:
        return warning(
            "disk",
            f"{words}, the database has {database_size // MEGABYTE} MB",
            hint="A backup on this disk needs as much as the database: make room, or back up to another one.",
        )
    return ok("disk", words)


def synchronised() -> bool | None:
    """Whether the kernel's clock is synchronised; None when the kernel gives no answer."""
    try:
        kernel = ctypes.CDLL(ctypes.util.find_library("c"), use_errno=True)
        answer = int(
            kernel.adjtimex(ctypes.create_string_buffer(512))
        )  # modes = 0: reads and changes nothing
    except (OSError, AttributeError):
        return None
    return None if answer < 0 else answer != TIME_ERROR


def clock(*, kept: bool | None, zone_words: str) -> Finding:
    """Whether NTP keeps the clock right. kept: the result of `synchronised`."""
    if kept is None:
        return ok("clock", f"{zone_words}; whether NTP keeps it right is not known here")
    if not kept:
        return warning(
            "clock",
            f"{zone_words}; nothing keeps it right",
            hint="Run an NTP client: `timedatectl set-ntp true`, or install systemd-timesyncd or chrony. "
            "In a container it is the host's matter.",
        )
    return ok("clock", f"{zone_words}, kept right by NTP")


def privacy(state_dir: Path, *, keys: Sequence[Path]) -> list[Finding]:
    """Whether other users may read secrets and addresses. keys: private keys that the settings name."""
    secret = [*_files(state_dir / "credentials"), *(key for key in keys if key.is_file())]
    toml = state_dir / "newsletter.toml"
    if toml.is_file() and _has_secrets(toml):
        secret.append(toml)
    exposed = [file for file in secret if file.stat().st_mode & GROUP_AND_OTHERS]
    if exposed:
        return [
            failed(
                "secrets",
                f"others on this machine may read {_named(exposed)}",
                hint=f"chmod 600 {exposed[0]}",
            )
        ]
    databases = [file for file in state_dir.glob("*.sqlite3*") if file.stat().st_mode & GROUP_AND_OTHERS]
    if databases and state_dir.stat().st_mode & 0o005:
        return [
            warning(
                "secrets",
                f"others on this machine may read the addresses in {databases[0].name}",
                hint=f"chmod 600 {databases[0]}, or chmod 750 {state_dir}",
            )
        ]
    return [ok("secrets", f"{len(secret)} files, readable for their owner alone")]


def key_age(keys: Sequence[Path], *, now: datetime) -> list[Finding]:
    """Whether DKIM keys are too old, by the age of their files."""
    found = []
    for key in keys:
        try:
            age = now - datetime.fromtimestamp(key.stat().st_mtime, UTC)
        except OSError:
            continue  # the check of the keys reports a key that cannot be read
        if age > MAX_KEY_AGE:
            found.append(
                warning(
                    "key age",
                    f"{key.name} is {age.days} days old",
                    hint="Make another one under a new selector: see “Sign mail with DKIM”, Change a key.",
                )
            )
    if keys and not found:
        return [ok("key age", f"{len(keys)} DKIM keys, none older than {MAX_KEY_AGE.days} days")]
    return found


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.is_file()) if folder.is_dir() else []


def _has_secrets(toml: Path) -> bool:
    lines = toml.read_text("utf-8", "replace").splitlines()
    return any(line.strip().startswith(SECRETS) and "=" in line for line in lines)


def _named(files: Sequence[Path]) -> str:
    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    return f"{files[0]}{more}"
