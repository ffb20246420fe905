"""Runs an HTTP server until a signal stops it. Knows no page: its caller passes the application."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from newsletter.cli import output
from newsletter.cli.logs import LOGGING
from newsletter.cli.workspace import Workspace
from newsletter.core.errors import NewsletterError

SHUTDOWN_TIMEOUT = 20  # seconds for the requests in progress
HEALTHCHECK_TIMEOUT = 60  # seconds for a worker to answer: on a busy machine it takes five to start
WORKER_FAILED = 3  # exit code of uvicorn's workers that cannot start


def serve_until_stopped(
    app: Any, *, work: Workspace, host: str | None, port: int | None, workers: int
) -> None:
    """Serve `app`: an application, or the import path of a factory that each worker calls.

    host, port: those of the settings when None. Returns after SIGTERM or SIGINT, when the requests in
    progress are answered. Raises NewsletterError when it cannot listen or the workers cannot start.
    """
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    from newsletter.cli.http.connections import BoundedProtocol, raise_descriptor_limit

    raise_descriptor_limit()
    web = work.settings.web
    listener = _listen(host or web.host, web.port if port is None else port)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _exit)  # before and after the server's own handlers
    config = uvicorn.Config(
        app,
        factory=isinstance(app, str),
        workers=workers,
        http=BoundedProtocol,
        ws="none",
        loop="newsletter.cli.http.connections:BoundedLoop",
        proxy_headers=True,
        forwarded_allow_ips=list(web.trusted_proxies),
        access_log=False,  # it logs whole paths, and ours hold tokens
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_TIMEOUT,
        timeout_worker_healthcheck=HEALTHCHECK_TIMEOUT,
        log_config=LOGGING,
    )
    at = listener.getsockname()
    output.note(f"Serving {work.settings.base_url} on {at[0]} port {at[1]}; Ctrl-C stops it.")
    if workers == 1:
        uvicorn.Server(config).run(sockets=[listener])
        return
    supervisor = Multiprocess(config, sockets=[listener])
    supervisor.run()
    if any(worker.exitcode == WORKER_FAILED for worker in supervisor.processes):
        raise NewsletterError("the workers cannot start", hint="The lines above say why.")


@contextmanager
def serving_alongside(app: Any, *, host: str, port: int) -> Iterator[int]:
    """Serve `app` in a thread during the block; yields the port. Raises NewsletterError."""
    import uvicorn

    from newsletter.cli.http.connections import BoundedProtocol

    listener = _listen(host, port)
    config = uvicorn.Config(
        app, http=BoundedProtocol, ws="none", access_log=False, server_header=False, log_config=LOGGING
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="health")
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


def stop_with_parent() -> None:
    """Stop this worker when its parent is killed; otherwise it would keep the port."""
    from multiprocessing import connection, parent_process

    parent = parent_process()
    if parent is None:
        return  # not a worker

    def watch() -> None:
        connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket, bound before any worker starts, so that a port in use is reported once."""
    from newsletter.cli.http.connections import BACKLOG

    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.create_server(address, family=family, backlog=BACKLOG)
    except OSError as error:
        number = error.errno or 0  # negative when the host name cannot be resolved
        reason = os.strerror(number) if number > 0 else error.strerror
        raise NewsletterError(
            f"cannot listen on {host} port {port}: {reason}",
            hint="Stop what uses it, or choose another with --host and --port, or web.host and web.port.",
        ) from None
    listener.set_inheritable(True)
    return listener


def _exit(_signal: int, _frame: object) -> NoReturn:
    raise SystemExit(0)
