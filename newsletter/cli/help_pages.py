"""Adapts the help pages that Typer makes: no type after a flag, paragraphs that flow. Prints nothing."""

from __future__ import annotations

import inspect
from typing import Any

import typer


def adapt_help(command: Any) -> None:
    """Change a command, and the commands below it, in place."""
    command.help = flowing(command.help or "")
    help_option = command.get_help_option(typer.Context(command))  # the command keeps it
    for option in (*command.params, help_option):
        if getattr(option, "is_flag", False):
            option.metavar = ""  # else Typer prints <bool>, although a flag takes no value
    for below in getattr(command, "commands", {}).values():
        adapt_help(below)


def flowing(text: str) -> str:
    """A docstring with each paragraph in one line: Typer keeps line breaks inside all but the first."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
