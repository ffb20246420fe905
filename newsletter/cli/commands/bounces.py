"""Reads what comes back by mail: `newsletter bounces …`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from newsletter.cli import output
from newsletter.cli.options import Json
from newsletter.cli.workspace import workspace

if TYPE_CHECKING:
    from newsletter.core.mail.inbound import FailedRecipient, InboundReport

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Read what comes back: bounces, complaints, replies.\n\n"
    "docs/explanation/what-comes-back.md lists the kinds, the forms and the reasons.",
)


@app.callback()
def bounces() -> None:
    """Keep `parse` a command of its own while it is the only one."""


@app.command()
def parse(
    ctx: typer.Context,
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE…", help="Messages, folders of messages, or - for one on stdin."),
    ],
    *,
    json: Json = False,
) -> None:
    """Say what messages are, who failed and why. Changes nothing.

    A message that cannot be read is of class "other", and says why. So is a file that cannot be opened; the
    exit code is then 3, or 1 when there was no other.
    """
    workspace(ctx)  # a typo in the settings stops every command
    from newsletter.core.mail.inbound import InboundClass, InboundReport
    from newsletter.inbound.parse import parse as read

    rows: list[dict[str, Any]] = []
    unopened = 0
    for name, data in _messages(files):
        if isinstance(data, OSError):
            unopened += 1
            why = f"the file cannot be opened: {data.strerror or data}"
            rows.append(_as_json(name, InboundReport(kind=InboundClass.OTHER, form="", why=why)))
        else:
            rows.append(_as_json(name, read(data)))
    if json:
        output.print_json(rows)
    else:
        _print(rows)
    if unopened:
        raise typer.Exit(output.FAILED if unopened == len(rows) else output.IN_PART)


def _messages(files: list[str]) -> Iterator[tuple[str, bytes | OSError]]:
    """Each file's name and bytes, or why it cannot be read; of a folder all that are not hidden, by name."""
    from newsletter.inbound.limits import MOST_BYTES

    for file in files:
        if file == "-":
            yield "-", typer.get_binary_stream("stdin").read(MOST_BYTES)
            continue
        path = Path(file)
        try:
            inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        except OSError as error:
            yield file, error
            continue
        for one in inside:
            if one != path and (one.is_dir() or one.name.startswith(".")):
                continue
            try:
                with one.open("rb") as stream:
                    yield str(one), stream.read(MOST_BYTES)
            except OSError as error:
                yield str(one), error


def _as_json(name: str, report: InboundReport) -> dict[str, Any]:
    names = report.names
    return {
        "file": name,
        "class": report.kind.value,
        "recipients": [_recipient(one) for one in report.recipients],
        "form": report.form,
        "concerned": list(report.concerned),
        "action": report.action,
        "feedback": report.feedback,
        "why": report.why,
        "message_id": report.message_id,
        "names": {
            "envelope_ids": list(names.envelope_ids),
            "return_paths": list(names.return_paths),
            "message_ids": list(names.message_ids),
            "headers": dict(names.headers),
        },
    }


def _recipient(one: FailedRecipient) -> dict[str, Any]:
    """What is ours is printed as soft: the address may work later; `about` says whose fault it is."""
    return {
        "address": one.address,
        "original": one.original or None,
        "kind": "hard" if one.kind == "hard" else "soft",
        "status": one.status or None,
        "reason": one.reason.value,
        "about": one.about.value,
        "subscriber": None,  # only the database knows; `bounces show` has it
        "diagnostic": one.diagnostic,
    }


def _print(rows: list[dict[str, Any]]) -> None:
    lines: list[tuple[Any, ...]] = []
    for row in rows:
        for one in row["recipients"]:
            lines.append(
                (
                    row["file"],
                    row["class"],
                    one["address"],
                    one["kind"],
                    one["status"],
                    one["reason"],
                    one["diagnostic"],
                )
            )
        if not row["recipients"]:
            said = row["why"] or row["feedback"] or row["action"]
            lines.append((row["file"], row["class"], ", ".join(row["concerned"]), "", "", "", said))
    output.print_table(
        ("file", "class", "address", "kind", "status", "reason", "said"),
        lines,
        important=("class", "address", "kind", "reason", "file", "status"),
        below="said",
        empty="no message there",
    )
