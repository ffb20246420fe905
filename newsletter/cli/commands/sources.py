"""Lists, fetches and tries what brings listings by itself: `newsletter sources …`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from newsletter.cli import output
from newsletter.cli.options import At, Json, now
from newsletter.cli.workspace import workspace

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Fetch listings by themselves; see which source is quiet, stale or failing.\n\n"
    "A source is a table [sources.<name>] in newsletter.toml. Nothing is fetched without one.",
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The name of its table.")]


@app.command("list")
def list_sources(ctx: typer.Context, *, at: At = None, json: Json = False) -> None:
    """List the sources: what is usual, what came last, and what is wrong."""
    work = workspace(ctx)
    from newsletter.cli.fetching import configured_sources
    from newsletter.db.engine import reading
    from newsletter.pipeline.intake.source_overview import overview

    with reading(work.engine) as connection:
        rows = [line.as_json() for line in overview(connection, configured_sources(work), now=now(at))]
    if json:
        output.print_json(rows)
        return
    output.print_table(
        ("name", "state", "reason", "usual", "last new paper", "next fetch", "kind"),
        [
            (
                row["name"],
                row["state"],
                row["reason"],
                row["usual"],
                _minute(row["last_new_paper_at"]),
                _minute(row["next_fetch_at"]),
                row["kind"],
            )
            for row in rows
        ],
        empty="no source yet; add a table [sources.<name>] to newsletter.toml, or drop files into the inbox",
    )


@app.command()
def fetch(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this one, now.")] = None,
    *,
    at: At = None,
    json: Json = False,
) -> None:
    """Fetch the sources whose hour has come, or one of them now, and take in what they bring."""
    work = workspace(ctx)
    from newsletter.cli.fetching import configured_sources, fetched_ingester, web_client
    from newsletter.core.states import DumpStatus
    from newsletter.pipeline.intake.fetch import fetch_due

    reports = fetch_due(
        work.engine,
        configured_sources(work),
        client=lambda: web_client(work),
        ingest=fetched_ingester(work),
        now=now(at),
        only=name,
    )
    if json:
        output.print_json([report.as_json() for report in reports])
    elif not reports:
        output.say("No source is due. `newsletter sources fetch NAME` fetches one now.")
    else:
        output.print_table(
            ("name", "dumps", "entries", "new", "next fetch", "error"),
            [
                (
                    report.name,
                    sum(dump.status is not DumpStatus.UNCHANGED for dump in report.dumps),
                    sum(dump.entries for dump in report.dumps if dump.status is not DumpStatus.UNCHANGED),
                    sum(dump.new for dump in report.dumps),
                    _minute(report.next_fetch_at.isoformat() if report.next_fetch_at else None),
                    report.error,
                )
                for report in reports
            ],
        )
    failed = sum(bool(report.error) for report in reports)
    if failed:
        raise typer.Exit(1 if failed == len(reports) else 3)


@app.command("test")
def ask_once(ctx: typer.Context, name: Name, *, at: At = None, json: Json = False) -> None:
    """Ask one source once and show what it would bring; nothing is stored."""
    work = workspace(ctx)
    from newsletter.cli.fetching import configured_sources, web_client
    from newsletter.core.errors import NewsletterError
    from newsletter.pipeline.intake.fetch import try_source
    from newsletter.sources.fetchers.http import FetchError

    rows: list[dict[str, Any]] = []
    sources = configured_sources(work)
    try:
        for found in try_source(sources, name, client=lambda: web_client(work), now=now(at)):
            rows.append(found)
            if not json:
                output.say(f"{found['file']}: {found['entries']} papers, {found['format']}")
                for entry in found["first"]:
                    output.say(f"  {entry['title']}")
    except FetchError as error:
        is_folder = any(source.name == name and source.kind == "folder" for source in sources)
        check = "`path`" if is_folder else "the network, and the address"
        hint = f"Check {check} in the table [sources.{name}] of newsletter.toml."
        raise NewsletterError(f"the source {name} brought nothing: {error}", hint=hint) from error
    if json:
        output.print_json(rows)


def _minute(at: str | None) -> str:
    return output.time_of(at) if at else ""
