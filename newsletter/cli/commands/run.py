"""Runs scheduler, web pages and request mailer in one process: `newsletter run`."""

from __future__ import annotations

import typer

from newsletter.cli.options import Host, Port
from newsletter.cli.wiring import Wiring
from newsletter.cli.workspace import workspace

app = typer.Typer(add_completion=False)


@app.command()
def run(ctx: typer.Context, *, host: Host = None, port: Port = None) -> None:
    """Do all of it on one machine: watch the inbox, send what is due, serve the web pages.

    The whole newsletter in one process, until it is told to stop (Ctrl-C, SIGTERM); what is under way is
    finished first. The same apart: `newsletter schedule` and `newsletter serve`.
    """
    work = workspace(ctx)
    from newsletter.cli.commands import schedule, serve
    from newsletter.cli.http import server

    wiring = Wiring(work)
    schedule.check(wiring)
    timetable = schedule.make_timetable(wiring)
    app = serve.make_pages(wiring, alongside=timetable.running)
    server.serve_until_stopped(app, work=work, host=host, port=port, workers=1)
