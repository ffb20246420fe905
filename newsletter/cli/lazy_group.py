"""Loads the code of a command when it is called, and turns errors into messages and exit codes.

Knows no command: they are listed in `newsletter.cli.command_list`.
"""

from __future__ import annotations

import errno
import importlib
import json
import os
import sys
from typing import Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from newsletter.cli import output
from newsletter.cli.command_list import COMMANDS
from newsletter.cli.help_pages import adapt_help, reword
from newsletter.cli.printable import printable
from newsletter.core.errors import NewsletterError

STATE_DIR_FLAG = "--state-dir"
ISSUES = "the project's issue tracker"


class LazyGroup(TyperGroup):
    """A group of commands whose modules are imported only when one is called."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for listed in COMMANDS:
            self.commands[listed.name] = TyperCommand(
                listed.name, help=listed.summary, rich_help_panel=listed.panel
            )
        adapt_help(self)
        self._loaded: dict[str, Any] = {}

    def load(self, name: str) -> Any:
        """The real command behind `name`."""
        if name not in self._loaded:
            app = importlib.import_module(f"newsletter.cli.commands.{name}").app
            command = typer.main.get_command(app)
            command.name = name
            adapt_help(command)
            self._loaded[name] = command
        return self._loaded[name]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Accept --state-dir anywhere on the line, not only before the command."""
        try:
            return super().parse_args(ctx, _hoisted(args))
        except Exception as error:
            _make_printable(error)
            raise

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the called command and load its code."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, (self.load(name) if name and command else command), rest

    def invoke(self, ctx: Any) -> Any:
        """Run the command; every error becomes a message and the documented exit code."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except NewsletterError as error:
            _fail(ctx, message=error.message, text=_message(error), hint=error.hint, code=error.exit_code)
        except (typer.Exit, typer.Abort, EOFError):
            raise
        except Exception as error:  # people see a line instead of a traceback
            _make_printable(error)
            if _is_usage_error(error) or (isinstance(error, OSError) and error.errno == errno.EPIPE):
                raise
            if os.environ.get("NEWSLETTER_DEBUG"):
                raise
            _fail_unexpected(ctx, error)
        return result


def _hoisted(args: list[str]) -> list[str]:
    """`args` with every --state-dir and its value in front."""
    front: list[str] = []
    rest: list[str] = []
    remaining = iter(args)
    for argument in remaining:
        if argument == "--":
            rest.extend((argument, *remaining))
        elif argument == STATE_DIR_FLAG:
            front.append(argument)
            front.extend(value for value in [next(remaining, None)] if value is not None)
        elif argument.startswith(STATE_DIR_FLAG + "="):
            front.append(argument)
        else:
            rest.append(argument)
    return front + rest


def _is_usage_error(error: Exception) -> bool:
    """Whether it is a usage error, which Typer prints itself with the usage line."""
    return hasattr(error, "format_message") and hasattr(error, "exit_code")


def _make_printable(error: Exception) -> None:
    """Make plain and harmless what Typer prints of a usage error: it quotes the command line."""
    if _is_usage_error(error) and hasattr(error, "message"):
        reword(error)
        error.message = printable(str(error.message))


def _message(error: NewsletterError) -> str:
    """The text for people, without a cause that SQLAlchemy raised: it holds whole statements."""
    if type(error.__cause__).__module__.startswith("sqlalchemy"):
        return f"{error.message}\n{error.hint}"
    return str(error)


def _fail(ctx: Any, *, message: str, text: str, hint: str, code: int) -> NoReturn:
    output.note(f"Error: {text}")
    if getattr(ctx.obj, "json", False) and code != 2:
        output.say(json.dumps({**ctx.obj.partial, "error": message, "hint": hint}), as_is=True)
    raise typer.Exit(code)


def _fail_unexpected(ctx: Any, error: Exception) -> NoReturn:
    # Errors of the subscribers package have the same two attributes.
    if hasattr(error, "hint") and hasattr(error, "message"):
        missing = isinstance(error.__cause__, FileNotFoundError)
        text = f"{error.message}. {error.hint}" if missing else str(error)
        _fail(ctx, message=error.message, text=text, hint=error.hint, code=getattr(error, "exit_code", 1))
    if isinstance(error, FileNotFoundError) and error.filename:
        text, hint = f"there is no file {error.filename}", "Check its name and folder."
        _fail(ctx, message=text, text=f"{text}. {hint}", hint=hint, code=1)
    if isinstance(error, OSError):
        text = f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
        hint = "Look at the named file or folder, its permissions and the free space."
        _fail(ctx, message=text, text=f"{text}\n{hint}", hint=hint, code=1)
    text = f"unexpected {type(error).__name__}: {error}"
    hint = f"Set NEWSLETTER_DEBUG=1 to see where it happened, and report it to {ISSUES}."
    _fail(ctx, message=text, text=f"{text}\n{hint}", hint=hint, code=1)
