"""`newsletter run`: the scheduler, the web pages and the postman in one process."""

from __future__ import annotations

from typing import Annotated

import typer

from newsletter.cli.context import workspace
from newsletter.cli.logs import LOGGING

app = typer.Typer(add_completion=False)


@app.command()
def run(
    ctx: typer.Context,
    *,
    host: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Listen here. Default: web.host of the settings.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, metavar="PORT", help="Default: web.port of the settings."),
    ] = None,
) -> None:
    """Do all of it on one machine: watch the inbox, send what is due, serve the web pages.

    The whole newsletter in one process, until it is told to stop (Ctrl-C, SIGTERM); what is under way is
    finished first. The same apart: `newsletter schedule` and `newsletter serve`.
    """
    work = workspace(ctx)
    from newsletter.cli import schedule, serve

    schedule.check(work)
    _ = work.gate
    web = work.settings.web
    import uvicorn

    clockwork = schedule.make_clockwork(work)
    uvicorn.run(
        serve.make_pages(work, beside=clockwork.running),
        host=host or web.host,
        port=web.port if port is None else port,
        proxy_headers=True,
        forwarded_allow_ips=list(web.trusted_proxies),
        access_log=False,  # its lines hold whole paths, and ours hold tokens
        server_header=False,
        timeout_graceful_shutdown=serve.GRACE,
        log_config=LOGGING,
    )
