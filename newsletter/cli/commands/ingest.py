"""Ingests dumps: `newsletter ingest PATH…`."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from newsletter.cli import output
from newsletter.cli.options import At, Json, day_option, now
from newsletter.cli.workspace import workspace

app = typer.Typer(add_completion=False)

NOT_TAKEN = ("refused", "held")
MAX_PAIRS = 5  # of possibly equal papers that are printed for one dump


class _WithFormats(TyperCommand):
    """Lists the formats below the options; they are imported for that page only."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        from newsletter.sources.registry import formats

        known = (f"{name}: {format.ABOUT}" for name, format in formats().items())
        self.epilog = "\n\n".join(("Formats, which the contents decide or --format names:", *known))
        super().format_help(ctx, formatter)


@app.command(cls=_WithFormats)
def ingest(
    ctx: typer.Context,
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH…", readable=False, help="The dumps, in the order of their days."),
    ],
    *,
    listed_on: Annotated[
        date | None, day_option("--listed-on", help="The listing's date, when you know better than the page.")
    ] = None,
    format: Annotated[
        str | None,
        typer.Option("--format", metavar="FORMAT", help="Of the dump. Default: the contents decide."),
    ] = None,
    backfill: Annotated[
        bool, typer.Option("--backfill", help="Take an archive in as known: nothing of it is news.")
    ] = False,
    at: At = None,
    json: Json = False,
) -> None:
    """Take in dumps of paper listings; tell what is new.

    A dump that came before is unchanged and costs nothing. What cannot be read is named with its line; the
    rest goes on. A dump of which too much cannot be read is held until you have looked: see dumps.
    """
    work = workspace(ctx)
    from newsletter.core.papers.dating import check_no_future
    from newsletter.pipeline.intake.ingest import IngestOptions
    from newsletter.pipeline.intake.ingest import ingest as take_in

    if listed_on is not None:
        check_no_future(listed_on, today=now(at).date())
    rows: list[dict[str, Any]] = []
    work.partial["dumps"] = rows
    with output.progress("ingesting") as tick:
        reports = take_in(
            work.engine,
            paths,
            archive=work.dumps_dir,
            matcher=work.matcher,
            now=now(at),
            options=IngestOptions(listed_on=listed_on, format=format, backfill=backfill),
        )
        for report in reports:
            rows.append(report.as_json())
            tick(len(rows), len(paths))
    if json:
        output.print_json({"dumps": rows})
    else:
        _print(rows)
    refused = sum(row["status"] in NOT_TAKEN for row in rows)
    if refused:
        raise typer.Exit(output.FAILED if refused == len(rows) else output.IN_PART)


def _print(rows: list[dict[str, Any]]) -> None:
    from newsletter.sources.registry import FORMATS_HINT

    taken = [row for row in rows if row["status"] != "refused"]  # of those a line says all
    if taken:
        _print_table(taken)
    for row in rows:
        if row["error"]:
            reason = " ".join(row["error"].split("\n")).removesuffix(FORMATS_HINT).rstrip()
            output.note(f"{row['status'].capitalize()}: {reason}")
        elif row["quarantined"]:
            output.note(
                f"{row['file']}: {len(row['quarantined'])} lines could not be read; dumps show lists them"
            )
        if row["guess"]:
            output.note(f"{row['file']}: the year is a guess; `newsletter dumps redate` mends it")
        pairs = row["possibly_same"]
        for pair in pairs[:MAX_PAIRS]:
            output.note(
                f"Possibly the same (overlap {pair['overlap']:.2f}):\n"
                f"  {pair['id']}  {pair['title']}\n  {pair['other_id']}  {pair['other_title']}\n"
                f"  If so: `newsletter papers merge {pair['id']} {pair['other_id']}`"
            )
        if len(pairs) > MAX_PAIRS:
            output.note(
                f"And {len(pairs) - MAX_PAIRS} more pairs: `newsletter papers possibly-same` lists them."
            )
    if any((row["error"] or "").endswith(FORMATS_HINT) for row in rows):  # once, however many files
        output.note(FORMATS_HINT)


def _print_table(taken: list[dict[str, Any]]) -> None:
    output.print_table(
        ("file", "status", "listed on", "dated by", "entries", "new", "known", "revised"),
        [
            (
                Path(row["file"]).name,
                row["status"],
                row["listed_on"],
                f"{row['listed_on_from']}{' (a guess)' if row['guess'] else ''}"
                if row["listed_on"]
                else None,
                row["entries"],
                row["new"],
                row["known"],
                row["revised"],
            )
            for row in taken
        ],
        important=("file", "status", "entries", "new", "known", "listed on", "revised"),
    )
