"""Adapts what Typer prints: plainer help pages, and wrong usage in plain words. Prints nothing."""

from __future__ import annotations

import inspect
from typing import Any

import typer

_OTHER_WORDS = {  # commands that people look for, by group, with those that do it here
    "subscribers": dict.fromkeys(
        ("remove", "delete", "rm", "del", "erase"),
        "To end the mails: `subscribers unsubscribe`; to erase the reader: `subscribers forget`.",
    ),
    "topics": dict.fromkeys(
        ("add", "new", "create"),
        "A topic is a table [topics.SLUG] of newsletter.toml: see docs/how-to/add-a-topic.md.",
    ),
}


def reword(error: Any) -> None:
    """Put a usage error that Typer or pydantic worded into our words, in place.

    error: an exception of Typer with `message`; its cause may be a ValidationError of pydantic.
    """
    cause = error.__cause__
    if type(cause).__name__ == "ValidationError" and callable(getattr(cause, "errors", None)):
        from newsletter.settings.error_wording import in_words  # slow to import

        first = cause.errors(include_url=False)[0]
        given = "" if first["type"] == "value_error" else f", not {first['input']!r}"
        error.message = f"{in_words(first)}{given}"
    group = getattr(getattr(error, "ctx", None), "info_name", None)
    for word, advice in _OTHER_WORDS.get(group or "", {}).items():
        if error.message.startswith(f"No such command '{word}'."):
            error.message = f"No such command '{word}'. {advice}"


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
