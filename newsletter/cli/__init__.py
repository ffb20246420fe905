"""Defines the command line `newsletter COMMAND …`. A command parses, calls one function and prints.

No module of this package imports anything heavy at its top.
"""

from __future__ import annotations

import os
import traceback
from pathlib import Path
from typing import Annotated

import typer

from newsletter.cli.lazy_group import LazyGroup

EPILOG = (
    "A first day: [bold]init[/bold], then [bold]subscribers add[/bold], [bold]ingest[/bold], "
    "[bold]preview[/bold], [bold]send[/bold]; each tells more with --help.\n\n"
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done in part, 78 bad configuration."
)

PRIVATE = 0o077  # umask: files may hold addresses, so only their owner may read them

app = typer.Typer(
    name="newsletter",
    cls=LazyGroup,
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from newsletter import __version__
        from newsletter.cli import output

        output.say(f"newsletter {__version__}")
        raise typer.Exit


@app.callback()
def root(
    ctx: typer.Context,
    state_dir: Annotated[
        Path | None,
        typer.Option(
            "--state-dir",
            metavar="FOLDER",
            help="Where this newsletter keeps everything. May stand anywhere on the line. "
            "Else NEWSLETTER_STATE_DIR, else STATE_DIRECTORY, else ./state.",
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """A research-paper newsletter of your own: listings in, personal digests out.

    Nothing is mailed twice, nothing is missed.
    """
    from newsletter.cli.workspace import Workspace

    ctx.obj = work = Workspace(state_dir_flag=state_dir)
    ctx.call_on_close(work.close)


def main() -> None:
    """Run the console script."""
    os.umask(PRIVATE)
    try:
        app(prog_name="newsletter")
    except Exception:  # asked for by NEWSLETTER_DEBUG; its text may come from a stranger
        from newsletter.cli import output

        output.note(traceback.format_exc().rstrip(), as_is=True)
        raise SystemExit(1) from None
