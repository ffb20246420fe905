"""Tries the mail servers: `newsletter smtp …`. Sends no message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from newsletter.cli import output
from newsletter.cli.options import Json
from newsletter.cli.wiring import Wiring
from newsletter.cli.workspace import Workspace, workspace
from newsletter.core.errors import UsageError

if TYPE_CHECKING:
    from newsletter.delivery.smtp.probe import RelayFacts

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Try the mail server without mailing anybody.\n\nThe server is the one of the smtp settings.",
)


@app.command()
def check(ctx: typer.Context, *, json: Json = False) -> None:
    """Connect, encrypt, log in and leave again; say what was found or what is wrong.

    Also names the sender and a recipient, and takes them back: nothing is mailed. With several servers each
    is tried; exit code 3 when some fail, 1 when all do. A server that rests because it refused us is tried as
    well; when it is ready, its rest ends and the next send uses it.
    """
    work = workspace(ctx)
    relays = Wiring(work).relays
    from newsletter.cli.relays import trial_envelope
    from newsletter.delivery.smtp.probe import probe
    from newsletter.delivery.smtp.relay import RelayError

    trial = trial_envelope(work.settings)
    found: list[RelayFacts] = []
    errors: list[RelayError] = []
    for relay in relays:
        try:
            found.append(probe(relay, trial))
        except RelayError as error:
            errors.append(error)
            if len(relays) > 1:
                output.note(f"Error: {error}")
        else:
            if not json:
                _print(found[-1])
    if json and found:
        output.print_json({**_as_json(found[0]), "others": [_as_json(facts) for facts in found[1:]]})
    _end_rests(work, [f"{facts.host}:{facts.port}" for facts in found])
    if errors and not found:
        raise errors[0]
    if not json:
        ready = "The mail server is ready." if len(relays) == 1 else f"{len(found)} mail servers are ready."
        output.say(ready)
    if errors:
        raise typer.Exit(output.IN_PART)


@app.command()
def explain(
    ctx: typer.Context,
    reply: Annotated[
        str,
        typer.Argument(
            metavar="TEXT", help='The reply, as a log quotes it; - reads JSON lines {"phase", "reply"}.'
        ),
    ],
    *,
    phase: Annotated[
        str,
        typer.Option(
            metavar="PHASE",
            help="What it answered: greeting, ehlo, starttls, auth, mail, rcpt, data or dot.",
        ),
    ] = "",
    json: Json = False,
) -> None:
    """Say whom a server's reply is about, and what would follow from it.

    Prints JSON lines: {"about", "kind", "reason", "then"}. "about" is us, recipient, content or server;
    "kind" is
    hard, soft or ours. A line that cannot be read is answered with its "error", and the exit code is 3.
    """
    del json  # the answer is JSON lines anyway
    workspace(ctx)  # a typo in the settings stops every command
    from newsletter.core.mail import reply_explanation

    if reply == "-":
        unread = 0
        for row in reply_explanation.explain_lines(typer.get_text_stream("stdin")):
            unread += "error" in row
            output.say(output.as_json(row), as_is=True)
        if unread:
            output.note(f"{unread} lines could not be read; their answers say why.")
            raise typer.Exit(output.IN_PART)
        return
    try:
        row = reply_explanation.explain(reply, phase)
    except ValueError as error:
        raise UsageError(
            str(error), hint="Such as: newsletter smtp explain '550 5.1.1 User unknown'"
        ) from error
    output.say(output.as_json(row), as_is=True)


def _end_rests(work: Workspace, ready: list[str]) -> None:
    """Servers that are ready need no rest any more."""
    from newsletter.core.errors import StorageError
    from newsletter.db.engine import writing
    from newsletter.delivery.outbox import relay_rests

    try:
        work.check_database_file()
    except StorageError:
        return  # before `newsletter init`: nothing can rest yet
    with writing(work.engine) as connection:
        resting = {rest.relay for rest in relay_rests.all_rests(connection)}.intersection(ready)
        relay_rests.forget(connection, resting)
    for relay in sorted(resting):
        output.note(f"{relay} rests no longer: the next send uses it.")


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
