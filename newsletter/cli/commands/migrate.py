"""Migrates the database: `newsletter migrate`."""

from __future__ import annotations

import typer

from newsletter.cli import output
from newsletter.cli.options import Json
from newsletter.cli.workspace import workspace

app = typer.Typer(add_completion=False)


@app.command()
def migrate(ctx: typer.Context, *, json: Json = False) -> None:
    """Bring the database up to this version.

    Runs the missing steps in one transaction; a database of a newer version is refused and left alone.
    """
    work = workspace(ctx)
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
