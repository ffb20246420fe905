"""Looks up papers, and records an admin's decisions about identity and topics: `newsletter papers …`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from newsletter.cli import output
from newsletter.cli.confirming import Yes, ask
from newsletter.cli.options import At, Json, now
from newsletter.cli.workspace import workspace
from newsletter.core.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from newsletter.cli.workspace import Workspace
    from newsletter.pipeline.curation.corrections import PaperPair

MAX_FOUND = 200  # papers of a search

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Look up papers; merge and split them.\n\n"
    "A paper is one work, however often it is listed. Merging and splitting are recorded, and who got one "
    "of two merged papers counts as having got both.",
)


def _paper_id(text: str) -> int:
    """The id of a paper; words of its title are answered with the command that finds it."""
    if text.isascii() and text.isdecimal():
        return int(text)
    raise typer.BadParameter(
        f"must be a whole number, not {text!r}; to find papers: "
        f"`newsletter papers list --search {shlex.quote(text)}`"
    )


Paper = Annotated[
    int, typer.Argument(metavar="ID", parser=_paper_id, help="The paper's id, as papers list shows it.")
]
Other = Annotated[int, typer.Argument(metavar="OTHER", parser=_paper_id, help="The other paper's id.")]
OfTopic = Annotated[str | None, typer.Option("--topic", metavar="SLUG", help="Those of this topic.")]
OfDump = Annotated[
    str | None, typer.Option("--dump", metavar="FILE", help="Those of this dump: file name or SHA-256.")
]
OfEdition = Annotated[
    str | None, typer.Option("--edition", metavar="N|next", help="Those of this edition, or what comes next.")
]
OfSearch = Annotated[
    str | None, typer.Option("--search", metavar="TEXT", help=f"The best {MAX_FOUND} that a search finds.")
]


@app.command("list")
def list_papers(
    ctx: typer.Context,
    *,
    topic: OfTopic = None,
    dump: OfDump = None,
    edition: OfEdition = None,
    search: OfSearch = None,
    json: Json = False,
) -> None:
    """List papers: all, or those that fit everything asked.

    A search knows words, "phrases", beginnings*, -exclusions, author:, org:, topic:, from:, to: and
    identifiers.
    """
    work = workspace(ctx)
    from newsletter.db.engine import reading

    with reading(work.engine) as connection:
        rows = _rows(work, connection, topic=topic, dump=dump, edition=edition, search=search)
    if json:
        output.print_json([_as_shown(work, row) for row in rows])
        return
    output.print_table(
        ("id", "first listed", "edition", "title", "topics"),
        [
            (row["id"], row["first_listed_on"], row["edition"], row["title"], output.topics_of(row))
            for row in rows
        ],
        important=("id", "title", "topics"),
        empty="no papers",
    )


def _rows(
    work: Workspace,
    connection: Connection,
    *,
    topic: str | None,
    dump: str | None,
    edition: str | None,
    search: str | None,
) -> list[dict[str, Any]]:
    """The papers that fit all options of `papers list` and `papers export`."""
    from newsletter.papers import queries

    ids = None if search is None else _found(connection, search)
    return queries.rows(
        connection, topic=topic, dump=dump, edition=edition, ids=ids, known_topics=tuple(work.topics)
    )


def _found(connection: Connection, typed: str) -> list[int]:
    """The ids of the papers that fit a search, the best first; says on stderr what it left out."""
    from newsletter.papers.search import parse_query, search
    from newsletter.papers.visibility import Visibility

    page = search(connection, parse_query(typed), view=Visibility.everything(), limit=MAX_FOUND)
    for notice in page.notices:
        output.note(notice)
    return [hit.paper_id for hit in page.hits]


@app.command()
def show(ctx: typer.Context, paper: Paper, *, json: Json = False) -> None:
    """Show one paper with its listings, texts and decisions."""
    work = workspace(ctx)
    from newsletter.db.engine import reading
    from newsletter.papers import queries

    with reading(work.engine) as connection:
        row = queries.show(connection, paper)
    _answer(_as_shown(work, row), json)


@app.command()
def export(
    ctx: typer.Context,
    *,
    format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORM",
            help="bibtex, ris, csl-json or markdown. Else the end of FILE decides (.bib, .ris, .csl.json, "
            ".md), and without one it is BibTeX.",
        ),
    ] = None,
    topic: OfTopic = None,
    dump: OfDump = None,
    edition: OfEdition = None,
    search: OfSearch = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write there instead of to standard output.")
    ] = None,
) -> None:
    """Write papers as references for other programs: all, or those that fit everything asked.

    A search knows what `papers list --search` knows.
    """
    from newsletter.render.exports import FORMATS

    if format is None:
        ending = out.name.lower() if out else ""
        fitting = [name for name, form in FORMATS.items() if ending.endswith(f".{form.suffix}")]
        format = fitting[0] if fitting else "bibtex"
    if format not in FORMATS:
        raise UsageError(f"there is no form {format!r}", hint=f"Known: {', '.join(FORMATS)}.")
    work = workspace(ctx)
    from newsletter.db.engine import reading
    from newsletter.papers.visibility import Visibility
    from newsletter.pipeline.archive.references import load_references
    from newsletter.pipeline.archive.scope import ArchiveScope
    from newsletter.render.archive_links import LiveLinks

    with reading(work.engine) as connection:
        rows = _rows(work, connection, topic=topic, dump=dump, edition=edition, search=search)
        scope = ArchiveScope(
            connection=connection,
            visibility=Visibility.everything(),
            topics=work.topics,
            links=LiveLinks(base_url=work.settings.base_url),
        )
        references = load_references(scope, [row["id"] for row in rows])
    output.write_bytes(FORMATS[format].write(references).encode(), out)


@app.command()
def merge(
    ctx: typer.Context, keep: Paper, other: Other, *, yes: Yes = False, at: At = None, json: Json = False
) -> None:
    """Say that two papers are one; the first is kept. Asks when they share nothing."""
    work = workspace(ctx)
    from newsletter.pipeline.curation import corrections

    pair = corrections.pair_of(work.engine, keep, other)
    if not (pair.related or pair.are_one):
        ask(_share_nothing(pair), "Are they one paper?", yes=yes)
    row = corrections.merge_papers(work.engine, keep, other, now=now(at))
    if json:
        output.print_json({**_as_shown(work, row), "undo": " && ".join(pair.undo) or None})
    elif pair.are_one:
        output.say(f"{_named(pair)[0]} and {_named(pair)[1]} were one before: nothing changed.")
    else:
        output.say(f"{_named(pair)[1]} is part of {_named(pair)[0]} now.")
        output.note("Who got either of them has got both.")
        output.note(f"To undo it: {' and '.join(f'`{command}`' for command in pair.undo)}")
        if not pair.undo[0].endswith("--news"):
            output.note("If the kept one was mailed by then, add --news to mail the other as well.")


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
    yes: Yes = False,
    at: At = None,
    json: Json = False,
) -> None:
    """Undo a merge, or keep two papers apart that look alike. Asks when they share nothing."""
    work = workspace(ctx)
    from newsletter.pipeline.curation import corrections

    pair = corrections.pair_of(work.engine, paper, other)
    if not (pair.related or pair.are_one):
        ask(_share_nothing(pair), "Keep them apart?", yes=yes)
    row = corrections.split_papers(work.engine, paper, other, news=news, now=now(at))
    off = row["id"]
    kept = pair.other if off == pair.kept else pair.kept
    undo = f"newsletter papers merge {kept} {off}{'' if pair.related else ' --yes'}"
    if json:
        output.print_json({**_as_shown(work, row), "undo": undo if pair.are_one else None})
    elif pair.are_one:
        first, second = _named(pair)
        output.say(f"{first} and {second} are two papers again.")
        given = "It is news, and comes with the next edition" if news else "Who got the other one has got it"
        output.note(f"Split off: {off}. {given}.")
        output.note(f"To undo it: `{undo}`")
    else:
        output.say(f"{_named(pair)[0]} and {_named(pair)[1]} are mailed as two papers, as before.")
        output.note(f"If they are one after all: `{undo}`")


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

    done = corrections.correct_topics(
        work.engine,
        paper,
        add=add or (),
        remove=remove or (),
        known_topics=tuple(work.topics),
        matcher=work.matcher,
        now=now(at),
    )
    undo = done.undo
    if json:
        output.print_json({**_as_shown(work, done.row), "undo": undo})
        return
    topics = ", ".join(match["topic"] for match in done.row["topics"]) or "no topic"
    output.say(f"Paper {done.row['id']} “{done.row['title']}” is in: {topics}.")
    if undo is None:
        output.note("It was so before; from now on no rule changes it.")
        return
    if done.added:
        output.note(f"With the next edition it comes to readers of {', '.join(done.added)}.")
    if done.removed:
        output.note(f"Who has not got it yet will not get it for {', '.join(done.removed)}.")
    output.note(f"To undo it: `{undo}`")


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


def _named(pair: PaperPair) -> tuple[str, str]:
    return f"{pair.kept} “{pair.kept_title}”", f"{pair.other} “{pair.other_title}”"


def _share_nothing(pair: PaperPair) -> str:
    first, second = _named(pair)
    shared = "no words of their titles, no authors and nothing of their abstracts"
    return f"These two share {shared}:\n  {first}\n  {second}"


def _as_shown(work: Workspace, row: dict[str, Any]) -> dict[str, Any]:
    """A paper's row with the address of its `page` and the `lead` of its abstract, None without one."""
    from newsletter.leads import lead_of
    from newsletter.render.archive_links import LiveLinks, paper_path

    lead = lead_of(row["title"], row["abstract"] or "")
    page = LiveLinks(base_url=work.settings.base_url).permanent(paper_path(row["id"], row["title"]))
    return {**row, "page": page, "lead": lead.text if lead else None}


def _short_page(row: dict[str, Any]) -> str:
    """The address of the page without the words of the title: it fits a terminal, and leads there, too."""
    from newsletter.render.archive_links import paper_path

    page: str = row["page"]
    return page.removesuffix(paper_path(row["id"], row["title"])) + paper_path(row["id"], "")


def _answer(row: dict[str, Any], json: bool) -> None:
    if json:
        output.print_json(row)
        return
    output.print_fields(
        {
            "id": row["id"],
            "title": row["title"],
            "authors": ", ".join(row["author_names"]) or row["authors"],
            "organization": row["organization"],
            "arXiv": row["arxiv_id"],
            "DOI": row["doi"],
            "categories": row["categories"],
            "published on": row["published_on"],
            "first listed": row["first_listed_on"],
            "listed by": row["sources"],
            "comments": row["comments"],
            "votes": f"{row['upvotes']} on {row['upvotes_on']}" if row["upvotes"] is not None else None,
            "code": row["code_url"],
            "project": row["project_url"],
            "link": row["url"],
            "page": _short_page(row),
            "edition": row["edition"],
            "topics": output.topics_of(row),
            "because of": [word for match in row["topics"] for word in match["evidence"]],
            "you decided": [
                slug if belongs else f"not {slug}" for slug, belongs in output.corrections_of(row).items()
            ],
            "merged": row["merged"],
            "lead": row["lead"],
            "abstract": row["abstract"],
        }
    )
    output.say()
    output.print_table(
        ("listed on", "dump", "place", "announced as", "comments"),
        [
            (each["listed_on"], each["file"], each["position"], each["announcement"], each["comments"])
            for each in row["listings"]
        ],
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
