"""Lists deliveries, retries and repeats them: `newsletter deliveries …`. Sends nothing itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, get_args

import typer

from newsletter.cli import output
from newsletter.cli.options import At, Json, now
from newsletter.cli.wiring import Wiring
from newsletter.cli.workspace import Workspace, workspace
from newsletter.core.errors import ConfigurationError, NewsletterError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Follow each mail: sent, waiting, refused.\n\n"
    "What was refused for now is tried again by the next send without being asked.",
)

State = Literal["queued", "leased", "handing over", "sent", "deferred", "failed", "uncertain", "skipped"]
Ids = Annotated[list[int], typer.Argument(metavar="ID…", help="Ids as deliveries list shows them.")]


@app.command("list")
def list_deliveries(
    ctx: typer.Context,
    *,
    state: Annotated[
        State | None,
        typer.Option("--state", metavar="STATE", help=f"Those in this state: {', '.join(get_args(State))}."),
    ] = None,
    address: Annotated[str | None, typer.Option("--address", metavar="ADDRESS", help="One reader's.")] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, metavar="N", help="The newest N only.")
    ] = None,
    json: Json = False,
) -> None:
    """List the mails, the newest first."""
    work = workspace(ctx)
    from newsletter.core.states import DeliveryState
    from newsletter.db.engine import reading
    from newsletter.delivery.outbox import queries
    from subscribers import audience
    from subscribers.queries import require

    with reading(work.engine) as connection:
        rows = queries.listed(
            connection,
            addresses=audience.addresses(),
            message_id=Wiring(work).message_id,
            state=DeliveryState(state) if state else None,
            subscriber_id=require(connection, address).id if address else None,
            limit=limit,
        )
    if json:
        output.print_json(rows)
        return
    output.print_table(
        ("id", "address", "kind", "edition", "state", "attempts", "composed", "next try", "papers", "reply"),
        [
            (
                row["id"],
                row["address"],
                row["kind"],
                row["edition"],
                f"{row['state']}: {row['reason']}" if row["reason"] else row["state"],
                row["attempts"],
                row["composed_at"],
                row["next_attempt_at"],
                len(row["papers"]),
                row["reply"],
            )
            for row in rows
        ],
        important=("id", "address", "state", "attempts", "next try", "composed", "kind"),
        below="reply",
        empty="no mail yet" if state is None else f"no mail is {state}",
    )


@app.command()
def show(
    ctx: typer.Context,
    delivery: Annotated[int, typer.Argument(metavar="ID", help="Its id.")],
    *,
    json: Json = False,
) -> None:
    """Show one mail: its state, the server's words, its papers."""
    row = _shown(workspace(ctx), delivery)
    if json:
        output.print_json(row)
        return
    papers, maybe, versions = row.pop("papers"), row.pop("maybe"), row.pop("new_versions")
    output.print_fields({key.replace("_", " "): value for key, value in row.items()})
    output.say()
    output.print_rows(papers, empty="no papers")
    if maybe:
        output.say("At its end, only perhaps of their topics:")
        output.print_rows(maybe)
    if versions:
        output.say("New versions of papers that they had:")
        output.print_rows(versions)


@app.command()
def retry(ctx: typer.Context, ids: Ids, *, at: At = None, json: Json = False) -> None:
    """Let the next send try mails again that failed or were deferred."""
    work = workspace(ctx)
    from newsletter.pipeline.deliver import resend

    _each(work, ids, lambda delivery: resend.retry(work.engine, delivery, now=now(at)), json)


@app.command()
def resend(ctx: typer.Context, ids: Ids, *, at: At = None, json: Json = False) -> None:
    """Let the next send repeat mails that were sent or are uncertain: the same bytes, perhaps twice."""
    work = workspace(ctx)
    from newsletter.pipeline.deliver import resend

    _each(work, ids, lambda delivery: resend.resend(work.engine, delivery, now=now(at)), json)


def _shown(work: Workspace, delivery: int) -> dict[str, Any]:
    from newsletter.db.engine import reading
    from newsletter.delivery.outbox import queries
    from subscribers import audience

    with reading(work.engine) as connection:
        return queries.shown(
            connection, delivery, addresses=audience.addresses(), message_id=Wiring(work).message_id
        )


def _each(work: Workspace, ids: list[int], act: Callable[[int], None], json: bool) -> None:
    """Act on each delivery; a refused one does not stop the others."""
    rows: list[dict[str, Any]] = []
    refused: list[NewsletterError] = []
    for delivery in ids:
        try:
            act(delivery)
            rows.append(_shown(work, delivery))
        except ConfigurationError:
            raise
        except NewsletterError as error:
            refused.append(error)
    if refused and not rows:
        raise refused[0]
    if json:
        output.print_json(rows)
    else:
        for row in rows:
            output.say(f"Delivery {row['id']} to {row['address']} is {row['state']}; the next send takes it.")
    for refusal in refused:
        output.note(f"Error: {refusal}")
    if refused:
        raise typer.Exit(output.IN_PART)
