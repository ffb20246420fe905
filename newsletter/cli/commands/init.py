"""Makes the state directory: `newsletter init`. Overwrites nothing."""

from __future__ import annotations

import shlex
from contextlib import closing

import typer

from newsletter.cli import output
from newsletter.cli.options import Json
from newsletter.cli.workspace import Workspace, workspace

app = typer.Typer(add_completion=False)


@app.command()
def init(ctx: typer.Context, *, json: Json = False) -> None:
    """Make the state directory: settings, keys, inbox, database.

    Run it as often as you like: it makes what is missing and overwrites nothing.
    """
    work = workspace(ctx)
    from newsletter.ops.initialize import set_up

    done = set_up(
        work.state_dir,
        database_url=work.database_url,
        known_keys=frozenset(
            key for key in ("secret_key", "suppression_key") if getattr(work.settings, key) is not None
        ),
    )
    with closing(Workspace(state_dir_flag=work.state_dir_flag, flags=work.flags)) as made:  # with its keys
        made.remember_key()
    if json:
        output.print_json({"state_dir": str(work.state_dir), "made": done.made, "revision": done.revision})
        return
    if done.made:
        output.say(f"Made in {work.state_dir}: {', '.join(done.made)}")
    else:
        output.say(f"{work.state_dir} is complete; nothing to make.")
    output.note(f"Next: set sender and [smtp] in {work.state_dir / 'newsletter.toml'}, then add a reader:")
    called = output.program()
    if work.state_dir_flag is not None:
        called += f" --state-dir {shlex.quote(str(work.state_dir))}"
    output.note(f"  {called} subscribers add you@example.org --topic circuits --confirmed", as_is=True)
