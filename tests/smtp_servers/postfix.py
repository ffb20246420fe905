"""A real Postfix of our own, in a folder of its own, that passes mail on to another server.

`more` are further lines of its main.cf: what it refuses, and whom.

Needs root, as Postfix does to start; touches nothing of the system's own Postfix.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

PROGRAM = shutil.which("postfix", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
WAIT = 20.0  # seconds that starting may take

needs_postfix = pytest.mark.skipif(
    PROGRAM is None or os.geteuid() != 0, reason="Postfix is not installed, or this is not root"
)

MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/maillog
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
myhostname = relay.example
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
relayhost = [127.0.0.1]:{next_hop}
smtp_dns_support_level = disabled
smtp_tls_security_level = none
smtpd_tls_security_level = none
smtputf8_enable = yes
"""
SERVICES = """\
{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
lmtp unix - - n - - lmtp
virtual unix - n n - - virtual
pipe unix - n n - - pipe flags=Fq user={user} argv={argv}
postlog unix-dgram n - n - 1 postlogd
"""


@contextmanager
def postfix_relay(folder: Path, *, next_hop: int, more: str = "", argv: str = "true") -> Iterator[int]:
    """The port of a Postfix that hands all it gets to the port `next_hop` of this machine.

    argv: what its transport `pipe` runs.
    """
    assert PROGRAM is not None
    port = _free_port()
    for path in (folder, *folder.parents):
        # Postfix's daemons are another user, who must get to the queue in a folder of the tests.
        with suppress(PermissionError):
            if not path.stat().st_mode & 0o001:
                path.chmod(path.stat().st_mode | 0o011)
    config = folder / "config"
    for made in (config, folder / "queue", folder / "data"):
        made.mkdir()
    shutil.chown(folder / "data", "postfix")
    (config / "main.cf").write_text(MAIN.format(folder=folder, next_hop=next_hop) + more, "ascii")
    (config / "master.cf").write_text(
        SERVICES.format(port=f"127.0.0.1:{port}", user="nobody", argv=argv), "ascii"
    )
    _run(config, "start")
    try:
        _wait_for(port, folder / "maillog")
        yield port
    finally:
        _run(config, "stop")


def _run(config: Path, verb: str) -> None:
    assert PROGRAM is not None
    done = subprocess.run([PROGRAM, "-c", str(config), verb], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def _wait_for(port: int, log: Path) -> None:
    until = time.monotonic() + WAIT
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < until, log.read_text() if log.exists() else "Postfix wrote no log"
            time.sleep(0.1)
        else:
            return
