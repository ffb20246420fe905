"""Explains the mail of a reader on one day: `newsletter why ADDRESS`."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Any

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
    recent = answer.on >= now(at).date() - timedelta(days=1)  # it may be today in their zone
    notes = gather(work, now=now(at), reader=person.id) if recent else []
    if answer.mailed:  # other things that wait kept nothing from them
        notes = [each for each in notes if each.edition is not None]
    if json:
        output.print_json({**answer.as_json(), "notes": [each.as_json() for each in notes]})
        return
    output.say(f"{answer.address} on {answer.on.isoformat()}: {answer.reason}")
    for mail in answer.mails:
        if len(answer.mails) > 1:
            output.say(mail_heading(mail))
        if mail["papers"]:
            output.print_rows([paper for paper in answer.papers if paper["id"] in mail["papers"]])
        if mail["maybe"]:
            output.say("At its end, only perhaps of their topics:")
            output.print_rows([paper for paper in answer.maybe if paper["id"] in mail["maybe"]])
        if mail["new_versions"]:
            output.say("New versions of papers that they had:")
            output.print_rows([line for line in answer.new_versions if line["id"] in mail["new_versions"]])
    if answer.left_out:
        several = len(answer.deliveries) > 1
        output.say(f"Not in {'them' if several else 'it'}:" if answer.deliveries else "Papers:")
        output.print_rows(answer.left_out)
    print_notes(notes)


def mail_heading(mail: dict[str, Any]) -> str:
    """Which mail of several it is: "Mail 7, sent at 19:55, edition 2:"."""
    numbers = " and ".join(map(str, mail["editions"]))
    editions = f", {'edition' if len(mail['editions']) == 1 else 'editions'} {numbers}" if numbers else ""
    return f"\nMail {mail['delivery']}, sent at {datetime.fromisoformat(mail['at']):%H:%M}{editions}:"
