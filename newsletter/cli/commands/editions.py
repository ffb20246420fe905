"""Lists, publishes, holds and corrects editions: `newsletter editions …`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from newsletter.cli import output
from newsletter.cli.notices import of_editions, print_notes
from newsletter.cli.options import At, Json, now
from newsletter.cli.workspace import Workspace, workspace
from newsletter.core.errors import UsageError

if TYPE_CHECKING:
    from newsletter.core.notices import Notice
    from newsletter.pipeline.curation.review import DroppedPaper

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Gather what is new into numbered editions.\n\n"
    "send publishes by itself; these commands are for looking first. What is dropped or held here is not "
    "mailed to anybody who has not got it yet.",
)

Number = Annotated[int, typer.Argument(metavar="N", min=1, help="The edition's number.")]
NumberOrNext = Annotated[str, typer.Argument(metavar="N|next", help="A number, or what comes next.")]
NEXT = "next"


@app.command("list")
def list_editions(ctx: typer.Context, *, at: At = None, json: Json = False) -> None:
    """List the editions, the oldest first, and say which of them wait and for what."""
    work = workspace(ctx)
    from newsletter.db.engine import reading
    from newsletter.papers import editions

    with reading(work.engine) as connection:
        found = editions.rows(connection)
    notes = of_editions(work, now=now(at))
    if json:
        output.print_json([_with_notes(row, notes) for row in found])
        return
    output.print_table(
        ("number", "date", "ready at", "held", "papers", "by topic", "note"),
        [_cells(row) for row in found],
        important=("number", "date", "held", "papers", "by topic"),
        empty="no edition yet; `newsletter editions publish` makes one of what is new",
    )
    print_notes(notes)


@app.command()
def show(
    ctx: typer.Context,
    number: NumberOrNext,
    *,
    at: At = None,
    json: Json = False,
) -> None:
    """Show one edition and its papers; `next` is what publishing would freeze now."""
    work = workspace(ctx)
    row = _row(work, number)
    from newsletter.db.engine import reading
    from newsletter.papers import queries

    with reading(work.engine) as connection:
        papers = queries.rows(connection, edition=number)
    notes = [each for each in of_editions(work, now=now(at)) if each.edition == row["number"]]
    if json:
        output.print_json({**_with_notes(row, notes), "contents": papers})
        return
    output.print_fields({key.replace("_", " "): value for key, value in row.items()})
    output.say()
    output.print_table(
        ("id", "title", "topics"),
        [(paper["id"], paper["title"], output.topics_of(paper)) for paper in papers],
        empty="no papers",
    )
    print_notes(notes)


@app.command()
def publish(ctx: typer.Context, *, at: At = None, json: Json = False) -> None:
    """Freeze what is new into the next edition; nothing new, no edition."""
    work = workspace(ctx)
    from newsletter.pipeline.publish import publish as freeze

    number = freeze(
        work.engine,
        now=now(at),
        zone=work.settings.default_timezone,
        hold=timedelta(minutes=work.settings.hold),
    )
    if json:
        output.print_json([] if number is None else [_row(work, str(number))])
    elif number is None:
        output.say("Nothing is new since the last edition.")
    else:
        _print(_row(work, str(number)))


@app.command()
def hold(ctx: typer.Context, number: NumberOrNext, *, at: At = None, json: Json = False) -> None:
    """Keep an edition back until it is released; `next` publishes what is new and holds that."""
    work = workspace(ctx)
    from newsletter.pipeline.curation import review

    if number == NEXT:
        row = review.hold_next(work.engine, now=now(at), zone=work.settings.default_timezone)
    else:
        row = review.hold(work.engine, _number(number))
    _answer(row, json)
    if not json:
        from newsletter.core.notices import release as release_command

        output.note(f"To let it go out: `{release_command(row['number'])}`")


@app.command()
def release(ctx: typer.Context, number: Number, *, at: At = None, json: Json = False) -> None:
    """Let an edition go out that is held, or whose hold time is not over."""
    work = workspace(ctx)
    from newsletter.pipeline.curation import review

    before = _row(work, str(number))
    row = review.release(work.engine, number, now=now(at))
    _answer(row, json)
    if not json and _row(work, str(number)) == before:
        output.say("It waited for nothing: nothing changed.")


@app.command()
def drop(
    ctx: typer.Context,
    paper: Annotated[int, typer.Argument(metavar="PAPER", help="The paper's id.")],
    *,
    at: At = None,
    json: Json = False,
) -> None:
    """Take a paper out of its editions: who has not got it yet will not."""
    work = workspace(ctx)
    from newsletter.pipeline.curation import review

    _print_drop(review.drop(work.engine, paper, now=now(at)), undo="restore", json=json)


@app.command()
def restore(
    ctx: typer.Context,
    paper: Annotated[int, typer.Argument(metavar="PAPER", help="The paper's id.")],
    *,
    at: At = None,
    json: Json = False,
) -> None:
    """Undo a drop: who has not got the paper is owed it again."""
    work = workspace(ctx)
    from newsletter.pipeline.curation import review

    _print_drop(review.restore(work.engine, paper, now=now(at)), undo="drop", json=json)


@app.command()
def give(
    ctx: typer.Context,
    number: Number,
    addresses: Annotated[
        list[str] | None, typer.Argument(metavar="[ADDRESS]…", help="To these readers.")
    ] = None,
    *,
    newcomers: Annotated[
        bool, typer.Option("--newcomers", help="To all who joined after it was ready and got no mail yet.")
    ] = False,
    at: At = None,
    json: Json = False,
) -> None:
    """Give an edition's papers to readers who joined after it was ready.

    Their next digest brings what their topics cover and they have not got; nobody gets a paper twice.
    """
    if newcomers is bool(addresses):
        raise UsageError(
            "say --newcomers, or name addresses", hint="For example: editions give 1 --newcomers"
        )
    work = workspace(ctx)
    from newsletter.db.engine import reading
    from newsletter.pipeline.curation.late_readers import give_edition
    from subscribers import queries

    with reading(work.engine) as connection:
        people = [queries.require(connection, address).id for address in addresses or ()]
    given = give_edition(work.engine, number, people=None if newcomers else people, now=now(at))
    if json:
        output.print_json(given)
        return
    if given.readers:
        readers = "1 reader is" if given.readers == 1 else f"{given.readers} readers are"
        output.say(f"{readers} owed papers of edition {number} now. Their next digest brings them.")
        output.note("To mail them at once: `newsletter send --now`")
    if given.unchanged:
        have = "1 reader lacks" if given.unchanged == 1 else f"{given.unchanged} readers lack"
        output.say(f"{have} no paper of edition {number}.")
    if given.not_mailable:
        absent = "1 person gets" if given.not_mailable == 1 else f"{given.not_mailable} people get"
        output.say(f"{absent} no mail, and so nothing of it: `newsletter subscribers show` says why.")
    if newcomers and not given.readers:
        output.say(f"No newcomer lacks a paper of edition {number}.")


@app.command()
def note(
    ctx: typer.Context,
    number: Number,
    text: Annotated[str, typer.Argument(metavar="TEXT", help='The words; "" takes them away.')],
    *,
    json: Json = False,
) -> None:
    """Put the editor's words above the papers of an edition, and show how they look in a mail's text.

    The words are light Markdown: emphasis, lists, code, quotes, links. A dash as TEXT reads standard input.
    """
    work = workspace(ctx)
    from newsletter.core.mail.text_wrap import wrapped
    from newsletter.pipeline.curation import review
    from newsletter.render import editor_note

    words = sys.stdin.read() if text == "-" else text
    row = review.note(work.engine, number, words)
    shown = editor_note.rendered(row["note"]).text if row["note"] else ""
    if json:
        output.print_json({**row, "note_text": shown})
        return
    _print(row)
    lines = "\n".join(wrapped(line) for line in shown.split("\n"))
    output.say(f"\n{lines}" if shown else "It has no note.")


def _print_drop(found: DroppedPaper, *, undo: str, json: bool) -> None:
    done, before = ("dropped", "was not in") if undo == "restore" else ("restored", "was not dropped from")
    command = f"newsletter editions {undo} {found.paper}"
    if json:
        output.print_json({"paper": found.paper, "title": found.title, done: found.pairs, "undo": command})
        return
    editions = "edition" if len(found.editions) == 1 else "editions"
    numbers = " and ".join(map(str, found.editions))
    if found.pairs:
        where = "out of" if undo == "restore" else "back in"
        output.say(f"Paper {found.paper} “{found.title}” is {where} {editions} {numbers}.")
        output.note(f"To undo it: `{command}`")
    else:
        output.say(f"Paper {found.paper} “{found.title}” {before} {editions} {numbers}: nothing changed.")


def _row(work: Workspace, number: str) -> dict[str, Any]:
    """An edition with the address of its `page`; what publishing would freeze now has none."""
    from newsletter.db.engine import reading
    from newsletter.papers import editions
    from newsletter.render.archive_links import LiveLinks, edition_path

    with reading(work.engine) as connection:
        if number == NEXT:
            return {**editions.next_row(connection), "page": None}
        editions.require(connection, _number(number))
        row = editions.rows(connection, _number(number))[0]
    page = LiveLinks(base_url=work.settings.base_url).permanent(edition_path(row["number"]))
    return {**row, "page": page}


def _number(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 2**31:
        raise UsageError(f"not an edition: {text!r}", hint="Give its number, or next.")
    return int(text)


def _with_notes(row: dict[str, Any], notes: Sequence[Notice]) -> dict[str, Any]:
    return {**row, "notes": [each.as_json() for each in notes if each.edition == row["number"]]}


def _cells(row: dict[str, Any]) -> tuple[Any, ...]:
    names = ("number", "date", "ready_at", "held", "papers", "by_topic", "note")
    shown = {**row, "held": row["held_because"] or row["held"]}
    return tuple(shown[name] for name in names)


def _answer(row: dict[str, Any], json: bool) -> None:
    if json:
        output.print_json(row)
    else:
        _print(row)


def _print(row: dict[str, Any]) -> None:
    state = "held" if row["held"] else f"ready at {output.time_of(row['ready_at'])}"
    output.say(f"Edition {row['number']} of {row['date']}: {row['papers']} papers, {state}.")
