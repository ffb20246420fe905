"""Checks for alarms once: `newsletter watch`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from newsletter.cli import output
from newsletter.cli.notices import gather, print_notes
from newsletter.cli.options import At, Json, now
from newsletter.cli.wiring import Wiring
from newsletter.cli.workspace import workspace
from newsletter.core.sentences import as_sentence

if TYPE_CHECKING:
    from newsletter.core.notices import Notice
    from newsletter.ops.alarms.store import OpenAlarm

app = typer.Typer(add_completion=False)

_COMMAND = re.compile(r"`(newsletter [^`]+)`")


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
        output.print_json(_rows(report.open, notes))
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
        output.note(f"Error: the alarm could not be passed on: {report.error}")
        raise typer.Exit(output.IN_PART)
    if report.open:
        raise typer.Exit(output.FAILED)


def _rows(alarms: Sequence[OpenAlarm], notes: Sequence[Notice]) -> list[dict[str, Any]]:
    """The alarms, and after them what waits for somebody without being one (`alarm` is false)."""
    rows = [
        {
            "what": alarm.words,
            "since": alarm.since.isoformat(),
            "command": next(iter(_COMMAND.findall(alarm.hint)[-1:]), None),  # the last one mends it
            "alarm": True,
            "key": alarm.key,
            "words": alarm.words,
            "hint": alarm.hint,
        }
        for alarm in alarms
    ]
    known = {alarm.words for alarm in alarms}
    return rows + [
        {
            "what": note.words,
            "since": None,
            "command": note.command,
            "alarm": False,
            "key": note.what,
            "words": note.words,
            "hint": f"{note.to}: `{note.command}`",
        }
        for note in notes
        if note.words not in known
    ]
