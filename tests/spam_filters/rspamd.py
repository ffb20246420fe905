"""A private rspamd on loopback with its own folder, as it is shipped, but for all that asks the network.

It touches nothing of the system's own rspamd.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

PROGRAM = shutil.which("rspamd")
CONFIG = Path("/etc/rspamd/rspamd.conf")
WAIT = 60.0  # seconds that starting may take: it compiles its expressions once
SCAN_LIMIT = 30.0  # seconds for one message

needs_rspamd = pytest.mark.skipif(
    PROGRAM is None or not CONFIG.exists(), reason="rspamd is not installed: no mail was scored"
)

# What asks DNS, Redis or a server of others: none is there, and a test must not depend on them.
NETWORK = (
    *("antivirus", "arc", "asn", "bimi", "clickhouse", "dkim", "dkim_signing", "dmarc", "elastic"),
    *("fuzzy_check", "greylist", "hfilter", "history_redis", "metadata_exporter", "mx_check", "neural"),
    *("p0f", "ratelimit", "rbl", "redis", "replies", "reputation", "rspamd_update", "spf", "surbl"),
    "url_redirector",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What rspamd says of a message."""

    score: float
    symbols: dict[str, float]  # those that count


@dataclass(frozen=True, slots=True, kw_only=True)
class Rspamd:
    """A running rspamd."""

    port: int

    def scan(self, data: bytes, *, sender: str, recipient: str) -> Scan:
        """Score a message as a server would that gets it from our relay."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/checkv2",
            data=data,
            headers={
                "From": sender,
                "Rcpt": recipient,
                "IP": "192.0.2.25",
                "Helo": "mx.papers.example.org",
                "Hostname": "mx.papers.example.org",
                "MTA-Name": "mx.readers.example.net",
                "TLS-Cipher": "TLS_AES_256_GCM_SHA384",
                "TLS-Version": "TLSv1.3",
            },
        )
        with urllib.request.urlopen(request, timeout=SCAN_LIMIT) as answer:
            found = json.load(answer)
        symbols = {name: row["score"] for name, row in found["symbols"].items() if row["score"]}
        return Scan(score=round(found["score"], 2), symbols=dict(sorted(symbols.items())))


@contextmanager
def running_rspamd(folder: Path) -> Iterator[Rspamd]:
    """Run it with `folder` for everything that it writes, until the block ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    local = folder / "local.d"
    for name in ("local.d", "db", "run", "log"):
        (folder / name).mkdir(parents=True)
    (local / "worker-normal.inc").write_text(f'bind_socket = "127.0.0.1:{port}";\ncount = 1;\n')
    for worker in ("controller", "proxy", "fuzzy"):
        (local / f"worker-{worker}.inc").write_text("enabled = false;\ncount = -1;\n")
    (local / "options.inc").write_text(
        'dns { nameserver = ["127.0.0.1:9"]; timeout = 0.1s; retransmits = 1; }\n'
        'filters = "chartable,regexp";\n'
    )
    for module in NETWORK:
        (local / f"{module}.conf").write_text("enabled = false;\n")
    (local / "classifier-bayes.conf").write_text("enabled = false;\n")
    places = {
        "LOCAL_CONFDIR": folder,
        "DBDIR": folder / "db",
        "RUNDIR": folder / "run",
        "LOGDIR": folder / "log",
    }
    assert PROGRAM is not None
    command = [PROGRAM, "--no-fork", "--insecure", "--config", str(CONFIG)]
    command += [word for name, place in places.items() for word in ("--var", f"{name}={place}")]
    with (
        (folder / "output").open("wb") as output,
        subprocess.Popen(command, stdout=output, stderr=output) as process,
    ):
        try:
            _wait(process, port, folder)
            yield Rspamd(port=port)
        finally:
            process.terminate()
            process.wait(20)


def _wait(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    end = time.monotonic() + WAIT
    while process.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=1) as answer:
                if answer.read().strip() == b"pong":
                    return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"rspamd did not start: {(folder / 'output').read_text()[-2000:]}")
