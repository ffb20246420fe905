"""Reads, acts on and shows what comes back by mail: `newsletter bounces …`."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Annotated, Any

import typer

from newsletter.cli import output
from newsletter.cli.options import At, Json, now
from newsletter.cli.wiring import Wiring
from newsletter.cli.workspace import workspace
from newsletter.core.errors import NewsletterError, NotFoundError, UsageError
from newsletter.inbound.intakes.files import read_messages

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection, Engine

    from newsletter.core.mail.inbound import FailedRecipient, InboundReport
    from newsletter.pipeline.inbound.take import Taken

TRY_AGAIN = 75  # EX_TEMPFAIL of sysexits.h: a mail server keeps the message
SHOWN = 20_000  # characters of a message that `show` prints

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Read and act on what comes back: bounces, complaints, replies.\n\n"
    "docs/explanation/what-comes-back.md lists the kinds, the forms and the reasons.",
)


@app.command()
def parse(
    ctx: typer.Context,
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE…", help="Messages, mboxes, folders or Maildirs of messages, or - for stdin."
        ),
    ],
    *,
    json: Json = False,
) -> None:
    """Say what messages are, who failed and why. Changes nothing.

    The JSON has an object for each message, in order; those of an mbox all have the name of its file.

    A message that cannot be read is of class "other", and says why. So is a file that cannot be opened; the
    exit code is then 3, or 1 when there was no other.
    """
    workspace(ctx)  # a typo in the settings stops every command
    from newsletter.core.mail.inbound import InboundClass, InboundReport
    from newsletter.inbound.parse import parse as read

    rows: list[dict[str, Any]] = []
    unopened = 0
    for name, data in read_messages(files):
        if isinstance(data, OSError):
            unopened += 1
            why = f"the file cannot be opened: {data.strerror or data}"
            rows.append(_as_json(name, InboundReport(kind=InboundClass.OTHER, form="", why=why)))
        else:
            rows.append(_as_json(name, read(data)))
    if json:
        output.print_json(rows)
    else:
        _print(rows)
    if unopened:
        raise typer.Exit(output.FAILED if unopened == len(rows) else output.IN_PART)


@app.command()
def ingest(
    ctx: typer.Context,
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE…", help="Messages, mboxes, folders or Maildirs of messages, or - for stdin."
        ),
    ],
    *,
    recipient: Annotated[
        str, typer.Option("--recipient", metavar="ADDRESS", help="To whom the envelope was.")
    ] = "",
    sender: Annotated[
        str | None, typer.Option("--sender", metavar="ADDRESS", help="From whom the envelope was.")
    ] = None,
    source: Annotated[
        str, typer.Option("--source", metavar="NAME", help="What brings them, for the log.")
    ] = "file",
    at: At = None,
    json: Json = False,
) -> None:
    """Act on messages that came back: suppress, count, unsubscribe, and keep a log.

    The same message acts once. What cannot be read, or proves nothing, is kept for a look: no failure. When
    the database is busy the exit code is 75: a mail server that pipes messages here tries again.
    """
    work = workspace(ctx)
    wiring = Wiring(work)
    from newsletter.cli.wiring import inbound_options
    from newsletter.core.errors import StorageError
    from newsletter.inbound.parse import parse as read
    from newsletter.pipeline.inbound.take import take

    options = inbound_options(wiring)
    rows: list[dict[str, Any]] = []
    unopened: list[str] = []
    for name, data in read_messages(files):
        if isinstance(data, OSError):
            unopened.append(f"{name} cannot be opened: {data.strerror or data}")
            continue
        try:
            taken = take(
                work.engine,
                data,
                source=source,
                now=now(at),
                options=options,
                recipient=recipient,
                sender=sender,
            )
        except StorageError as error:
            output.note(str(error))
            raise typer.Exit(TRY_AGAIN) from None
        rows.append({**_as_json(name, read(data)), **_outcome(taken)})
    _name_subscribers(work.engine, rows)
    if unopened and not rows:
        raise NewsletterError(unopened[0], hint="Name files or folders that this user may read, or -.")
    if json:
        output.print_json(rows)
    else:
        columns = ("id", "file", "class", "done", "why")
        output.print_table(
            columns,
            [tuple(row[column] for column in columns) for row in rows],
            important=("id", "class", "done"),
            below="why",
            empty="no message there",
        )
    for words in unopened:
        output.note(words)
    if unopened:
        raise typer.Exit(output.IN_PART)


@app.command(name="list")
def list_(
    ctx: typer.Context,
    *,
    kind: Annotated[
        str | None,
        typer.Option("--class", metavar="CLASS", help="Only bounce, complaint, unsubscribe, and so on."),
    ] = None,
    done: Annotated[
        str | None,
        typer.Option("--done", metavar="WHAT", help="Only those of which this followed, such as look."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, metavar="N", help="At most N.")] = 100,
    json: Json = False,
) -> None:
    """List what came back, the newest first, with what was done and why."""
    work = workspace(ctx)
    from newsletter.core.mail.bounce_policy import Effect
    from newsletter.core.mail.inbound import InboundClass
    from newsletter.db.engine import reading
    from newsletter.delivery.outbox import inbound_records

    for given, known, option in ((kind, InboundClass, "--class"), (done, Effect, "--done")):
        if given is not None and given not in list(known):
            words = ", ".join(one.value for one in known)
            raise UsageError(f"{option} {given!r} is unknown", hint=f"There are {words}.")
    with reading(work.engine) as connection:
        rows = inbound_records.listed(connection, kind=kind, done=done, limit=limit)
        _name_readers(connection, rows)
    if json:
        output.print_json(rows)
        return
    output.print_table(
        ("id", "received", "class", "reader", "reason", "done", "why"),
        [
            (
                row["id"],
                output.time_of(row["received_at"]),
                row["class"],
                ", ".join(one["address"] or "" for one in row["recipients"]),
                ", ".join(filter(None, (one["reason"] for one in row["recipients"]))),
                row["done"],
                row["why"],
            )
            for row in rows
        ],
        important=("id", "class", "reader", "done"),
        below="why",
        empty="nothing has come back",
    )


@app.command()
def show(
    ctx: typer.Context,
    message: Annotated[int, typer.Argument(metavar="ID", help="Its id, as `bounces list` shows it.")],
    *,
    raw: Annotated[bool, typer.Option("--raw", help="Print the message, as far as it is kept.")] = False,
    json: Json = False,
) -> None:
    """Show one message that came back: whom it names, what was done and why."""
    work = workspace(ctx)
    from newsletter.db.engine import reading
    from newsletter.delivery.outbox import inbound_records

    with reading(work.engine) as connection:
        found = inbound_records.shown(connection, message)
        if found is None:
            raise NotFoundError(
                f"there is no message {message} that came back", hint="`newsletter bounces list` shows them."
            )
        row, body = found
        _name_readers(connection, [row])
    data = zlib.decompress(body) if body is not None else None
    if raw:
        if data is None:
            raise NotFoundError(
                f"message {message} is not kept any more", hint="Messages are kept for 30 days."
            )
        typer.get_binary_stream("stdout").write(data)
        return
    row["text"] = None if data is None else data.decode("utf-8", "replace")[:SHOWN]
    if json:
        output.print_json(row)
        return
    text, recipients = row.pop("text"), row.pop("recipients")
    output.print_fields({key.replace("_", " "): value for key, value in row.items()})
    for one in recipients:
        if {key for key, value in one.items() if value not in (None, row.get(key))} == set():
            continue  # it names nobody, and says what stands above
        output.say()
        output.print_fields({key.replace("_", " "): value for key, value in one.items()})
    output.say()
    output.say(text if text is not None else "The message itself is not kept any more.")


Held = Annotated[list[int] | None, typer.Argument(metavar="[ID]…", help="Held bounces, by id. Default: all.")]


@app.command()
def release(
    ctx: typer.Context,
    messages: Held = None,
    *,
    at: At = None,
    json: Json = False,
) -> None:
    """Believe bounces that are held, and suppress their readers.

    Bounces are held when many addresses come back as unknown at once: `bounces list --done held`.
    """
    _settle(ctx, messages or [], believe=True, at=at, json=json)


@app.command()
def drop(
    ctx: typer.Context,
    messages: Held = None,
    *,
    at: At = None,
    json: Json = False,
) -> None:
    """Do not believe bounces that are held: their readers stay, and get their papers once more."""
    _settle(ctx, messages or [], believe=False, at=at, json=json)


def _settle(
    ctx: typer.Context, messages: list[int], *, believe: bool, at: datetime | None, json: bool
) -> None:
    wiring = Wiring(workspace(ctx))
    from newsletter.cli.wiring import inbound_options
    from newsletter.core.mail.bounce_policy import Effect
    from newsletter.db.engine import writing
    from newsletter.pipeline.inbound.breaker import settle

    options = inbound_options(wiring)
    with writing(wiring.work.engine) as connection:
        done = settle(connection, believe=believe, options=options, now=now(at), messages=messages)
    suppressed, let_be = done.get(Effect.SUPPRESSED, 0), done.get(Effect.RETURNED, 0)
    if json:
        output.print_json({"suppressed": suppressed, "dropped": let_be})
    else:
        output.say(f"{suppressed} suppressed, {let_be} let be.")


def _name_subscribers(engine: Engine, rows: list[dict[str, Any]]) -> None:
    """Write the reader's id beside the recipients of messages that were just taken in."""
    from newsletter.db.engine import reading
    from newsletter.delivery.outbox import inbound_records

    with reading(engine) as connection:
        for row in rows:
            found = inbound_records.shown(connection, row["id"])
            about = found[0]["recipients"] if found is not None else []
            for one, known in zip(row["recipients"], about, strict=False):
                one["subscriber"] = known["subscriber"]


def _name_readers(connection: Connection, rows: list[dict[str, Any]]) -> None:
    """Write the present address of each reader beside their id."""
    from subscribers import queries

    about = [one for row in rows for one in row["recipients"]]
    ids = sorted({one["subscriber"] for one in about if one["subscriber"] is not None})
    addresses: dict[int, str] = {}
    for start in range(0, len(ids), queries.PEOPLE_PER_PAGE):
        some = ids[start : start + queries.PEOPLE_PER_PAGE]
        addresses |= {person.id: person.address for person in queries.by_ids(connection, some)}
    for one in about:
        one["address"] = addresses.get(one["subscriber"]) or None


def _outcome(taken: Taken) -> dict[str, Any]:
    return {"id": taken.id, "class": taken.kind.value, "done": taken.done.value} | {
        "why": taken.why,
        "repeated": taken.repeated,
    }


def _as_json(name: str, report: InboundReport) -> dict[str, Any]:
    names = report.names
    return {
        "file": name,
        "class": report.kind.value,
        "recipients": [_recipient(one) for one in report.recipients],
        "form": report.form,
        "concerned": list(report.concerned),
        "action": report.action,
        "feedback": report.feedback,
        "why": report.why,
        "message_id": report.message_id,
        "names": {
            "envelope_ids": list(names.envelope_ids),
            "return_paths": list(names.return_paths),
            "message_ids": list(names.message_ids),
            "headers": dict(names.headers),
        },
    }


def _recipient(one: FailedRecipient) -> dict[str, Any]:
    """What is ours is printed as soft: the address may work later; `about` says whose fault it is."""
    return {
        "address": one.address,
        "original": one.original or None,
        "kind": "hard" if one.kind == "hard" else "soft",
        "status": one.status or None,
        "reason": one.reason.value,
        "about": one.about.value,
        "subscriber": None,  # only the database knows; `bounces show` has it
        "diagnostic": one.diagnostic,
    }


def _print(rows: list[dict[str, Any]]) -> None:
    lines: list[tuple[Any, ...]] = []
    for row in rows:
        for one in row["recipients"]:
            lines.append(
                (
                    row["file"],
                    row["class"],
                    one["address"],
                    one["kind"],
                    one["status"],
                    one["reason"],
                    one["diagnostic"],
                )
            )
        if not row["recipients"]:
            said = row["why"] or row["feedback"] or row["action"]
            lines.append((row["file"], row["class"], ", ".join(row["concerned"]), "", "", "", said))
    output.print_table(
        ("file", "class", "address", "kind", "status", "reason", "said"),
        lines,
        important=("class", "address", "kind", "reason", "file", "status"),
        below="said",
        empty="no message there",
    )
