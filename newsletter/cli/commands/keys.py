"""Changes the key that signs links, and looks after earlier ones: `newsletter keys …`. Prints no key."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from newsletter.cli import output
from newsletter.cli.options import At, Json
from newsletter.cli.options import now as now_of
from newsletter.cli.wiring import Wiring
from newsletter.cli.workspace import Workspace, workspace
from newsletter.core.errors import ConfigurationError

if TYPE_CHECKING:
    from newsletter.ops.secret_keys import KeyUse

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Change the secret key that signs links, and look after earlier ones.\n\n"
    "No command prints a key; each has an id, which is no secret. The suppression key never changes.",
)


@app.command("list")
def list_(ctx: typer.Context, *, json: Json = False) -> None:
    """List the keys, the newest first: what each signed, and until when its links work."""
    from newsletter.ops.secret_keys import uses

    work = workspace(ctx)
    rows = [_row(use) for use in uses(work.engine, Wiring(work).secret_keys)]
    if json:
        output.print_json(rows)
        return
    columns = ("id", "state", "messages", "waiting", "since", "last used", "links until")
    output.print_table(
        columns,
        [list(row.values()) for row in rows],
        important=("id", "state", "links until", "waiting", "last used"),
    )


@app.command()
def rotate(ctx: typer.Context, *, at: At = None, json: Json = False) -> None:
    """Make a new secret key. Links that the present one signed still work.

    Messages that wait keep their bytes. Then restart what runs, and copy the folder `credentials` to other
    machines that send or serve.
    """
    from newsletter.core.mail.signing_keys import key_id
    from newsletter.ops.secret_keys import rotate as make_new

    work = workspace(ctx)
    secret_keys = Wiring(work).secret_keys
    _check_own(work)
    new = make_new(work.engine, work.state_dir, secret_keys)
    old = key_id(secret_keys[0])
    until = links_until(now_of(at))
    if json:
        output.print_json({"id": new, "previous": [key_id(key) for key in secret_keys], "links_until": until})
        return
    output.say(f"The new secret key is {new}; {old} is kept as a previous one.")
    output.say(
        f"Links to preferences in messages up to now work until {until:%Y-%m-%d}, links to digests "
        f"on the web as long as {old} is kept, links to unsubscribe always."
    )
    output.note(
        "Now restart what runs (`systemctl restart newsletter`): until then it signs with the old key and "
        "refuses links of the new one."
    )
    output.note(f"If the old key is known to others: `{output.program()} keys retire {old}` ends its links.")


@app.command()
def retire(
    ctx: typer.Context,
    key: Annotated[str, typer.Argument(metavar="ID", help="Its id, of `newsletter keys list`.")],
    *,
    json: Json = False,
) -> None:
    """Forget a previous key for ever: links that it signed stop working, except those to unsubscribe.

    Do it when its links have run out, or at once when others know the key.
    """
    from newsletter.ops.secret_keys import retire as forget

    work = workspace(ctx)
    secret_keys = Wiring(work).secret_keys
    _check_own(work)
    forget(work.engine, work.state_dir, secret_keys, key.lower())
    if json:
        output.print_json({"retired": key.lower()})
        return
    output.say(f"The key {key.lower()} is forgotten.")
    output.note(
        "Now restart what runs (`systemctl restart newsletter`): until then it takes links that this "
        "key signed, afterwards only those to unsubscribe."
    )


def links_until(signed_at: datetime) -> datetime:
    """Until when links to preferences that were signed at that time work."""
    from subscribers.link_purposes import MAX_AGES, PREFERENCES

    lifetime: timedelta = MAX_AGES[PREFERENCES]
    return signed_at + lifetime


def _row(use: KeyUse) -> dict[str, Any]:
    return {
        "id": use.id,
        "state": "current" if use.current else "previous",
        "messages": use.messages,
        "waiting": use.waiting,
        "since": use.first,
        "last_used": use.last,
        "links_until": links_until(use.last) if use.last is not None else None,
    }


def _check_own(work: Workspace) -> None:
    """Raise ConfigurationError when a key does not come from the state directory's credentials folder."""
    from newsletter.ops.secret_keys import PREVIOUS, SECRET_KEY
    from newsletter.settings import other_place

    own = work.state_dir / "credentials"
    for key in (SECRET_KEY, PREVIOUS):
        place = other_place(work.state_dir, key)
        if place is None or (key == PREVIOUS and place.startswith(str(work.state_dir / "newsletter.toml"))):
            continue  # the file in the credentials folder takes over what newsletter.toml has
        raise ConfigurationError(
            f"{place}: this command changes only keys in {own}",
            hint=f"Change the key there: put the old value of {SECRET_KEY} first into {PREVIOUS}, set a "
            "new one (`openssl rand -base64 32` makes one), and restart what runs. Or move both to "
            f"the files {SECRET_KEY} and {PREVIOUS} (one key a line) in {own}.",
        )
