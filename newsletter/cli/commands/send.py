"""Publishes, composes and delivers once: `newsletter send`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from newsletter.cli import output
from newsletter.cli.notices import gather, print_notes
from newsletter.cli.options import At, Json, now
from newsletter.cli.previewing import about_preview, previewer
from newsletter.cli.wiring import Wiring
from newsletter.cli.workspace import Workspace, workspace
from newsletter.core.errors import UsageError

if TYPE_CHECKING:
    from newsletter.delivery.outbox.relay_rests import Rest
    from newsletter.pipeline.send import SendReport

REPLIES_SHOWN = 5  # kinds of replies to mails that wait

app = typer.Typer(add_completion=False)


@app.command()
def send(
    ctx: typer.Context,
    *,
    everyone: Annotated[
        bool, typer.Option("--now", help="Mail everybody who is owed something, whatever the hour.")
    ] = False,
    only: Annotated[str | None, typer.Option("--only", metavar="ADDRESS", help="This reader alone.")] = None,
    test: Annotated[
        str | None,
        typer.Option(
            "--test",
            metavar="ADDRESS",
            help="Mail a sample digest there, outside the ledger, and do no more.",
        ),
    ] = None,
    edition: Annotated[
        str | None,
        typer.Option(
            "--edition", metavar="N|next", help="With --test: this edition, held or sent before as well."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be composed; store and send nothing.")
    ] = False,
    at: At = None,
    json: Json = False,
) -> None:
    """Mail everybody what they are owed by now.

    Publishes what is new, composes a digest for everybody whose hour has come, and hands the mails over. Run
    it as often as you like: nobody gets anything twice. Exit code 3 when some mails were not accepted; they
    stay in the outbox, and the next run goes on with them.
    """
    if test is not None and (everyone or only or dry_run):
        raise UsageError("--test goes alone", hint="It mails one sample outside the ledger.")
    if edition is not None and test is None:
        raise UsageError(
            "--edition needs --test", hint="For example: send --test you@example.org --edition 3"
        )
    work = workspace(ctx)
    wiring = Wiring(work)
    if test is not None:
        _send_test(wiring, test, edition=edition, at=now(at), json=json)
        return
    from newsletter.db.engine import reading
    from newsletter.pipeline import send as sending
    from newsletter.pipeline.compose.batch import SlotClosing
    from newsletter.pipeline.pending_work import next_due
    from newsletter.scheduler.shutdown import stop_on_signals
    from subscribers import queries

    chosen = None
    if only is not None:
        with reading(work.engine) as connection:
            chosen = queries.require(connection, only).id
    options = replace(wiring.send_options, everyone=everyone, only=chosen)
    if dry_run:
        report = sending.dry_run(work.engine, options, now=now(at))
    else:
        with stop_on_signals() as stop, output.progress("sending") as tick:
            report = sending.send(
                work.engine, options, wiring.delivery_options, now=now(at), stop=stop, progress=tick
            )
    waiting = _Waiting() if dry_run or report.complete else _waiting(work, now(at))
    notes = gather(work, now=now(at), reader=chosen)
    if json:
        stopped = {} if report.stopped is None else {"error": report.stopped.message}
        more = {"waiting": waiting.deferred, "notes": [each.as_json() for each in notes]}
        output.print_json({**report.as_json(), **more, **stopped})
    elif not (report.due or report.composed or report.sent or not report.complete):
        with reading(work.engine) as connection:
            output.say(_nothing_due(next_due(connection, now=now(at))))
    elif dry_run:
        output.say(f"{report.composed} mails would be composed, {report.due} would be sent.")
    else:
        output.say(_counted(report))
    waits = any(each.what in ("held edition", "edition waits") for each in notes)
    earlier = max(0, report.due - report.composed)
    further = "further" if earlier else "new"  # the mails that wait may be theirs
    for reason, number in {**report.skipped, **report.closed}.items():
        but = " that may go out yet" if waits and reason == SlotClosing.NOTHING_NEW else ""
        output.note(f"  no {further} mail for {number}: {reason}{but}")
    for trouble in report.relay_errors:
        output.note(f"Warning: {trouble}")
    print_notes([each for each in notes if each.edition not in report.held])
    for number, because in report.held.items():
        output.note(f"Warning: edition {number} is held, {because}.")
        output.note(f"`newsletter editions release {number}` goes on with the mails that wait.")
    if report.stopped is not None:
        output.note(f"Error: {report.stopped}")
        output.note("Nothing is lost: what was not handed over waits in the outbox for the next send.")
    waiting.print()
    for state, number in (("failed", report.failed), ("uncertain", report.uncertain)):
        if number and not dry_run:
            ended = f"The {state} one is" if number == 1 else f"The {state} ones are"
            words = " with the server's words" if state == "failed" else ""
            output.note(f"{ended} listed{words} by `newsletter deliveries list --state {state}`.")
    if not report.complete:
        from newsletter.delivery.smtp.relay import REFUSALS, RelayError

        # A server that answers and refuses us fails nothing: the mail waits.
        no_server = isinstance(report.stopped, RelayError) and report.stopped.fault not in REFUSALS
        raise typer.Exit(output.FAILED if no_server and not report.sent else output.IN_PART)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """What is tried again, and when."""

    deferred: Sequence[Mapping[str, Any]] = ()
    rests: Sequence[Rest] = ()

    def print(self) -> None:
        for row in self.deferred:
            first, last = (datetime.fromisoformat(row[name]) for name in ("first_at", "last_at"))
            mails = "mail is" if row["mails"] == 1 else "mails are"
            until = "" if first == last else f" to {last:%Y-%m-%d %H:%M}"
            words = f": {row['reply']}" if row["reply"] else ""
            output.note(
                f"  {row['mails']} {mails} tried again, {first:%Y-%m-%d %H:%M}{until} UTC, by the send that "
                f"is due then{words}"
            )
        if self.deferred:
            output.note(
                "`newsletter deliveries list --state deferred` lists them; `newsletter deliveries retry ID` "
                "makes one due now."
            )
        for rest in self.rests:
            output.note(
                f"  {rest.relay} is used again from {rest.until:%Y-%m-%d %H:%M} UTC, or as soon as "
                "`newsletter smtp check` finds it ready."
            )


def _waiting(work: Workspace, at: datetime) -> _Waiting:
    from newsletter.db.engine import reading
    from newsletter.delivery.outbox import queries, relay_rests

    with reading(work.engine) as connection:
        rests = [rest for rest in relay_rests.all_rests(connection) if rest.until > at]
        return _Waiting(queries.deferred(connection, limit=REPLIES_SHOWN), rests)


def _nothing_due(following: datetime | None) -> str:
    if following is None:
        return "Nothing is due, and no reader is confirmed."
    return f"Nothing is due. The next time that something may be is {output.time_of(following)}."


def _counted(report: SendReport) -> str:
    """The numbers of a run for people, without those that are nothing."""
    numbers = {
        "due": report.due,
        "composed": report.composed,
        "sent": report.sent,
        "deferred": report.deferred,
        "failed": report.failed,
        "uncertain": report.uncertain,
    }
    said = [f"{number} {what}" for what, number in numbers.items() if number or what == "sent"]
    earlier = report.due - report.composed
    if earlier > 0:
        said[0] += " from an earlier run" if earlier == report.due else f" ({earlier} from an earlier run)"
    edition = "" if report.edition is None else f"Edition {report.edition}: "
    return f"{edition}{', '.join(said)}"


def _send_test(wiring: Wiring, address: str, *, edition: str | None, at: datetime, json: bool) -> None:
    from newsletter.core.mail.values import Verdict
    from newsletter.pipeline.trial.preview import edition_of
    from newsletter.pipeline.trial.trial_send import send_test

    trial = send_test(
        previewer(wiring),
        address=address,
        now=at,
        relays=wiring.relays,
        base_url=wiring.work.settings.base_url,
        edition=edition_of(edition),
    )
    outcome = trial.outcome
    about_preview(wiring.work, trial.shown, now=at)
    words = " ".join(str(part) for part in (outcome.code, outcome.status, outcome.text) if part)
    if json:
        counted = {
            "sent": outcome.verdict is Verdict.ACCEPTED,
            "deferred": outcome.verdict is Verdict.DEFERRED,
            "failed": outcome.verdict is Verdict.REJECTED,
            "uncertain": outcome.verdict is Verdict.UNCERTAIN,
        }
        output.print_json(
            {
                "test": address,
                "edition": trial.shown.edition,
                "due": 1,
                "composed": 0,
                **{name: int(is_it) for name, is_it in counted.items()},
                "skipped": {},
                "reply": words,
            }
        )
    else:
        output.say(f"The sample to {address} was {outcome.verdict.value}: {words}")
    if outcome.verdict is not Verdict.ACCEPTED:
        raise typer.Exit(output.IN_PART)
