"""Measures and trains topics, and tries rules: `newsletter topics evaluate|train|test|rematch`."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from newsletter.cli import output
from newsletter.cli.options import At, Json, lines_of, now
from newsletter.cli.workspace import Workspace, workspace
from newsletter.core.errors import ConfigurationError

if TYPE_CHECKING:
    from newsletter.topics.evaluation import Evaluation
    from newsletter.topics.labels import LabelledPaper
    from newsletter.topics.training import TopicTrainingResult

LABELS = (
    "JSON lines with title, abstract, topics (a list of slugs), perhaps borderline and categories. "
    "A line without an abstract takes that of the stored paper of its title."
)


def evaluate(
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(metavar="LABELS|-", help=LABELS + " - is standard input.")] = "-",
    *,
    json: Json = False,
) -> None:
    """Measure the topics against papers that somebody labelled.

    A false alarm is a topic that is given and not labelled, papers that are marked as borderline aside.
    Papers that were trained on do better than others; topics train tells how well unseen ones do.
    """
    work = workspace(ctx)
    from newsletter.core.topics.topic_match import STRONG
    from newsletter.topics.evaluation import JudgedPaper
    from newsletter.topics.evaluation import evaluate as measure

    judged: list[JudgedPaper] = []
    mistakes: list[dict[str, Any]] = []
    for paper in _labelled(work, [file]):
        given = frozenset(
            match.topic
            for match in work.matcher.match(paper.title, paper.abstract, paper.categories)
            if match.strength == STRONG
        )
        judged.append(JudgedPaper(given=given, labels=paper.topics, borderline=paper.borderline))
        labels = paper.topics & set(work.matcher.slugs)
        if given != labels:
            mistakes.append(
                {"title": paper.title, "given": sorted(given), "labels": sorted(labels)}
                | {"borderline": paper.borderline}
            )
    found = measure(judged, work.matcher.slugs)
    if json:
        output.print_json({**_figures(found), "topics": _by_topic(found), "mistakes": mistakes})
        return
    output.print_rows(_by_topic(found))
    output.say(f"{found.papers} papers, macro F1 {found.macro_f1:.3f}, false alarms {found.false_alarms}")


def train(
    ctx: typer.Context,
    labels: Annotated[list[Path] | None, typer.Argument(metavar="LABELS…", help=LABELS)] = None,
    *,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write there, and use nothing of it here.")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Forget what was learned before, also what ships.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell how good it would be.")] = False,
    folds: Annotated[int, typer.Option("--folds", min=2, max=20, help="Parts of the cross-validation.")] = 10,
    seed: Annotated[int, typer.Option("--seed", help="Another one, other parts.")] = 0,
    json: Json = False,
) -> None:
    """Learn from labelled papers and from your corrections.

    A topic is learned again when at least three papers were judged and unseen papers do better by it than
    before; the others stay. All figures are cross-validated: they are about papers outside the training, with
    rules cut down to phrases that other papers have. Editions stay as they are. Needs the extra named train.
    """
    work = workspace(ctx)
    from newsletter.core.topics.matching import STRONG_SCORE
    from newsletter.pipeline.curation import retraining
    from newsletter.topics.evaluation import JudgedPaper
    from newsletter.topics.evaluation import evaluate as measure
    from newsletter.topics.model import Weights, dump_weights, matcher_of
    from newsletter.topics.training import train as learn

    papers = _labelled(work, [str(path) for path in labels or ()])
    topics = [topic.rules for topic in work.topics.values() if not topic.holds_all]
    examples = retraining.examples(work.engine, papers, work.matcher.slugs)
    base = Weights(topics={}) if fresh else work.weights.only(set(work.matcher.slugs))
    with output.progress("learning") as tick:
        trained = learn(examples, topics, base=base, folds=folds, seed=seed, tick=tick)
    figures = {}
    for source in dict.fromkeys(paper.source for paper in papers):
        found = measure(
            (
                JudgedPaper(
                    given={slug for slug, score in scores.items() if score >= STRONG_SCORE},
                    labels=paper.topics,
                    borderline=paper.borderline,
                )
                for paper, scores in zip(papers, trained.scores, strict=False)  # labelled ones come first
                if paper.source == source
            ),
            [learned.topic for learned in trained.topics if learned.loss_after is not None],
        )
        figures[source] = {**_figures(found), "topics": _by_topic(found)}
    learned_any = any(learned.outcome in ("learned", "rules weighed") for learned in trained.topics)
    written = None
    if not dry_run and (learned_any or out is not None):
        written = out or work.weights_file
        written.write_bytes(dump_weights(trained.weights))
        if out is None:
            retraining.rematch_all(work.engine, matcher_of(work.topics, trained.weights))
    if json:
        output.print_json({"topics": trained.topics, "held_out": figures, "written": written})
        return
    output.print_rows([_told(learned) for learned in trained.topics])
    for source, row in figures.items():
        output.say(f"{source}: {row['papers']} papers, macro F1 {row['macro_f1']:.3f}", newline=False)
        output.say(f", false alarms {row['false_alarms']}, cross-validated")
    output.say(f"written: {written}" if written else "nothing written")


def rematch(ctx: typer.Context, *, json: Json = False) -> None:
    """Match the stored papers again, after a topic was added or changed.

    Papers that come in later are matched by the new rules anyway. Editions stay as they are, and a paper that
    was published is no news by it; what an admin decided with papers topic wins.
    """
    work = workspace(ctx)
    from newsletter.pipeline.curation.retraining import rematch_all

    number = rematch_all(work.engine, work.matcher)
    if json:
        output.print_json({"papers": number})
    else:
        output.say(f"{number} papers matched again.")


def try_rules(
    ctx: typer.Context,
    rules: Annotated[
        Path,
        typer.Argument(
            metavar="RULES", help=r"A TOML file with tables \[topics.SLUG], as in newsletter.toml."
        ),
    ],
    *,
    against: Annotated[
        int, typer.Option("--against", metavar="DAYS", min=1, help="Papers listed in the last so many days.")
    ] = 30,
    at: At = None,
    json: Json = False,
) -> None:
    """Show which papers topics would gain and lose by other rules, before these go live.

    The file's tables take the place of those of the same name in newsletter.toml. Nothing is stored.
    """
    work = workspace(ctx)
    from newsletter.pipeline.curation.rule_trial import compare
    from newsletter.topics.definitions import load_topics
    from newsletter.topics.model import matcher_of

    try:
        tables = tomllib.loads(rules.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{rules} is no TOML: {error}", hint="See docs/how-to/add-a-topic.md."
        ) from error
    if set(tables) != {"topics"} or not isinstance(tables["topics"], dict):
        raise ConfigurationError(
            f"{rules} must hold tables [topics.SLUG] and nothing else",
            hint="See docs/how-to/add-a-topic.md.",
        )
    try:
        topics = load_topics({**work.settings.topics, **tables["topics"]})
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{rules}: {error.message}", hint=error.hint, **error.ids
        ) from error.__cause__
    found = compare(
        work.engine,
        work.matcher,
        matcher_of(topics, work.weights),
        since=now(at).date() - timedelta(days=against),
    )
    if json:
        output.print_json(found)
        return
    output.print_table(
        ("topic", "", "score", "title", "because of"),
        [
            (row["topic"], sign, paper["score"], paper["title"], paper["evidence"])
            for row in found["topics"]
            for sign, papers in (("+", row["gained"]), ("-", row["lost"]))
            for paper in papers
        ],
        empty="no paper gained, none lost",
    )
    for row in found["topics"]:
        gained, lost = len(row["gained"]), len(row["lost"])
        output.say(f"{row['topic']}: {row['before']} before, {row['after']} after (+{gained}, -{lost})")
    output.say(f"of {found['papers']} papers listed since {found['since']}")
    if not found["papers"]:
        output.note("No paper is that young: ask for more days with --against.")


def _labelled(work: Workspace, files: Sequence[str]) -> list[LabelledPaper]:
    from newsletter.pipeline.curation.retraining import known_abstracts
    from newsletter.topics.definitions import load_topics
    from newsletter.topics.labels import read_labels

    # Labels may speak of a shipped topic that is switched off.
    known_topics = list({**load_topics(), **work.topics})
    known: dict[str, Any] = {}

    def abstract_of(title: str) -> str | None:
        if not known:
            known["of"] = known_abstracts(work.engine)
        found: str | None = known["of"](title)
        return found

    papers: list[LabelledPaper] = []
    for file in files:
        with ExitStack() as stack:
            source = "standard input" if file == "-" else Path(file).name
            papers += read_labels(
                lines_of(file, stack), source=source, abstract_of=abstract_of, known_topics=known_topics
            )
    return papers


def _told(learned: TopicTrainingResult) -> dict[str, Any]:
    row: dict[str, Any] = output.plain(learned)
    for name in ("loss_before", "loss_after"):
        row[name] = "" if row[name] is None else f"{row[name]:.4f}"
    return row


def _figures(found: Evaluation) -> dict[str, Any]:
    return {
        "papers": found.papers,
        "macro_f1": round(found.macro_f1, 4),
        "false_alarms": found.false_alarms,
    }


def _by_topic(found: Evaluation) -> list[dict[str, Any]]:
    return [
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
