"""`newsletter why ADDRESS`."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer

from newsletter.cli import output
from newsletter.cli.context import workspace
from newsletter.cli.options import At, Json, day_option, now

app = typer.Typer(add_completion=False)


@app.command()
def why(
    ctx: typer.Context,
    address: Annotated[str, typer.Argument(help="The reader's address.")],
    *,
    on: Annotated[
        date | None, day_option("--on", help="The day, in the reader's zone. Default: today.")
    ] = None,
    at: At = None,
    json: Json = False,
) -> None:
    """Explain what a reader got on a day, or why nothing."""
    work = workspace(ctx)
    from newsletter.db.engine import reading
    from newsletter.pipeline.why import why as explain
    from subscribers import people

    with reading(work.engine) as connection:
        person = people.require(connection, address)
    answer = explain(work.engine, subscriber_id=person.id, address=person.address, on=on, now=now(at))
    if json:
        output.print_json(answer.as_json())
        return
    typer.echo(f"{answer.address} on {answer.on.isoformat()}: {answer.reason}")
    if answer.papers:
        output.print_rows(answer.papers)
    if answer.maybe:
        typer.echo("At its end, only perhaps of their topics:")
        output.print_rows(answer.maybe)
    if answer.left_out:
        typer.echo("Not in it:")
        output.print_rows(answer.left_out)
