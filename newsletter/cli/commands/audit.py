"""Checks the ledger: `newsletter audit`. Changes nothing."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from newsletter.cli import output
from newsletter.cli.options import At, Json, now
from newsletter.cli.workspace import workspace

app = typer.Typer(add_completion=False)


@app.command()
def audit(
    ctx: typer.Context,
    *,
    full: Annotated[
        bool, typer.Option("--full", help="Balance packed months again as well, from the first day.")
    ] = False,
    at: At = None,
    json: Json = False,
) -> None:
    """Prove that nobody got a paper twice or missed one.

    Computes from the rows what every reader was owed, and compares it with what was sent. Packed months that
    were proven are checked by their checksums. Exit code 0 only when nothing was repeated, nothing
    was missed, and every seal matches.
    """
    work = workspace(ctx)
    from newsletter.pipeline.explain.audit import audit as balance

    report = balance(work.engine, now=now(at), full=full)
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
                "packed months": len(report.seals),
            }
        )
        if report.findings:
            output.print_table(
                ("subscriber", "paper", "what"),
                [
                    (found["subscriber"], found.get("paper", found.get("damaged_month")), _what(found))
                    for found in report.findings
                ],
            )
        for seal in report.seals:
            if not seal.matches:
                output.say(f"{seal.name} does not match its seal{seal.what_is_wrong}.")
        output.say("Nothing twice, nothing missed." if report.clean else "The promise was broken; see above.")
    if not report.clean:
        raise typer.Exit(output.FAILED)


def _what(found: dict[str, Any]) -> str:
    if "damaged_month" in found:
        return "packed mail is damaged"
    return "repeated" if "repeated_in" in found else "missed"
