"""Serves the web pages, and runs the request mailer: `newsletter serve`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli.options import Host, Port
from newsletter.cli.wiring import Wiring, make_site
from newsletter.cli.workspace import Workspace, workspace

if TYPE_CHECKING:
    from fastapi import FastAPI

app = typer.Typer(add_completion=False)

FACTORY = "newsletter.cli.commands.serve:make_worker"


@app.command()
def serve(
    ctx: typer.Context,
    *,
    host: Host = None,
    port: Port = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, max=32, metavar="N", help="Processes. Default: web.workers of the settings."),
    ] = None,
) -> None:
    """Serve the web pages: sign-up, preferences, leaving.

    Runs until it is told to stop (Ctrl-C, SIGTERM); what is under way is finished first. Confirmations and
    links are mailed at once; digests are not, `newsletter send` does that. Meant to stand behind a reverse
    proxy that speaks HTTPS; see “Serve the web pages”.
    """
    work = workspace(ctx)
    wiring = Wiring(work)
    # Wrong settings are reported before serving.
    _ = (work.engine, wiring.delivery_options, make_site(wiring))
    # The workers are new processes: they read the settings themselves.
    os.environ["NEWSLETTER_STATE_DIR"] = str(work.state_dir)
    work.close()
    from newsletter.cli.http.server import serve_until_stopped

    serve_until_stopped(
        FACTORY, work=work, host=host, port=port, workers=workers or work.settings.web.workers
    )


def make_worker() -> FastAPI:
    """The application of one process, from the settings of the state directory in the environment."""
    from newsletter.cli.http.server import stop_with_parent

    stop_with_parent()
    return make_pages(Wiring(Workspace()))


def make_pages(
    wiring: Wiring, *, alongside: Callable[[], AbstractContextManager[object]] = nullcontext
) -> FastAPI:
    """The application with its request mailer. alongside: runs as long as the application does."""
    from newsletter.cli.http.settings_watch import SettingsWatch
    from newsletter.scheduler.request_mailer import RequestMailer
    from newsletter.web.app import make_app

    work = wiring.work
    site = make_site(wiring)
    mailer = RequestMailer(
        work.engine,
        options=wiring.delivery_options,
        renderer=site.transactional_renderer,
        policy=site.policy,
        request_limits=site.request_limits,
        clock=lambda: datetime.now(UTC),
    )
    site.wake = mailer.wake

    @contextmanager
    def running() -> Iterator[None]:
        with mailer.running(), alongside():
            yield

    return make_app(site, background=running, fresh=SettingsWatch(work, wake=mailer.wake))
