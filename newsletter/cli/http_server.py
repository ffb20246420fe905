"""Runs an HTTP server until it is told to stop. Knows no page: it is handed the application."""

from __future__ import annotations

import os
import signal
import socket
import threading
from typing import Any, NoReturn

import typer

from newsletter.cli.logs import LOGGING
from newsletter.cli.workspace import Workspace
from newsletter.core.errors import NewsletterError

GRACE = 20  # seconds that requests under way may take when the server is told to stop
ALIVE = 60  # seconds in which a worker must answer its parent: a busy machine takes five to start one
BACKLOG = 2048  # connections that may wait while all workers are busy, or still start
SPOILED = 3  # uvicorn's exit code of a worker that cannot start


def serve_until_told(app: Any, *, work: Workspace, host: str | None, port: int | None, workers: int) -> None:
    """Serve `app` (an application, or the import path of what makes one for each worker).

    host, port: of the settings when None. Returns when SIGTERM or SIGINT came and what was under way is
    done. Raises NewsletterError when the address cannot be listened on or the workers cannot start.
    """
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    web = work.settings.web
    listener = _listen(host or web.host, web.port if port is None else port)
    for told in (signal.SIGINT, signal.SIGTERM):
        signal.signal(told, _leave)  # until the server takes them over, and when it has let go
    config = uvicorn.Config(
        app,
        factory=isinstance(app, str),
        workers=workers,
        proxy_headers=True,
        forwarded_allow_ips=list(web.trusted_proxies),
        access_log=False,  # its lines hold whole paths, and ours hold tokens
        server_header=False,
        timeout_graceful_shutdown=GRACE,
        timeout_worker_healthcheck=ALIVE,
        log_config=LOGGING,
    )
    at = listener.getsockname()
    typer.echo(f"Serving {work.settings.base_url} on {at[0]} port {at[1]}; Ctrl-C stops it.", err=True)
    if workers == 1:
        uvicorn.Server(config).run(sockets=[listener])
        return
    supervisor = Multiprocess(config, sockets=[listener])
    supervisor.run()
    if any(worker.exitcode == SPOILED for worker in supervisor.processes):
        raise NewsletterError("the workers cannot start", hint="The lines above say why.")


def leave_with_parent() -> None:
    """A worker whose parent was killed would hold the port for ever: it stops as if it were told to."""
    from multiprocessing import connection, parent_process

    parent = parent_process()
    if parent is None:
        return  # the only process

    def watch() -> None:
        connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _listen(host: str, port: int) -> socket.socket:
    """A socket that listens: bound before any worker starts, so that a port in use is said once."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.create_server(address, family=family, backlog=BACKLOG)
    except OSError as error:
        number = error.errno or 0  # negative when the name of the host is the trouble
        reason = os.strerror(number) if number > 0 else error.strerror
        raise NewsletterError(
            f"cannot listen on {host} port {port}: {reason}",
            hint="Stop what uses it, or choose another with --host and --port, or web.host and web.port.",
        ) from None
    listener.set_inheritable(True)
    return listener


def _leave(_signal: int, _frame: object) -> NoReturn:
    raise SystemExit(0)
