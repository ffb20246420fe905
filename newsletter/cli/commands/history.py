"""Packs old mail and checks its seals: `newsletter history …`."""

from __future__ import annotations

import typer

from newsletter.cli import output
from newsletter.cli.options import At, Json, now
from newsletter.cli.workspace import workspace

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Pack old mail month by month, and check the seals of packed months.\n\n"
    "The scheduler packs by itself what is older than history.keep_days. `audit` and `why` go on to answer.",
)


@app.command("roll-up")
def roll_up(ctx: typer.Context, *, at: At = None, json: Json = False) -> None:
    """Pack every month that is older than history.keep_days. What was interrupted goes on."""
    work = workspace(ctx)
    from newsletter.db.engine import shrinks
    from newsletter.pipeline.explain.audit import prove
    from newsletter.pipeline.history.roll_up import roll_up as roll

    keep_days = work.settings.history.keep_days
    report = roll(work.engine, keep_days=keep_days, now=now(at), prove=prove)
    if json:
        output.print_json(report.as_json())
        return
    if not report.months:
        output.say(f"No month is older than {keep_days} days: nothing to pack.")
        return
    output.say(f"Packed {report.deliveries:,} deliveries of {', '.join(report.months)}.")
    if work.engine.dialect.name == "sqlite" and not shrinks(work.engine):
        output.note("The file keeps its size: `newsletter history shrink` makes it small, once and for all.")
    elif report.freed:
        output.note(f"{report.freed / 2**20:,.0f} MiB were given back to the disk.")


@app.command()
def show(ctx: typer.Context, *, json: Json = False) -> None:
    """List the packed months: readers, deliveries, papers given, and when they were sealed."""
    work = workspace(ctx)
    from newsletter.core.months import shown
    from newsletter.db.engine import reading
    from newsletter.pipeline.history import seals

    with reading(work.engine) as connection:
        rows = seals.listed(connection)
    if json:
        output.print_json(
            [
                {
                    "month": shown(row.month),
                    "sealed_at": row.sealed_at.isoformat() if row.sealed_at else None,
                    "readers": row.readers,
                    "erased_readers": row.erased_readers,
                    "deliveries": row.deliveries,
                    "given": row.given,
                    "contents": row.contents,
                    "checksum": row.checksum,
                    "broken_since": row.broken_since.isoformat() if row.broken_since else None,
                }
                for row in rows
            ]
        )
        return
    if not rows:
        output.say("No month is packed yet.")
        return
    output.print_table(
        ("month", "readers", "deliveries", "papers given", "sealed"),
        [
            (
                shown(row.month),
                row.readers,
                row.deliveries,
                row.given,
                f"{row.sealed_at:%Y-%m-%d}" if row.sealed_at else "not yet",
            )
            for row in rows
        ],
    )


@app.command()
def verify(ctx: typer.Context, *, at: At = None, json: Json = False) -> None:
    """Compute the checksum of every packed month again. Exit code 1 when one does not match its seal."""
    work = workspace(ctx)
    from newsletter.pipeline.history.seal_watch import check_seals

    checks = check_seals(work.engine, now=now(at))
    broken = [check for check in checks if not check.matches]
    if json:
        output.print_json([check.as_json() for check in checks])
    else:
        for check in broken:
            output.say(f"{check.name} does not match its seal{check.what_is_wrong}.")
        if broken:
            output.say("Restore the newest backup of which `newsletter history verify` says that it matches.")
        else:
            output.say(f"{len(checks)} packed months: every one is as it was sealed.")
    if broken:
        raise typer.Exit(output.FAILED)


@app.command()
def shrink(ctx: typer.Context, *, json: Json = False) -> None:
    """Write SQLite's file anew, without the space of deleted rows. Other commands wait meanwhile.

    Needs as much free space as the file takes. Later roll-ups then give space back by themselves.
    """
    work = workspace(ctx)
    from newsletter.db.engine import empty_log, rewrite
    from newsletter.ops.doctor.records import size

    if work.engine.dialect.name != "sqlite":
        freed = 0
        output.note("PostgreSQL uses the space of deleted rows again by itself: nothing was done.")
    else:
        empty_log(work.engine)
        before = size(work.engine, url=work.database_url)
        rewrite(work.engine)
        freed = before - size(work.engine, url=work.database_url)
    if json:
        output.print_json({"freed": freed})
    elif work.engine.dialect.name == "sqlite":
        output.say(f"{freed / 2**20:,.0f} MiB were given back to the disk.")
