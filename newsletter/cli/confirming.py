"""Asks before a step that is probably a mistake."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from newsletter.cli import output
from newsletter.core.errors import UsageError

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def ask(warning: str, question: str, *, yes: bool) -> None:
    """Print the warning on stderr and read an answer, unless `yes`.

    Raises UsageError when standard input ends without an answer. Any answer but yes ends the command.
    """
    if yes:
        return
    output.note(warning)
    output.note(f"{question} [y/N]")
    answer = sys.stdin.readline()
    if not answer:
        raise UsageError("nobody answered, and nothing was changed", hint="Add --yes to go on.")
    if answer.strip().casefold() not in ("y", "yes"):
        output.note("Nothing was changed.")
        raise typer.Exit(output.FAILED)
