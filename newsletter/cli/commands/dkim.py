"""Makes DKIM keys and shows their DNS records: `newsletter dkim …`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from newsletter.cli import PRIVATE, output
from newsletter.cli.options import Json
from newsletter.cli.wiring import Wiring
from newsletter.cli.workspace import workspace
from newsletter.core.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from newsletter.delivery.message.dkim_keys import DkimKey

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Make keys that sign the mail, and show what DNS must say.\n\n"
    "Mail is signed once a dkim table of the settings names a key; off by default.",
)


@app.command()
def keygen(
    ctx: typer.Context,
    *,
    algorithm: Annotated[
        Literal["rsa", "ed25519"],
        typer.Option(
            "--algorithm", metavar="NAME", help="`rsa`, which everybody checks, or `ed25519`: short and fast."
        ),
    ] = "rsa",
    selector: Annotated[
        str | None,
        typer.Option("--selector", metavar="NAME", help="Its name in DNS. Default: newsletter-ALGORITHM."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a key of that name.")] = False,
    json: Json = False,
) -> None:
    """Make a key; print its DNS record and the settings to add. Mail is not signed before those are there."""
    work = workspace(ctx)
    from newsletter.delivery.message.dkim_keys import Algorithm
    from newsletter.ops.dkim_key_files import make_key
    from newsletter.settings.checks import SELECTOR

    name = (f"newsletter-{algorithm}" if selector is None else selector).lower()
    if not SELECTOR.fullmatch(name):
        raise UsageError(
            f"{selector!r} is no selector", hint="It is made of letters, digits and hyphens: newsletter-2027."
        )
    wiring = Wiring(work)
    if "sender" not in work.settings.model_fields_set:
        output.note(f"sender is not set: this is a record of {wiring.unsigned_builder.domain}.")
    place = wiring.dkim_key_file(name)
    key = make_key(work.state_dir, place, algorithm=Algorithm(algorithm), replace=force)
    file = place.file
    named = file.relative_to(work.state_dir) if file.is_relative_to(work.state_dir) else file
    lines = ["[[dkim]]", f'selector = "{name}"', f'key_file = "{named}"']
    if place.domain != wiring.unsigned_builder.domain.lower():
        lines.append(f'domain = "{place.domain}"')
    if json:
        output.print_json({**_told(key, file), "settings": "\n".join(lines)})
        return
    output.note(f"The private key is in {file}. Its DNS record:\n")
    _print_record(key)
    output.note(f"\nOnce DNS answers with it, add to {work.state_dir / 'newsletter.toml'}:\n")
    output.say("\n".join(lines), as_is=True)


@app.command()
def show(ctx: typer.Context, *, json: Json = False) -> None:
    """Show the DNS records of the keys that the settings name, after checking the keys."""
    wiring = Wiring(workspace(ctx))
    keys = [(key, wiring.dkim_key_file(key.selector).file) for key in wiring.dkim_keys]
    if json:
        output.print_json([_told(key, file) for key, file in keys])
    for key, file in keys:
        if not json:
            _print_record(key)
        if file.stat().st_mode & PRIVATE:
            output.note(f"Others on this machine may read {file}: chmod 600 it.")
    if not keys:
        output.note("(mail is not signed; `newsletter dkim keygen` makes a key)")


def _print_record(key: DkimKey) -> None:
    """Print the record as a form of a DNS provider wants it, then as a zone file has it."""
    record = key.record
    parent = key.domain.partition(".")[2]
    output.say("In a form of your DNS provider:\n")
    output.say(f"name:  {record.relative_name(key.domain)}")
    if "." in parent:
        output.say(f"       {record.relative_name(parent)}, if your zone is {parent}")
    output.say(f"       {record.name}, if the form wants the whole name")
    output.say(f"type:  TXT\nvalue: {record.value}\n\nIn a zone file:\n\n{record.zone_lines}\n", as_is=True)


def _told(key: DkimKey, file: Path) -> dict[str, Any]:
    record = key.record
    return {
        "selector": key.selector,
        "domain": key.domain,
        "algorithm": key.algorithm.value,
        "key_file": str(file),
        "name": record.name,
        "relative_name": record.relative_name(key.domain),
        "type": "TXT",
        "value": record.value,
        "strings": record.strings,
    }
