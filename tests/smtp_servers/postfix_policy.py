"""A policy server for Postfix (its SMTPD_POLICY_README): counts, and answers as a provider would.

Its clock is the test's: what opens in an hour opens in an hour of that clock.
"""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

Policy = Callable[[Mapping[str, str]], str]  # the attributes of a step to an action of Postfix's access(5)
PASS = "DUNNO"


class _Asked(socketserver.StreamRequestHandler):
    """One connection of Postfix: many requests, each of lines name=value up to an empty one."""

    def handle(self) -> None:
        attributes: dict[str, str] = {}
        for line in self.rfile:
            name, separator, value = line.decode("utf-8", "replace").rstrip("\n").partition("=")
            if separator:
                attributes[name] = value
                continue
            assert isinstance(self.server, _PolicyServer)
            with self.server.one_at_a_time:
                action = self.server.policy(attributes)
            self.wfile.write(f"action={action}\n\n".encode())
            attributes = {}


class _PolicyServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, policy: Policy) -> None:
        super().__init__(("127.0.0.1", 0), _Asked)
        self.policy = policy
        self.one_at_a_time = threading.Lock()


@contextmanager
def policy_server(policy: Policy) -> Iterator[int]:
    """The port of a server that asks `policy` about each step."""
    with _PolicyServer(policy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
