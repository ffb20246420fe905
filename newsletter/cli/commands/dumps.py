"""Tries, lists, redates, withdraws, releases and replays dumps: `newsletter dumps …`."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from newsletter.cli import output
from newsletter.cli.options import At, Json, now
from newsletter.cli.workspace import workspace
from newsletter.core.timestamps import parse_date

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Look after the dumps that were taken in.\n\n"
    "Their bytes are kept, so that a better parser can read them again.",
)

Dump = Annotated[str, typer.Argument(metavar="DUMP", help="Its file name, or the beginning of its SHA-256.")]


@app.command("list")
def list_dumps(ctx: typer.Context, *, json: Json = False) -> None:
    """List the dumps in the order in which they came."""
    work = workspace(ctx)
    from newsletter.pipeline.intake import dumps

    rows = dumps.list_dumps(work.engine)
    if json:
        output.print_json(rows)
        return
    output.print_table(
        ("file", "sha256", "status", "listed on", "dated by", "entries", "new", "unread lines"),
        [
            (
                row["file"],
                row["sha256"][:12],
                row["status"],
                row["listed_on"],
                row["listed_on_from"],
                row["entries"],
                row["new"],
                row["unread_lines"],
            )
            for row in rows
        ],
        important=("file", "status", "new", "entries", "listed on", "unread lines"),
        empty="no dump yet; `newsletter ingest FILE` takes one in",
    )


@app.command("try")
def try_file(
    ctx: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", readable=False, help="A listing that somebody saved.")
    ],
    *,
    format: Annotated[
        str | None,
        typer.Option("--format", metavar="FORMAT", help="Of the file. Default: the contents decide."),
    ] = None,
    at: At = None,
    json: Json = False,
) -> None:
    """Show what of a file would be read, and store nothing.

    It fails when the file would be refused or held, and says why.
    """
    workspace(ctx)
    from newsletter.pipeline.intake.try_dump import try_dump

    row = try_dump(file, now=now(at), format=format)
    if json:
        output.print_json(row)
    else:
        papers, unread = row.pop("first"), row.pop("unread")
        told = {**row, "outcome": f"would be {row['outcome']}; nothing is stored"}
        output.print_fields({key.replace("_", " "): value for key, value in told.items()})
        for heading, rows in (("The first papers:", papers), ("Not read:", unread)):
            if rows:
                output.say(f"\n{heading}")
                output.print_rows(rows)
    if row["outcome"] != "ingested":
        raise typer.Exit(output.FAILED)


@app.command()
def show(ctx: typer.Context, dump: Dump, *, json: Json = False) -> None:
    """Show one dump, what of it could not be read, and its papers."""
    from newsletter.pipeline.intake import dumps

    row = dumps.show_dump(workspace(ctx).engine, dump)
    if json:
        output.print_json(row)
        return
    papers, unread = row.pop("papers"), row.pop("quarantined")
    output.print_fields({key.replace("_", " "): value for key, value in row.items()})
    if unread:
        output.say("\nNot read:")
        output.print_rows(unread)
    output.say()
    output.print_rows(papers, empty="no papers")


@app.command()
def redate(
    ctx: typer.Context,
    dump: Dump,
    listed_on: Annotated[date, typer.Argument(metavar="DATE", parser=parse_date, help="The listing's date.")],
    *,
    json: Json = False,
) -> None:
    """Mend the date of a dump, and of the papers that were dated from it."""
    from newsletter.core.papers.dating import check_no_future
    from newsletter.pipeline.intake import dumps

    check_no_future(listed_on, today=now(None).date())
    _answer(dumps.redate_dump(workspace(ctx).engine, dump, listed_on), json)


@app.command()
def withdraw(ctx: typer.Context, dump: Dump, *, at: At = None, json: Json = False) -> None:
    """Take a dump back: what only it brought is no longer news."""
    work = workspace(ctx)
    from newsletter.pipeline.intake import dumps

    _answer(dumps.withdraw_dump(work.engine, dump, matcher=work.matcher, now=now(at)), json)


@app.command()
def release(ctx: typer.Context, dump: Dump, *, at: At = None, json: Json = False) -> None:
    """Take in a held dump in spite of what could not be read."""
    work = workspace(ctx)
    from newsletter.pipeline.intake import dumps

    row = dumps.release_dump(work.engine, dump, archive=work.dumps_dir, matcher=work.matcher, now=now(at))
    _answer(row, json)


@app.command()
def replay(ctx: typer.Context, dump: Dump, *, at: At = None, json: Json = False) -> None:
    """Read a dump's kept bytes again, with the present parser and topics."""
    work = workspace(ctx)
    from newsletter.pipeline.intake import dumps

    row = dumps.replay_dump(work.engine, dump, archive=work.dumps_dir, matcher=work.matcher, now=now(at))
    _answer(row, json)


def _answer(row: dict[str, Any], json: bool) -> None:
    if json:
        output.print_json(row)
    else:
        output.say(
            f"{row['file']} is {row['status']}: {row['entries']} entries of {row['listed_on'] or 'no date'}."
        )
