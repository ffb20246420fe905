"""Lists, publishes, holds and corrects editions: `newsletter editions …`."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

import typer

from newsletter.cli import output
from newsletter.cli.options import At, Json, now
from newsletter.cli.workspace import Workspace, workspace

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Gather what is new into numbered editions.\n\n"
    "send publishes by itself; these commands are for looking first. What is dropped or held here is not "
    "mailed to anybody who has not got it yet.",
)

Number = Annotated[int, typer.Argument(metavar="N", min=1, help="The edition's number.")]
NEXT = "next"


@app.command("list")
def list_editions(ctx: typer.Context, *, json: Json = False) -> None:
    """List the editions, the oldest first."""
    work = workspace(ctx)
    from newsletter.db.engine import reading
    from newsletter.papers import editions

    with reading(work.engine) as connection:
        found = editions.rows(connection)
    if json:
        output.print_json(found)
        return
    output.print_table(
        ("number", "date", "ready at", "held", "papers", "by topic", "note"),
        [_cells(row) for row in found],
        empty="no edition yet; `newsletter editions publish` makes one of what is new",
    )


@app.command()
def show(
    ctx: typer.Context,
    number: Annotated[str, typer.Argument(metavar="N|next", help="A number, or what comes next.")],
    *,
    json: Json = False,
) -> None:
    """Show one edition and its papers; `next` is what publishing would freeze now."""
    work = workspace(ctx)
    row = _row(work, number)
    from newsletter.db.engine import reading
    from newsletter.papers import queries

    with reading(work.engine) as connection:
        papers = queries.rows(connection, edition=number)
    if json:
        output.print_json({**row, "contents": papers})
        return
    output.print_fields({key.replace("_", " "): value for key, value in row.items()})
    output.say()
    output.print_table(
        ("id", "title", "topics"),
        [(paper["id"], paper["title"], output.topics_of(paper)) for paper in papers],
        empty="no papers",
    )


@app.command()
def publish(ctx: typer.Context, *, at: At = None, json: Json = False) -> None:
    """Freeze what is new into the next edition; nothing new, no edition."""
    work = workspace(ctx)
    from newsletter.pipeline.publish import publish as freeze

    number = freeze(
        work.engine,
        now=now(at),
        zone=work.settings.default_timezone,
        hold=timedelta(minutes=work.settings.hold),
    )
    if json:
        output.print_json([] if number is None else [_row(work, str(number))])
    elif number is None:
        output.say("Nothing is new since the last edition.")
    else:
        _print(_row(work, str(number)))


@app.command()
def hold(ctx: typer.Context, number: Number, *, json: Json = False) -> None:
    """Keep an edition back until it is released."""
    from newsletter.pipeline.curation import review

    _answer(review.hold(workspace(ctx).engine, number), json)


@app.command()
def release(ctx: typer.Context, number: Number, *, at: At = None, json: Json = False) -> None:
    """Let an edition go out that is held, or whose hold time is not over."""
    work = workspace(ctx)
    from newsletter.pipeline.curation import review

    _answer(review.release(work.engine, number, now=now(at)), json)


@app.command()
def drop(
    ctx: typer.Context,
    paper: Annotated[int, typer.Argument(metavar="PAPER", help="The paper's id.")],
    *,
    at: At = None,
    json: Json = False,
) -> None:
    """Take a paper out of its editions: who has not got it yet will not."""
    work = workspace(ctx)
    from newsletter.pipeline.curation import review

    dropped = review.drop(work.engine, paper, now=now(at))
    if json:
        output.print_json({"paper": paper, "dropped": dropped})
    elif dropped:
        output.say(f"Paper {paper} is dropped.")
    else:
        output.say(f"Paper {paper} was dropped before.")


@app.command()
def note(
    ctx: typer.Context,
    number: Number,
    text: Annotated[str, typer.Argument(metavar="TEXT", help='The words; "" takes them away.')],
    *,
    json: Json = False,
) -> None:
    """Put the editor's words above the papers of an edition."""
    from newsletter.pipeline.curation import review

    _answer(review.note(workspace(ctx).engine, number, text), json)


def _row(work: Workspace, number: str) -> dict[str, Any]:
    from newsletter.core.errors import UsageError
    from newsletter.db.engine import reading
    from newsletter.papers import editions

    with reading(work.engine) as connection:
        if number == NEXT:
            return editions.next_row(connection)
        if not number.isdecimal():
            raise UsageError(f"not an edition: {number!r}", hint="Give its number, or next.")
        editions.require(connection, int(number))
        return editions.rows(connection, int(number))[0]


def _cells(row: dict[str, Any]) -> tuple[Any, ...]:
    names = ("number", "date", "ready_at", "held", "papers", "by_topic", "note")
    shown = {**row, "held": row["held_because"] or row["held"]}
    return tuple(shown[name] for name in names)


def _answer(row: dict[str, Any], json: bool) -> None:
    if json:
        output.print_json(row)
    else:
        _print(row)


def _print(row: dict[str, Any]) -> None:
    state = "held" if row["held"] else f"ready at {row['ready_at']}"
    output.say(f"Edition {row['number']} of {row['date']}: {row['papers']} papers, {state}.")
