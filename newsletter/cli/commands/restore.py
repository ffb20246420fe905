"""Restores or checks a backup: `newsletter restore`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli import output
from newsletter.cli.options import Json
from newsletter.cli.workspace import Workspace, workspace
from newsletter.core.errors import UsageError

if TYPE_CHECKING:
    from newsletter.ops.backups.restore import RestoreOptions, RestoreReport

app = typer.Typer(add_completion=False)


@app.command()
def restore(
    ctx: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", readable=False, help="A backup that `newsletter backup` made."),
    ],
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Unpack and check the backup, then leave everything as it is.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Restore although the state directory is not empty; what is there is put aside in it.",
        ),
    ] = False,
    stopped: Annotated[
        bool,
        typer.Option(
            "--stopped",
            help="The newsletter was stopped before the backup was made and did not run again: what waited "
            "to be sent still does.",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Put a backup in place of an empty state directory.

    Everything is checked first: the archive whole, each file's hash, the database sound and of no newer
    version. An older one is brought up to this version. A digest that waited when the backup was made may
    have gone out since: it is not sent again, and its papers stand once more, briefly, in that reader's next
    one; unless you say --stopped.
    """
    if check and (force or stopped):
        raise UsageError("--check goes alone", hint="It changes nothing.")
    work = workspace(ctx)
    from newsletter.ops.backups.restore import check_backup
    from newsletter.ops.backups.restore import restore as put_back

    if check:
        done = check_backup(file, work.state_dir)
    else:
        done = put_back(
            file,
            work.state_dir,
            read_options=_read_options,
            force=force,
            stopped=stopped,
            now=datetime.now(UTC),
        )
    if json:
        output.print_json({"state_dir": str(work.state_dir), "checked_only": check, **output.plain(done)})
    else:
        _tell(work, file, done, check=check)
    if done.database is None:
        output.note(
            "The backup holds no database; restore that from your own copy, then run `newsletter migrate`."
        )
        raise typer.Exit(output.IN_PART)


def _read_options(state_dir: Path) -> RestoreOptions:
    from newsletter.db.engine import default_url
    from newsletter.delivery.outbox.recovery import Uncertain
    from newsletter.ops.backups.restore import RestoreOptions
    from newsletter.settings import load

    settings = load(state_dir)
    secret = settings.database_url
    return RestoreOptions(
        database_url=secret.get_secret_value() if secret is not None else default_url(state_dir),
        uncertain=Uncertain(settings.delivery.uncertain),
    )


def _tell(work: Workspace, file: Path, done: RestoreReport, *, check: bool) -> None:
    made = f"{done.files} files, made {done.made_at:%Y-%m-%d %H:%M} UTC by version {done.version}"
    if check:
        output.say(f"{file} is whole: {made}.")
        return
    output.say(f"Restored into {work.state_dir}: {made}.")
    if done.aside is not None:
        output.note(f"What was there before is in {done.aside}.")
    if done.uncertain:
        output.note(
            f"{done.uncertain} digests that waited then are uncertain now and will not be sent again."
        )
    output.note("Next: `newsletter doctor` and `newsletter audit`, then start it.")
