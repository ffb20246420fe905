"""Copies the shipped sample listings to a folder: `newsletter samples FOLDER`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from newsletter.cli import output
from newsletter.cli.options import Json
from newsletter.cli.workspace import workspace
from newsletter.core.errors import NewsletterError

app = typer.Typer(add_completion=False)


@app.command()
def samples(
    ctx: typer.Context,
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Where to put them; made if it does not exist.")
    ],
    *,
    json: Json = False,
) -> None:
    """Copy the sample listings of five days to a folder, to try `ingest` with.

    Five are Hugging Face's Daily Papers as text, one is a mail of arXiv, one is JSON of Hugging Face. A file
    that is there with other content is not replaced.
    """
    workspace(ctx)
    from newsletter.samples import dumps, listings

    copied: list[str] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        wanted = [(folder / dump.name, dump.read_bytes()) for dump in listings()]
        for file, data in wanted:
            if file.exists() and file.read_bytes() != data:
                raise NewsletterError(
                    f"{file} exists and is no sample", hint="Name another folder, or move that file away."
                )
        for file, data in wanted:
            if not file.exists():
                file.write_bytes(data)
                copied.append(str(file))
    except OSError as error:
        raise NewsletterError(
            f"the samples cannot be written to {folder}: {error.strerror}",
            hint="Name a folder that you may write to.",
        ) from None
    if json:
        output.print_json({"copied": copied})
        return
    if copied:
        output.say(f"Copied {len(copied)} listings to {folder}. Take one in:")
    else:
        output.say(f"All {len(wanted)} listings are in {folder} already: nothing was copied. Take one in:")
    output.say(f"  {output.program()} ingest {folder / dumps()[-1].name}", as_is=True)
