"""Writes the archive as files: `newsletter archive build OUT`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from newsletter.cli import output
from newsletter.cli.options import At, Json, now
from newsletter.cli.workspace import workspace
from newsletter.core.errors import UsageError
from newsletter.settings.checks import public_link

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Write the public archive as files.\n\n"
    "Any web server can show them, and so can a browser from a disk: pages, exports, feeds and a search.",
)


@app.callback()
def _group() -> None:
    """Keeps `build` a subcommand."""


@app.command()
def build(
    ctx: typer.Context,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A new folder, or one of an earlier build.")],
    *,
    base_url: Annotated[
        str, typer.Option("--base-url", metavar="URL", help="Where the folder will be found on the web.")
    ] = "",
    at: At = None,
    json: Json = False,
) -> None:
    """Bring a static copy of the archive up to date. Only what changed is written."""
    if base_url:
        try:
            base_url = public_link(base_url).rstrip("/")
        except ValueError as error:
            raise UsageError(f"--base-url: {error}", hint="For example: https://papers.example.org") from None
    work = workspace(ctx)
    from newsletter.cli.wiring import Wiring
    from newsletter.pipeline.archive.static_build import build_archive

    site = Wiring(work).static_site(base_url)
    report = build_archive(work.engine, out, site, now=now(at))
    if json:
        output.print_json(report)
        return
    output.say(f"{report.pages:,} files in {out}; {report.changed:,} changed, in {report.seconds:.1f} s.")
    output.note(f"Open {out / 'index.html'}, or let any web server show the folder.")
