"""Explains the mail of a reader on one day: `newsletter why ADDRESS`."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated

import typer

from newsletter.cli import output
from newsletter.cli.notices import gather, print_notes
from newsletter.cli.options import At, Json, day_option, now
from newsletter.cli.workspace import workspace

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
    from newsletter.pipeline.explain.why import why as explain
    from subscribers import queries

    with reading(work.engine) as connection:
        person = queries.require(connection, address)
    answer = explain(work.engine, subscriber_id=person.id, address=person.address, on=on, now=now(at))
    waits = not answer.mailed and answer.on >= now(at).date() - timedelta(
        days=1
    )  # it may be today in their zone
    notes = gather(work, now=now(at), reader=person.id) if waits else []
    if json:
        output.print_json({**answer.as_json(), "notes": [each.as_json() for each in notes]})
        return
    output.say(f"{answer.address} on {answer.on.isoformat()}: {answer.reason}")
    if answer.papers:
        output.print_rows(answer.papers)
    if answer.maybe:
        output.say("At its end, only perhaps of their topics:")
        output.print_rows(answer.maybe)
    if answer.left_out:
        output.say("Not in it:" if answer.deliveries else "Papers:")
        output.print_rows(answer.left_out)
    print_notes(notes)
