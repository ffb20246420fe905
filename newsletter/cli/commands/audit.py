"""Checks the ledger: `newsletter audit`. Changes nothing."""

from __future__ import annotations

import typer

from newsletter.cli import output
from newsletter.cli.options import At, Json, now
from newsletter.cli.workspace import workspace

app = typer.Typer(add_completion=False)


@app.command()
def audit(ctx: typer.Context, *, at: At = None, json: Json = False) -> None:
    """Prove that nobody got a paper twice or missed one.

    Computes from the rows what every reader was owed, and compares it with what was sent. Exit code 0 only
    when nothing was repeated and nothing missed.
    """
    work = workspace(ctx)
    from newsletter.pipeline.explain.audit import audit as balance

    report = balance(work.engine, now=now(at))
    if json:
        output.print_json(report.as_json())
    else:
        output.print_fields(
            {
                "subscribers": f"{report.subscribers}, all who ever confirmed",
                "deliveries": report.deliveries,
                "papers given": report.given,
                "repeated": report.repeated,
                "missed": report.missed,
                "uncertain": report.uncertain,
                "mended": report.mended,
                "pending": report.pending,
                "ended": report.ended,
            }
        )
        if report.findings:
            output.print_table(
                ("subscriber", "paper", "what"),
                [
                    (found["subscriber"], found["paper"], "repeated" if "repeated_in" in found else "missed")
                    for found in report.findings
                ],
            )
        output.say("Nothing twice, nothing missed." if report.clean else "The promise was broken; see above.")
    if not report.clean:
        raise typer.Exit(output.FAILED)
