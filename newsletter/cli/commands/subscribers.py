"""Adds, lists and removes readers: `newsletter subscribers …`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import typer

from newsletter.cli import output
from newsletter.cli.commands import roster
from newsletter.cli.notices import of_newcomer, print_notes
from newsletter.cli.options import At, Json, now
from newsletter.cli.roster_report import cadence, change_words, subscription
from newsletter.cli.wiring import Wiring, reader_policy
from newsletter.cli.workspace import workspace
from newsletter.core.errors import NewsletterError, UsageError
from newsletter.core.timestamps import parse_instant

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Add, import, show and remove readers.\n\n"
    "An address is found in any spelling. Only confirmed readers get digests; a suppressed address never "
    "gets anything, whatever else is said.",
)

Address = Annotated[str, typer.Argument(help="The reader's address.")]
Cadence = Literal["daily", "weekdays", "weekly"]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


@app.command()
def add(
    ctx: typer.Context,
    address: Annotated[str, typer.Argument(help="The address, or Name <address>.")],
    *,
    topic: Annotated[
        list[str] | None, typer.Option("--topic", metavar="SLUG", help="A topic to follow; repeat for more.")
    ] = None,
    cadence: Annotated[
        Cadence | None,
        typer.Option(
            case_sensitive=False,
            metavar="CADENCE",
            help="How often: daily, weekdays or weekly. Default: daily.",
        ),
    ] = None,
    weekday: Annotated[
        Weekday | None,
        typer.Option(
            case_sensitive=False,
            metavar="WEEKDAY",
            help="The day of a weekly digest, such as friday. Default: monday.",
        ),
    ] = None,
    hour: Annotated[
        int | None,
        typer.Option(min=0, max=23, metavar="HOUR", help="The hour, 0 to 23, on the reader's clock."),
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="The reader's time zone, such as Europe/Berlin.")
    ] = None,
    name: Annotated[str, typer.Option(metavar="NAME", help="The reader's name.")] = "",
    text_only: Annotated[bool | None, typer.Option(help="Mails without an HTML part.")] = None,
    minimum: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Papers that make a digest worth sending.")
    ] = None,
    maximum: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Papers that a digest may hold at most.")
    ] = None,
    cards: Annotated[
        Literal["5", "10", "20", "all"] | None,
        typer.Option(
            metavar="N",
            help="Papers shown at length: 5, 10, 20 or all; the others get a row each. Default: 10.",
        ),
    ] = None,
    maybe: Annotated[
        bool | None, typer.Option(help="Show papers that may or may not be of a topic, too, at the end.")
    ] = None,
    confirmed: Annotated[
        bool, typer.Option("--confirmed", help="The reader agreed already: digests may start.")
    ] = False,
    at: At = None,
    json: Json = False,
) -> None:
    """Add a reader, or give one who is there more topics and other preferences.

    Without --confirmed they are mailed the question whether they agree, also when they were added before and
    have not answered; no digest comes before they do.
    """
    work = workspace(ctx)
    from newsletter.pipeline.readers import admin
    from subscribers.errors import PreferenceError

    wiring = Wiring(work)
    preferences = {
        "cadence": cadence,
        "weekday": weekday,
        "hour": hour,
        "timezone": timezone,
        "text_only": text_only,
        "minimum": minimum,
        "maximum": maximum,
        "cards": cards,
        "maybe": maybe,
    }
    try:
        row = admin.add(
            work.engine,
            address=address,
            topics=topic or (),
            preferences={key: value for key, value in preferences.items() if value is not None},
            confirmed=confirmed,
            policy=reader_policy(work),
            now=now(at),
            name=name,
            renderer=None if confirmed else wiring.transactional_renderer,
        )
    except PreferenceError as error:
        raise UsageError(error.message, hint=error.hint) from None
    waits = _send_question(wiring, address, at=now(at)) if row["asked"] else ""
    if json:
        output.print_json(row)
        return
    output.say(f"{row['change'].capitalize()}: {_sentence(row)}")
    if waits:
        output.note(f"The question to confirm waits for `newsletter send`: {waits}")
    elif row["asked"]:
        output.note("Asked by mail to confirm; no digest before that. --confirmed says that they agreed.")
    if row.get("welcomed"):
        output.say(
            f"The first digest brings the {row['welcomed']} latest papers of these topics as a welcome."
        )
    if row.get("could_have_had_count"):
        output.say(
            f"New papers count from now; {row['could_have_had_count']} earlier ones stay behind, such as:"
        )
        for paper in row["could_have_had"][:3]:
            output.say(f"  {paper['id']}  {paper['title']}")
    if row["state"] == "confirmed" and row["change"] == "added":
        print_notes(of_newcomer(work, row["address"], now=now(at)))


def _send_question(wiring: Wiring, address: str, *, at: datetime) -> str:
    """Deliver the message that was just queued; returns why it still waits, or empty."""
    from newsletter.db.engine import reading
    from newsletter.pipeline.deliver.run import deliver
    from subscribers import queries

    engine = wiring.work.engine
    with reading(engine) as connection:
        person = queries.require(connection, address)
    try:
        counts = deliver(engine, wiring.delivery_options, now=at, only=person.id, transactional_only=True)
    except NewsletterError as error:  # the reader is added all the same; the message goes later
        return error.message
    if counts.stopped is not None:
        return counts.stopped.message
    return "" if counts.sent else "the mail server did not take it now"


@app.command("list")
def list_people(
    ctx: typer.Context,
    *,
    state: Annotated[
        str | None, typer.Option(metavar="STATE", help="pending, confirmed, unsubscribed or suppressed.")
    ] = None,
    topic: Annotated[str | None, typer.Option(metavar="SLUG", help="Those who follow this topic.")] = None,
    json: Json = False,
) -> None:
    """List the readers in the order in which they came."""
    work = workspace(ctx)
    from newsletter.pipeline.readers import admin

    rows = admin.listed(work.engine, policy=reader_policy(work), state=state, topic=topic)
    if json:
        output.print_json(rows)
        return
    output.print_table(
        ("address", "state", "topics", "cadence", "hour", "timezone"),
        [
            (row["address"], row["state"], row["topics"], cadence(row), row["hour"], row["timezone"])
            for row in rows
        ],
        empty="nobody",
    )


@app.command()
def show(ctx: typer.Context, address: Address, *, json: Json = False) -> None:
    """Show one reader; looking changes nothing."""
    work = workspace(ctx)
    from newsletter.pipeline.readers import admin

    _answer(admin.show(work.engine, address, policy=reader_policy(work)), json)


app.command("import")(roster.import_)
app.command()(roster.export)


@app.command()
def pause(
    ctx: typer.Context,
    address: Address,
    *,
    until: Annotated[
        datetime | None,
        typer.Option("--until", metavar="TIMESTAMP", parser=parse_instant, help="No digest before then."),
    ] = None,
    end: Annotated[bool, typer.Option("--end", help="End a pause now.")] = False,
    at: At = None,
    json: Json = False,
) -> None:
    """Send a reader no digest for a while; what becomes new meanwhile stays owed."""
    if (until is None) is not end:
        raise UsageError("say either --until or --end", hint="For example: --until 2026-05-01")
    work = workspace(ctx)
    from newsletter.pipeline.readers import admin

    _answer(admin.pause(work.engine, address, until=until, now=now(at)), json)


@app.command()
def unsubscribe(
    ctx: typer.Context,
    address: Address,
    *,
    topic: Annotated[
        list[str] | None, typer.Option("--topic", metavar="SLUG", help="Only this topic; repeat for more.")
    ] = None,
    at: At = None,
    json: Json = False,
) -> None:
    """Take a reader off everything, or off some topics."""
    work = workspace(ctx)
    from newsletter.pipeline.readers import admin

    _answer(admin.unsubscribe(work.engine, address, now=now(at), topics=topic), json)


@app.command()
def suppress(
    ctx: typer.Context,
    address: Address,
    *,
    note: Annotated[str, typer.Option(metavar="TEXT", help="Why, for your own records.")] = "",
    at: At = None,
    json: Json = False,
) -> None:
    """Never mail an address again, whether or not it is a reader's."""
    work = workspace(ctx)
    from newsletter.pipeline.readers import admin

    _answer(admin.suppress(work.engine, address, policy=reader_policy(work), now=now(at), note=note), json)


@app.command()
def unsuppress(ctx: typer.Context, address: Address, *, at: At = None, json: Json = False) -> None:
    """Take back a wrongful suppression; the reader stands where they stood before."""
    work = workspace(ctx)
    from newsletter.pipeline.readers import admin

    _answer(admin.unsuppress(work.engine, address, policy=reader_policy(work), now=now(at)), json)


@app.command()
def forget(ctx: typer.Context, address: Address, *, at: At = None, json: Json = False) -> None:
    """Erase a reader: only a keyed hash stays, so that no import brings them back."""
    work = workspace(ctx)
    from newsletter.pipeline.readers import admin

    _answer(admin.forget(work.engine, address, policy=reader_policy(work), now=now(at)), json)


@app.command()
def ask(ctx: typer.Context, *, at: At = None, json: Json = False) -> None:
    """Ask every pending reader who was never asked, as after an import, whether they agree.

    The mails wait in the outbox; `newsletter send`, or `serve` while it runs, takes them along, within the
    limits that are set. Readers who do not confirm within seven days are forgotten.
    """
    work = workspace(ctx)
    from newsletter.pipeline.readers.confirmation_requests import ask_pending

    asked = ask_pending(work.engine, renderer=Wiring(work).transactional_renderer, now=now(at))
    if json:
        output.print_json({"asked": asked})
    else:
        output.say(f"{asked} readers will be asked." if asked != 1 else "1 reader will be asked.")


@app.command()
def link(ctx: typer.Context, address: Address, *, at: At = None, json: Json = False) -> None:
    """Print a reader's own links: to change preferences, to leave, to confirm."""
    work = workspace(ctx)
    from newsletter.pipeline.readers import admin

    _answer(admin.links_of(work.engine, address, links=Wiring(work).links, now=now(at)), json)


@app.command()
def history(ctx: typer.Context, address: Address, *, json: Json = False) -> None:
    """Show what a reader agreed to, changed and withdrew, and when."""
    work = workspace(ctx)
    from newsletter.pipeline.readers import admin

    rows = admin.history(work.engine, address)
    if json:
        output.print_json(rows)
        return
    output.print_table(
        ("at", "what", "how", "topics", "detail"),
        [(row["at"], row["what"], row["how"], row["topics"], change_words(row["detail"])) for row in rows],
        important=("at", "what", "detail", "how"),
    )


def _answer(row: dict[str, Any], json: bool) -> None:
    if json:
        output.print_json(row)
    else:
        output.print_fields({key.replace("_", " "): value for key, value in row.items()})


def _sentence(row: dict[str, Any]) -> str:
    return f"{row['address']}, {subscription(row)}"
