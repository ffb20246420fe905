"""`newsletter watch`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from newsletter.cli import output
from newsletter.cli.options import At, Json, now
from newsletter.cli.wiring import Wiring
from newsletter.cli.workspace import workspace

app = typer.Typer(add_completion=False)


@app.command()
def watch(
    ctx: typer.Context,
    *,
    quietly: Annotated[bool, typer.Option("--quietly", help="Tell nobody; only print what stands.")] = False,
    at: At = None,
    json: Json = False,
) -> None:
    """Look for what an admin must hear of, and tell them what is new.

    Held dumps and editions, files that nobody takes from the inbox, dumps with few papers, no new dump for
    long, mail that waits, a full disk. Who is told stands below `watch` in the settings: a mail, a webhook, a
    ping. `newsletter run` looks by itself.
    Exit code 1 when something stands, 3 when somebody could not be told.
    """
    work = workspace(ctx)
    from newsletter.cli.alerting import alarm_policy, make_notifier
    from newsletter.ops.alarms.watch import watch as look

    found = look(
        work.engine,
        state_dir=work.state_dir,
        terms=alarm_policy(work.settings),
        teller=None if quietly else make_notifier(Wiring(work)),
        now=now(at),
    )
    if json:
        rows: list[dict[str, Any]] = [
            {**asdict(alarm), "since": alarm.since.isoformat(), "ended_at": None} for alarm in found.standing
        ]
        output.print_json({"alarms": rows, "told": found.told, "error": found.untold or None})
    else:
        for alarm in found.standing:
            typer.echo(f"{alarm.words[:1].upper()}{alarm.words[1:]}.")
            typer.echo(f"  Since {alarm.since:%d %B %H:%M} UTC. {alarm.hint}")
        if not found.standing:
            typer.echo("Nothing is wrong.")
        if found.untold:
            output.note(f"Error: {found.untold}")
    if found.untold:
        raise typer.Exit(output.IN_PART)
    if found.standing:
        raise typer.Exit(output.FAILED)
