"""Imports and exports rosters: `newsletter subscribers import|export`. Stores nothing itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from newsletter.cli import output
from newsletter.cli.options import At, Json, now
from newsletter.cli.roster_report import print_change, print_update, remarks
from newsletter.cli.wiring import reader_policy
from newsletter.cli.workspace import workspace
from newsletter.core.errors import UsageError


def import_(
    ctx: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", readable=False, help="CSV with a column email, or one address a line."
        ),
    ],
    *,
    confirmed: Annotated[
        bool, typer.Option("--confirmed", help="Consent was given elsewhere: digests may start.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Store nothing; say what would change.")] = False,
    topic: Annotated[
        list[str] | None,
        typer.Option("--topic", metavar="SLUG", help="A topic for rows that name none; repeat for more."),
    ] = None,
    state: Annotated[
        Literal["pending", "unsubscribed", "suppressed"] | None,
        typer.Option(
            metavar="STATE",
            help="What everybody in the file is at most: pending, unsubscribed or suppressed.",
        ),
    ] = None,
    encoding: Annotated[
        str, typer.Option(metavar="NAME", help="The file's encoding, such as koi8-r. Default: found out.")
    ] = "",
    ignore_column: Annotated[
        list[str] | None,
        typer.Option(
            "--ignore-column",
            metavar="TITLE",
            help="A column that does not say who may be mailed, though it looks so; repeat for more.",
        ),
    ] = None,
    at: At = None,
    json: Json = False,
) -> None:
    """Take in a roster: email and any of name, topics, cadence, weekday, hour, timezone, state.

    Several topics are joined by ; in one field. What export writes goes in, and so do the exports of other
    tools as they are. Who left or bounced there gets no mail here. A file with a column that looks like
    consent or status, and is not understood, is refused until --ignore-column names it. An import never
    brings back readers who left or are suppressed.
    """
    if confirmed and state:
        raise UsageError(f"--confirmed and --state {state} contradict each other", hint="Give one of them.")
    work = workspace(ctx)
    from newsletter.pipeline.readers import rosters

    with output.progress("reading") as tick:
        done = rosters.import_roster(
            work.engine,
            file,
            confirmed=confirmed,
            policy=reader_policy(work),
            now=now(at),
            dry_run=dry_run,
            topics=topic or (),
            at_most=state or "",
            encoding=encoding,
            ignore=ignore_column or (),
            progress=tick,
            on_change=None if json else print_change if dry_run else print_update,
        )
    good = done["added"] + done["updated"] + done["unchanged"]
    if json:
        output.print_json(done)
    else:
        output.say(
            f"{done['added']} added, {done['updated']} updated, {done['unchanged']} unchanged, "
            f"{len(done['refused'])} refused{' (nothing stored)' if dry_run else ''}"
        )
        for refused in done["refused"]:
            output.note(f"  row {refused['row']}: {refused['reason']}")
        for remark in remarks(done):
            output.note(remark)
    if done["refused"]:
        raise typer.Exit(output.IN_PART if good else output.FAILED)


def export(
    ctx: typer.Context,
    file: Annotated[
        str, typer.Argument(metavar="FILE|-", help="Where to write; - is standard output.")
    ] = "-",
    *,
    json: Json = False,
) -> None:
    """Write all readers to a roster that import takes."""
    work = workspace(ctx)
    from newsletter.pipeline.readers import admin, rosters

    if file == "-":
        if json:
            output.print_json(admin.listed(work.engine, policy=reader_policy(work)))
        else:
            with output.text_stream() as stream:
                rosters.write_roster(work.engine, stream)
        return
    count = rosters.export_roster(work.engine, Path(file))
    if json:
        output.print_json({"file": file, "subscribers": count})
    else:
        output.say(f"{count} readers written to {file}")
