"""Tries the mail servers: `newsletter smtp …`. Sends no message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from newsletter.cli import output
from newsletter.cli.options import Json
from newsletter.cli.wiring import Wiring
from newsletter.cli.workspace import workspace

if TYPE_CHECKING:
    from newsletter.delivery.smtp.transport import RelayFacts

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
    """Connect, encrypt, log in and leave again; say what was found or what is wrong.

    With several servers each is tried; exit code 3 when some fail, 1 when all do.
    """
    relays = Wiring(workspace(ctx)).relays
    from newsletter.delivery.smtp.relay import RelayError
    from newsletter.delivery.smtp.transport import probe

    found: list[RelayFacts] = []
    errors: list[RelayError] = []
    for relay in relays:
        try:
            found.append(probe(relay))
        except RelayError as error:
            errors.append(error)
            if len(relays) > 1:
                output.note(f"Error: {error}")
        else:
            if not json:
                _print(found[-1])
    if json and found:
        output.print_json({**_as_json(found[0]), "others": [_as_json(facts) for facts in found[1:]]})
    if errors and not found:
        raise errors[0]
    if not json:
        ready = "The mail server is ready." if len(relays) == 1 else f"{len(found)} mail servers are ready."
        typer.echo(ready)
    if errors:
        raise typer.Exit(output.IN_PART)


def _as_json(facts: RelayFacts) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(facts)


def _print(facts: RelayFacts) -> None:
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
