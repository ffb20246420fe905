"""Shows the next digest of a reader: `newsletter preview ADDRESS`. Stores and sends nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from newsletter.cli import output
from newsletter.cli.options import At, now
from newsletter.cli.previewing import about_preview, previewer
from newsletter.cli.wiring import Wiring
from newsletter.cli.workspace import workspace
from newsletter.core.errors import NewsletterError

app = typer.Typer(add_completion=False)


@app.command()
def preview(
    ctx: typer.Context,
    address: Annotated[str, typer.Argument(help="The reader's address.")],
    *,
    format: Annotated[
        Literal["html", "text", "eml"],
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="html or text: that part, decoded; eml: the whole mail as it goes out.",
        ),
    ] = "text",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write there instead of to standard output.")
    ] = None,
    edition: Annotated[
        str | None,
        typer.Option(
            "--edition", metavar="N|next", help="What this edition alone brings them, held or sent as well."
        ),
    ] = None,
    at: At = None,
) -> None:
    """Show the very mail that a reader would get now.

    As if the hour had come, what is unpublished were published, and an edition that waits were released;
    nothing is stored or sent. Where nothing is owed, the latest digest serves as a sample, or papers that
    ship do; stderr says so.
    """
    work = workspace(ctx)
    from newsletter.db.engine import reading
    from newsletter.pipeline.trial.preview import edition_of
    from subscribers import queries

    number = edition_of(edition)
    with reading(work.engine) as connection:
        person = queries.require(connection, address)
    made = previewer(Wiring(work)).reader(person.id, now=now(at), edition=number)
    about_preview(work, made, now=now(at), address=person.address)
    if format == "eml":
        data = made.envelope.data
    else:
        data = made.part(format).encode()
        if not data:
            raise NewsletterError(
                f"{person.address} gets mail without {format}", hint="Try --format text, or --format eml."
            )
    output.write_bytes(data, out)
