"""Makes a backup: `newsletter backup`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from newsletter.cli import output
from newsletter.cli.options import Json
from newsletter.cli.wiring import Wiring
from newsletter.cli.workspace import Workspace, workspace

app = typer.Typer(add_completion=False)


@app.command()
def backup(
    ctx: typer.Context,
    target: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE|FOLDER", help="Where it goes. Default: the folder backups/ of the state directory."
        ),
    ] = None,
    *,
    keep: Annotated[
        int | None,
        typer.Option(
            "--keep", min=1, metavar="N", help="Keep the N latest backups in the folder; remove older ones."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Copy everything into one file, while it runs.

    Database, dumps, settings, keys and your own templates, as of one instant; nothing has to be stopped. The
    file holds addresses and secrets and is readable for you alone: keep it so. PostgreSQL is copied by its
    own pg_dump; where that is missing the rest is backed up, and the exit code is 3.
    """
    work = workspace(ctx)
    from newsletter.ops.backups.create import back_up
    from newsletter.ops.state_dir import check_writable

    check_writable(work.state_dir)
    work.check_database_file()
    made = back_up(
        work.state_dir, database_url=work.database_url, target=target, keep=keep, now=datetime.now(UTC)
    )
    elsewhere = _elsewhere(work)
    if json:
        output.print_json({"backup": made, "not_in_it": elsewhere})
    else:
        output.say(f"{made.file}: {made.files} files, {made.size} bytes")
        for name in made.removed:
            output.note(f"Removed: {name}")
    for name in made.skipped:
        output.note(f"Not in it: {name}.")
    for name in elsewhere:
        output.note(f"Not in it, as it lies outside the state directory: {name}. Keep a copy of it yourself.")
    if made.database is None:
        output.note(f"The database is not in it: {made.trouble}")
        raise typer.Exit(output.IN_PART)


def _elsewhere(work: Workspace) -> list[str]:
    """Names of settings and files of this newsletter outside its state directory, such as keys."""
    from newsletter.settings import outside_state_dir

    settings, wiring = work.settings, Wiring(work)
    found = outside_state_dir(work.state_dir)
    files = [wiring.dkim_key_file(entry.selector).file for entry in settings.dkim]
    files += [Path(smtp.ca_file) for smtp in (settings.smtp, *settings.relays) if smtp.ca_file]
    return [*found, *(str(file) for file in files if not file.absolute().is_relative_to(work.state_dir))]
