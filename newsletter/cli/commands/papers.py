"""Looks up papers, and records an admin's decisions about identity and topics: `newsletter papers …`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from newsletter.cli import output
from newsletter.cli.options import At, Json, now
from newsletter.cli.workspace import workspace
from newsletter.core.errors import UsageError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Look up papers; merge and split them.\n\n"
    "A paper is one work, however often it is listed. Merging and splitting are recorded, and who got one "
    "of two merged papers counts as having got both.",
)

Paper = Annotated[int, typer.Argument(metavar="ID", help="The paper's id, as papers list shows it.")]
Other = Annotated[int, typer.Argument(metavar="OTHER", help="The other paper's id.")]


@app.command("list")
def list_papers(
    ctx: typer.Context,
    *,
    topic: Annotated[str | None, typer.Option("--topic", metavar="SLUG", help="Those of this topic.")] = None,
    dump: Annotated[
        str | None, typer.Option("--dump", metavar="FILE", help="Those of this dump: file name or SHA-256.")
    ] = None,
    edition: Annotated[
        str | None,
        typer.Option("--edition", metavar="N|next", help="Those of this edition, or what comes next."),
    ] = None,
    json: Json = False,
) -> None:
    """List papers: all, or those that fit everything asked."""
    work = workspace(ctx)
    from newsletter.db.engine import reading
    from newsletter.papers import queries

    with reading(work.engine) as connection:
        rows = queries.rows(
            connection, topic=topic, dump=dump, edition=edition, known_topics=tuple(work.topics)
        )
    if json:
        output.print_json(rows)
        return
    output.print_table(
        ("id", "first listed", "edition", "title", "topics"),
        [
            (row["id"], row["first_listed_on"], row["edition"], row["title"], output.topics_of(row))
            for row in rows
        ],
        empty="no papers",
    )


@app.command()
def show(ctx: typer.Context, paper: Paper, *, json: Json = False) -> None:
    """Show one paper with its listings, texts and decisions."""
    work = workspace(ctx)
    from newsletter.db.engine import reading
    from newsletter.papers import queries

    with reading(work.engine) as connection:
        _answer(queries.show(connection, paper), json)


@app.command()
def merge(ctx: typer.Context, keep: Paper, other: Other, *, at: At = None, json: Json = False) -> None:
    """Say that two papers are one; the first is kept."""
    work = workspace(ctx)
    from newsletter.pipeline.curation import corrections

    _answer(corrections.merge_papers(work.engine, keep, other, now=now(at)), json)


@app.command()
def split(
    ctx: typer.Context,
    paper: Paper,
    other: Annotated[
        int | None, typer.Argument(metavar="OTHER", help="Keep these two apart, though they look alike.")
    ] = None,
    *,
    news: Annotated[
        bool, typer.Option("--news", help="It is news; else it counts as given wherever the kept one was.")
    ] = False,
    at: At = None,
    json: Json = False,
) -> None:
    """Undo a merge, or keep two papers apart that look alike."""
    work = workspace(ctx)
    from newsletter.pipeline.curation import corrections

    _answer(corrections.split_papers(work.engine, paper, other, news=news, now=now(at)), json)


@app.command()
def topic(
    ctx: typer.Context,
    paper: Paper,
    *,
    add: Annotated[
        list[str] | None, typer.Option("--add", metavar="SLUG", help="It belongs there; repeat for more.")
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", metavar="SLUG", help="It does not; repeat for more.")
    ] = None,
    at: At = None,
    json: Json = False,
) -> None:
    """Put a paper into topics or take it out, whatever the rules say."""
    if not add and not remove:
        raise UsageError("say --add or --remove", hint="For example: papers topic 12 --add circuits")
    work = workspace(ctx)
    from newsletter.pipeline.curation import corrections

    row = corrections.correct_topics(
        work.engine,
        paper,
        add=add or (),
        remove=remove or (),
        known_topics=tuple(work.topics),
        matcher=work.matcher,
        now=now(at),
    )
    _answer(row, json)


@app.command("possibly-same")
def possibly_same(ctx: typer.Context, *, json: Json = False) -> None:
    """List pairs that look alike and wait for you to merge or split them."""
    work = workspace(ctx)
    from newsletter.pipeline.curation import corrections

    rows = corrections.possibly_same(work.engine)
    if json:
        output.print_json(rows)
    else:
        output.print_rows(rows, empty="no pair waits")


def _answer(row: dict[str, Any], json: bool) -> None:
    if json:
        output.print_json(row)
        return
    output.print_fields(
        {
            "id": row["id"],
            "title": row["title"],
            "authors": row["organization"] or row["authors"],
            "published on": row["published_on"],
            "first listed": row["first_listed_on"],
            "comments": row["comments"],
            "code": row["code_url"],
            "link": row["url"],
            "edition": row["edition"],
            "topics": output.topics_of(row),
            "because of": [word for match in row["topics"] for word in match["evidence"]],
            "you decided": [
                slug if belongs else f"not {slug}" for slug, belongs in output.corrections_of(row).items()
            ],
            "merged": row["merged"],
            "abstract": row["abstract"],
        }
    )
    output.say()
    output.print_table(
        ("listed on", "dump", "place", "comments"),
        [(each["listed_on"], each["file"], each["position"], each["comments"]) for each in row["listings"]],
    )
    if len(row["revisions"]) > 1:
        output.say()
        output.print_table(
            ("text", "of paper", "recorded", "dump", "title"),
            [
                (each["number"], each["id"], each["recorded_at"], each["file"], each["title"])
                for each in row["revisions"]
            ],
        )
    for each in row["decisions"]:
        output.say(f"{each['at'][:10]}: {each['verb']} {each['id']} and {each['other_id']}")
