"""`newsletter smtp …`."""

from __future__ import annotations

import typer

from newsletter.cli import output
from newsletter.cli.context import workspace
from newsletter.cli.options import Json

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Try the mail server without mailing anybody.\n\nThe server is the one of the smtp settings.",
)


@app.callback()
def _group() -> None:
    """Make `check` a command of its own although it is the only one."""


@app.command()
def check(ctx: typer.Context, *, json: Json = False) -> None:
    """Connect, encrypt, log in and leave again; say what was found or what is wrong."""
    work = workspace(ctx)
    from newsletter.delivery.smtp import probe

    facts = probe(work.relay)
    if json:
        output.print_json(facts)
        return
    output.print_fields(
        {
            "server": f"{facts.host}:{facts.port} ({facts.address})",
            "greeting": facts.greeting,
            "encrypted": facts.encrypted or "no",
            "logged in": facts.logged_in,
            "offers": list(facts.extensions),
            "largest mail": f"{facts.size_limit} bytes" if facts.size_limit else "not said",
        }
    )
    typer.echo("The mail server is ready.")
