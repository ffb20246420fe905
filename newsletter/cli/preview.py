"""`newsletter preview ADDRESS`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from newsletter.cli import output
from newsletter.cli.context import workspace
from newsletter.cli.options import At, now

app = typer.Typer()


@app.command()
def preview(
    ctx: typer.Context,
    address: Annotated[str, typer.Argument(help="The reader's address.")],
    *,
    format: Annotated[
        Literal["html", "text", "eml"],
        typer.Option("--format", help="One part, decoded, or the whole mail as it goes out."),
    ] = "text",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write there instead of to standard output.")
    ] = None,
    at: At = None,
) -> None:
    """Show the very mail that a reader would get now.

    As if the hour had come, and what is unpublished were published; nothing is stored or sent. Where nothing
    is owed, the latest digest serves as a sample, and stderr says so.
    """
    work = workspace(ctx)
    raise NotImplementedError(f"{work} {address} {format} {out} {now(at)} {output}")
