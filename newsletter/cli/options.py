"""Defines the options that several commands share. Parses their values and decides nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import ExitStack
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from newsletter.core.timestamps import parse_date, parse_instant


def _remember_json(ctx: typer.Context, wanted: bool) -> bool:
    # LazyGroup reads it when an error ends the command: a program that asked for JSON gets the error as JSON.
    if wanted and ctx.obj is not None:
        ctx.obj.json = True
    return wanted


Json = Annotated[
    bool,
    typer.Option(
        "--json", callback=_remember_json, help="Print JSON for programs, and nothing else, on stdout."
    ),
]

At = Annotated[
    datetime | None,
    typer.Option(
        "--at",
        metavar="TIMESTAMP",
        parser=parse_instant,
        help="Run as of then: ISO 8601, UTC when no offset is given. Default: now.",
    ),
]

Host = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="Listen here. Default: web.host of the settings.")
]

Port = Annotated[
    int | None, typer.Option(min=0, max=65535, metavar="PORT", help="Default: web.port of the settings.")
]


def day_option(*names: str, help: str) -> Any:
    """An option that takes an ISO 8601 date."""
    return typer.Option(*names, metavar="DATE", parser=parse_date, help=help)


def lines_of(file: str, stack: ExitStack) -> Iterable[bytes]:
    """The lines of a file, or of standard input for "-". stack: closes the file."""
    return sys.stdin.buffer if file == "-" else stack.enter_context(Path(file).open("rb"))


def now(at: datetime | None) -> datetime:
    """The instant that a command uses as now: `--at`, else the clock."""
    return at if at is not None else datetime.now(UTC)


def iso(value: date | datetime | None) -> str | None:
    """The ISO 8601 form of JSON: 2026-04-17, or 2026-04-17T07:00:00+00:00."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.isoformat() if value is not None else None
