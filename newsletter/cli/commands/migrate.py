"""Migrates the database, or moves the newsletter to another one: `newsletter migrate`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from newsletter.cli import output
from newsletter.cli.options import Json
from newsletter.cli.workspace import Workspace, workspace
from newsletter.core.errors import UsageError

if TYPE_CHECKING:
    from newsletter.ops.database_move.move import MoveReport

app = typer.Typer(add_completion=False)


@app.command()
def migrate(
    ctx: typer.Context,
    *,
    source: Annotated[
        str | None, typer.Option("--from", metavar="URL", help="Move the newsletter out of this database.")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--to", metavar="URL", help="Move it into this one, which must be empty.")
    ] = None,
    back: Annotated[
        bool, typer.Option("--back", help="Undo the move from --from to --to; refused once --to was used.")
    ] = False,
    wait: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="How long a move waits for senders to finish.")
    ] = 60.0,
    json: Json = False,
) -> None:
    """Bring the database up to this version, or move it to another database.

    Runs the missing steps in one transaction; a database of a newer version is refused and left alone.

    A move holds the old database (nothing can write to it any more), copies every table, and compares both
    sides: rows, checksums, `newsletter audit`. Killed, it goes on when it is run again.
    """
    work = workspace(ctx)
    if source is not None or target is not None or back:
        if source is None or target is None:
            raise UsageError("a move needs --from and --to", hint="Give both as URLs, or neither.")
        _move(work, source, target, back=back, wait=wait, json=json)
        return
    from newsletter.ops.initialize import migrate_existing

    before, after = migrate_existing(work.state_dir, database_url=work.database_url)
    if work.settings.suppression_key is not None:
        work.remember_key()
    if json:
        output.print_json({"before": before, "after": after, "changed": before != after})
    elif before == after:
        output.say(f"The database is up to date (revision {after}).")
    else:
        output.say(f"The database went from revision {before or 'none'} to {after}.")


def _move(work: Workspace, source: str, target: str, *, back: bool, wait: float, json: bool) -> None:
    from newsletter.ops.database_move.move import MoveOptions, move, take_back
    from newsletter.ops.state_dir import check_writable
    from newsletter.pipeline.explain.audit import audit

    check_writable(work.state_dir)
    now = datetime.now(UTC)
    options = MoveOptions(
        source=source, target=target, locks_dir=work.state_dir / "locks", now=now, wait=wait
    )
    if back:
        report = take_back(options)
        if json:
            output.print_json({"from": report.source, "to": report.target, "back": True})
        else:
            output.say(f"The newsletter is in {report.source} again. Drop {report.target}.")
        return

    def balance(engine: Any) -> dict[str, Any]:
        found = audit(engine, now=now)
        return {**found.as_json(), "clean": found.clean}

    with output.progress("moving") as advance:
        report = move(options, audit=balance, progress=advance)
    _print(report, json=json)


def _print(report: MoveReport, *, json: bool) -> None:
    if json:
        output.print_json(
            {
                "from": report.source,
                "to": report.target,
                "resumed": report.resumed,
                "done_before": report.done_before,
                "rows": report.rows,
                "copied": report.copied,
                "tables": {
                    name: {"rows": found.rows, "checksum": found.checksum}
                    for name, found in report.tables.items()
                },
                "audit": report.audit,
            }
        )
        return
    if report.done_before:
        output.say(f"The newsletter moved to {report.target} before; nothing was done.")
        return
    output.print_table(
        ("table", "rows", "checksum"),
        [(name, found.rows, found.checksum) for name, found in report.tables.items() if found.rows],
    )
    kept = "Nothing twice, nothing missed" if report.audit["clean"] else "The promise was broken before"
    output.say(
        f"{report.rows} rows moved; both sides are equal. {kept}: the audit says the same on both.\n"
        f"Set database_url to {report.target} (with its password, if it has one), and start the newsletter.\n"
        f"{report.source} takes no write any more."
    )
