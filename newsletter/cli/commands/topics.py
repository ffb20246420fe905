"""Shows topics and their matches: `newsletter topics …`."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from newsletter.cli import output
from newsletter.cli.commands import topic_quality
from newsletter.cli.options import Json, lines_of
from newsletter.cli.workspace import workspace
from newsletter.core.errors import NotFoundError
from newsletter.core.topics.topic_match import STRONG, TopicMatch

MAX_TERMS = 20  # learned terms that are shown for and against a topic

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="See what belongs to which topic, and why.\n\n"
    "A topic is one that is built in, or a table of newsletter.toml named topics.<slug>.",
)

Lines = Annotated[
    str,
    typer.Argument(
        metavar="FILE|-", help="JSON lines with id, title, abstract, perhaps categories; - is standard input."
    ),
]


@app.command("list")
def list_topics(ctx: typer.Context, *, json: Json = False) -> None:
    """List the topics that readers can follow."""
    topics = workspace(ctx).topics.values()
    if json:
        output.print_json(
            [
                {
                    "slug": topic.slug,
                    "title": topic.title,
                    "public": topic.public,
                    "description": topic.description,
                }
                for topic in topics
            ]
        )
        return
    output.print_table(
        ("slug", "title", "archive", "description"),
        [
            (topic.slug, topic.title, "public" if topic.public else "private", topic.description)
            for topic in topics
        ],
        important=("slug", "archive", "title"),
    )


@app.command()
def show(
    ctx: typer.Context,
    topic: Annotated[str, typer.Argument(metavar="TOPIC", help="Its slug.")],
    *,
    json: Json = False,
) -> None:
    """Show a topic's rules and what was learned about it.

    Precision: of papers that were not learned from, how many of those with at least this score were right.
    """
    work = workspace(ctx)
    found = work.topics.get(topic)
    if found is None:
        raise NotFoundError(f"there is no topic {topic!r}", hint=f"Known: {', '.join(work.topics)}.")
    learned = work.weights.topics.get(topic) if found.learned and not found.holds_all else None
    by_weight = sorted(learned.terms, key=lambda term: -learned.terms[term]) if learned else []
    row = {
        "slug": found.slug,
        "title": found.title,
        "description": found.description,
        "holds_all": found.holds_all,
        "public": found.public,
        "section_at": found.section_at,
        "strong_at": found.rules.strong_at,
        "rules": found.rules.rules,
        "ignore": found.rules.ignore,
        "context": found.rules.context,
        "unless": found.rules.unless,
        "learned": {
            "positives": learned.positives,
            "precision": [{"score": score, "precision": share} for score, share in learned.precision],
            "speak_for": by_weight[:MAX_TERMS],
            "speak_against": by_weight[: -MAX_TERMS - 1 : -1],
        }
        if learned
        else None,
    }
    if json:
        output.print_json(row)
        return
    output.print_fields({name: row[name] for name in ("slug", "title", "description")})
    if found.holds_all:
        output.say("It holds every paper, matched or not.")
        return
    output.print_fields({"section at": found.section_at})
    for rule in found.rules.rules:
        output.say()
        output.print_fields(
            {
                "points": rule.weight,
                "phrases": rule.phrases,
                **({"beside": rule.context} if rule.context else {}),
                **({"not beside": rule.unless} if rule.unless else {}),
            }
        )
    output.say()
    output.print_fields({"not counted": found.rules.ignore})
    if learned:
        output.print_fields(
            {
                "learned from": f"{learned.positives} papers of it",
                "speak for it": by_weight[:MAX_TERMS],
                "speak against": by_weight[: -MAX_TERMS - 1 : -1],
                "precision": [f"{share:.0%} from {score:.2f} on" for score, share in learned.precision],
            }
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
    from newsletter.papers import queries

    with reading(work.engine) as connection:
        found = queries.show(connection, paper)
    explained = work.matcher.explain(found["title"], found["abstract"], found["categories"])
    if json:
        output.print_json(
            {
                "paper": found["id"],
                "title": found["title"],
                "topics": explained,
                "corrections": found["corrections"],
            }
        )
        return
    output.say(f"{found['id']}  {found['title']}")
    output.print_table(
        ("topic", "score", "strength", "found", "set aside", "learned words"),
        [
            (
                each.topic,
                each.score,
                each.strength or "none",
                [hit.phrase for hit in each.counted],
                [hit.phrase for hit in each.set_aside],
                each.words,
            )
            for each in explained
        ],
    )
    for topic, belongs in output.corrections_of(found).items():
        output.say(f"You decided that it is {'' if belongs else 'not '}of {topic}; that wins.")


@app.command()
def check(
    ctx: typer.Context,
    dump: Annotated[
        Path, typer.Argument(metavar="DUMP", readable=False, help="A listing dump; nothing of it is stored.")
    ],
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
            **_matches(work.matcher.match(entry.title, entry.abstract, entry.categories)),
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

    In: {"id", "title", "abstract"}, perhaps "categories" of arXiv. Out, always as lines: {"id", "topics",
    "maybe", "scores", "evidence"}; `topics` are what would be mailed as a section, `maybe` what is doubtful.
    A line that cannot be read is answered with its "error", and the exit code is 3.
    """
    del json  # the answer is JSON lines anyway
    work = workspace(ctx)
    from newsletter.topics.classify import classify_lines

    unread = 0
    with ExitStack() as stack:
        for answer in classify_lines(lines_of(file, stack), work.matcher):
            unread += "error" in answer
            output.say(output.as_json(answer), as_is=True)
    if unread:
        output.note(f"{unread} lines could not be read; their answers say why.")
        raise typer.Exit(output.IN_PART)


app.command()(topic_quality.evaluate)
app.command()(topic_quality.train)
app.command("test")(topic_quality.try_rules)
app.command()(topic_quality.rematch)


def _matches(matches: Iterable[TopicMatch]) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {"topics": [], "maybe": []}
    for match in matches:
        row = {"topic": match.topic, "score": match.score, "evidence": match.evidence}
        rows["topics" if match.strength == STRONG else "maybe"].append(row)
    return rows


def _named(row: dict[str, Any]) -> list[str]:
    return [match["topic"] for match in row["topics"]] + [f"{match['topic']}?" for match in row["maybe"]]


def _evidence(row: dict[str, Any]) -> list[str]:
    matches = (*row["topics"], *row["maybe"])
    return list(dict.fromkeys(word for match in matches for word in match["evidence"]))
