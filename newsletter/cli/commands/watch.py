"""Checks for alarms once: `newsletter watch`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from newsletter.cli import output
from newsletter.cli.notices import gather, print_notes
from newsletter.cli.options import At, Json, now
from newsletter.cli.wiring import Wiring
from newsletter.cli.workspace import workspace
from newsletter.core.sentences import as_sentence

app = typer.Typer(add_completion=False)


@app.command()
def watch(
    ctx: typer.Context,
    *,
    quietly: Annotated[bool, typer.Option("--quietly", help="Tell nobody; only print what stands.")] = False,
    at: At = None,
    json: Json = False,
) -> None:
    """Look for what an admin must hear of, and tell them what is new.

    Held dumps and editions, files that nobody takes from the inbox, dumps with few papers, no new dump for
    long, mail that waits, a full disk. The table `watch` of the settings names the receivers: a mail
    address, a webhook, a ping. `newsletter run` does this by itself.

    Exit code 1 when there is an alarm, 3 when a notification failed.
    """
    work = workspace(ctx)
    from newsletter.cli.alerting import alarm_policy, make_notifier
    from newsletter.ops.alarms.watch import watch as check

    report = check(
        work.engine,
        state_dir=work.state_dir,
        policy=alarm_policy(work.settings),
        notifier=None if quietly else make_notifier(Wiring(work)),
        now=now(at),
    )
    notes = gather(work, now=now(at))
    if json:
        rows: list[dict[str, Any]] = [
            {**asdict(alarm), "since": alarm.since.isoformat(), "ended_at": None} for alarm in report.open
        ]
        output.print_json(
            {
                "alarms": rows,
                "told": report.notified,
                "error": report.error or None,
                "notes": [each.as_json() for each in notes],
            }
        )
    else:
        sentences = {each.words: each.sentence for each in notes}
        for alarm in report.open:
            output.say(sentences.get(alarm.words, f"{as_sentence(alarm.words)}."))
            output.say(f"  Since {alarm.since:%d %B %H:%M} UTC. {alarm.hint}")
        if not report.open:
            output.say("Nothing is wrong.")
        known = {alarm.words for alarm in report.open}
        print_notes([each for each in notes if each.words not in known])
        if report.error:
            output.note(f"Error: {report.error}")
    if report.error:
        raise typer.Exit(output.IN_PART)
    if report.open:
        raise typer.Exit(output.FAILED)
