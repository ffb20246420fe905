"""`newsletter topics …`: what belongs to which topic, and why."""

from __future__ import annotations

import json as jsonlib
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from newsletter.cli import output
from newsletter.cli.context import workspace
from newsletter.cli.options import Json

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="See what belongs to which topic, and why.\n\n"
    "A topic is one that is built in, or a table of newsletter.toml named topics.<slug>.",
)

Lines = Annotated[
    str,
    typer.Argument(metavar="FILE|-", help="JSON lines with id, title and abstract; - is standard input."),
]


@app.command("list")
def list_topics(ctx: typer.Context, *, json: Json = False) -> None:
    """List the topics that readers can follow."""
    topics = workspace(ctx).topics.values()
    if json:
        output.print_json(
            [{"slug": topic.slug, "title": topic.title, "description": topic.description} for topic in topics]
        )
        return
    output.print_table(
        ("slug", "title", "description"), [(topic.slug, topic.title, topic.description) for topic in topics]
    )


@app.command()
def explain(
    ctx: typer.Context,
    paper: Annotated[int, typer.Argument(metavar="PAPER", help="The paper's id.")],
    *,
    json: Json = False,
) -> None:
    """Show what every topic found in a paper, also where it came to nothing."""
    work = workspace(ctx)
    from newsletter.db.engine import reading
    from newsletter.papers import catalogue

    with reading(work.engine) as connection:
        found = catalogue.show(connection, paper)
    explained = work.matcher.explain(found["title"], found["abstract"])
    if json:
        output.print_json({"paper": found["id"], "title": found["title"], "topics": explained})
        return
    typer.echo(f"{found['id']}  {found['title']}")
    output.print_table(
        ("topic", "score", "strength", "found", "set aside"),
        [
            (
                each.topic,
                each.score,
                each.strength or "none",
                [hit.phrase for hit in each.counted],
                [hit.phrase for hit in each.set_aside],
            )
            for each in explained
        ],
    )


@app.command()
def check(
    ctx: typer.Context,
    dump: Annotated[Path, typer.Argument(metavar="DUMP", help="A listing dump; nothing of it is stored.")],
    *,
    json: Json = False,
) -> None:
    """Show which topics the papers of a dump would get, without storing anything."""
    work = workspace(ctx)
    from newsletter.sources.decoding import check_size
    from newsletter.sources.registry import read_listing

    check_size(dump.stat().st_size, name=dump.name)
    listing = read_listing(dump.read_bytes(), name=dump.name)
    rows = [
        {
            "position": entry.position,
            "title": entry.title,
            "topics": [
                {
                    "topic": match.topic,
                    "score": match.score,
                    "strength": match.strength,
                    "evidence": match.evidence,
                }
                for match in work.matcher.match(entry.title, entry.abstract)
            ],
        }
        for entry in listing.entries
    ]
    if json:
        output.print_json(rows)
        return
    output.print_table(
        ("topics", "title", "because of"), [(_named(row), row["title"], _evidence(row)) for row in rows]
    )


@app.command()
def classify(ctx: typer.Context, file: Lines = "-", *, json: Json = False) -> None:
    """Classify papers given as JSON lines, one answer a line, in order.

    In: {"id", "title", "abstract"}. Out, always as lines: {"id", "topics", "maybe", "scores", "evidence"};
    `topics` are what would be mailed as a section, `maybe` what is doubtful. A line that cannot be read is
    answered with its "error", and the exit code is 3.
    """
    del json  # the answer is JSON lines anyway
    work = workspace(ctx)
    from newsletter.topics.classify import classify_lines

    unread = 0
    with ExitStack() as stack:
        for answer in classify_lines(_lines(file, stack), work.matcher):
            unread += "error" in answer
            typer.echo(jsonlib.dumps(answer, ensure_ascii=not output.speaks_utf8()))
    if unread:
        output.note(f"{unread} lines could not be read; their answers say why.")
        raise typer.Exit(output.IN_PART)


@app.command()
def evaluate(ctx: typer.Context, file: Lines = "-", *, json: Json = False) -> None:
    """Measure the topics against papers that somebody labelled.

    In: JSON lines {"title", "abstract", "topics"}, topics being a list of slugs, perhaps "borderline".
    """
    work = workspace(ctx)
    from newsletter.topics.classify import classify_lines
    from newsletter.topics.evaluation import Judged
    from newsletter.topics.evaluation import evaluate as measure

    with ExitStack() as stack:
        lines = [line for line in _lines(file, stack) if line.strip()]
    judged: list[Judged] = []
    for line, answer in zip(lines, classify_lines(lines, work.matcher), strict=True):
        if "error" in answer:
            raise typer.BadParameter(f"line {answer['line']}: {answer['error']}", param_hint="FILE")
        labelled = jsonlib.loads(line)
        judged.append(
            Judged(
                given=frozenset(answer["topics"]),
                labels=frozenset(labelled.get("topics") or ()),
                borderline=bool(labelled.get("borderline")),
            )
        )
    found = measure(judged, work.matcher.slugs)
    rows = [
        {
            "topic": figures.topic,
            "precision": round(figures.precision, 4),
            "recall": round(figures.recall, 4),
            "f1": round(figures.f1, 4),
            "right": figures.right,
            "wrong": figures.wrong,
            "missed": figures.missed,
        }
        for figures in found.topics
    ]
    if json:
        output.print_json(
            {
                "papers": found.papers,
                "macro_f1": round(found.macro_f1, 4),
                "false_alarms": found.false_alarms,
                "topics": rows,
            }
        )
        return
    output.print_rows(rows)
    typer.echo(f"{found.papers} papers, macro F1 {found.macro_f1:.3f}, false alarms {found.false_alarms}")


def _lines(file: str, stack: ExitStack) -> Iterable[bytes]:
    if file == "-":
        return sys.stdin.buffer
    return stack.enter_context(Path(file).open("rb"))


def _named(row: dict[str, Any]) -> str:
    marks = {"strong": "", "maybe": "?"}
    return ", ".join(topic["topic"] + marks.get(topic["strength"], "") for topic in row["topics"])


def _evidence(row: dict[str, Any]) -> str:
    return ", ".join(dict.fromkeys(word for topic in row["topics"] for word in topic["evidence"]))
