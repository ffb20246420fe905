"""A real Dovecot of our own in a folder of its own. Needs root, to run its parts as their users."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

PROGRAM = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
WAIT = 20.0  # seconds that starting may take
USER, PASSWORD = "bounces@news.example", "pässword of the tests"

needs_dovecot = pytest.mark.skipif(
    PROGRAM is None or os.geteuid() != 0, reason="Dovecot is not installed, or this is not root"
)

CONFIG = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{folder}/server.pem
ssl_key = <{folder}/server.key
mail_location = maildir:{folder}/mail
first_valid_uid = 1
auth_mechanisms = plain login
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/users
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={folder}/home
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {plain}
  }}
  inet_listener imaps {{
    port = {tls}
    ssl = yes
  }}
}}
service stats {{
  chroot =
}}
service anvil {{
  chroot =
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
"""


@dataclass(frozen=True, slots=True)
class Dovecot:
    """One that runs."""

    folder: Path
    plain: int  # port with STARTTLS
    tls: int
    ca_file: str

    def deliver(self, data: bytes, name: str, box: str = "") -> None:
        """Put a message into the mailbox, as a delivery agent does."""
        base = self.folder / "mail" / box
        for part in ("tmp", "new", "cur"):
            (base / part).mkdir(parents=True, exist_ok=True)
        (base / "tmp" / name).write_bytes(data)
        (base / "tmp" / name).rename(base / "new" / name)
        for path in (self.folder / "mail", *(self.folder / "mail").rglob("*")):
            shutil.chown(path, "nobody", "nogroup")

    def lying(self, box: str = "") -> list[str]:
        """Flags of the messages that lie in a mailbox, in order of their names."""
        base = self.folder / "mail" / box
        files = [
            file for part in ("new", "cur") if (base / part).exists() for file in (base / part).iterdir()
        ]
        return [file.name.partition(":2,")[2] for file in sorted(files, key=lambda file: file.name)]


def _ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        return one.getsockname()[1], two.getsockname()[1]


@contextmanager
def dovecot(folder: Path) -> Iterator[Dovecot]:
    """A Dovecot with one empty mailbox."""
    assert PROGRAM is not None
    for path in (folder, *folder.parents):
        if not path.stat().st_mode & 0o001:  # its parts are other users
            path.chmod(path.stat().st_mode | 0o011)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    certificate = authority.issue_cert("localhost")
    certificate.cert_chain_pems[0].write_to_path(str(folder / "server.pem"))
    certificate.private_key_pem.write_to_path(str(folder / "server.key"))
    plain, tls = _ports()
    (folder / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n", "utf-8")
    for made in ("home", "mail"):
        (folder / made).mkdir()
        shutil.chown(folder / made, "nobody", "nogroup")
    config = folder / "dovecot.conf"
    config.write_text(CONFIG.format(folder=folder, plain=plain, tls=tls), "utf-8")
    process = subprocess.Popen([PROGRAM, "-F", "-c", str(config)])
    try:
        until = time.monotonic() + WAIT
        while True:
            try:
                socket.create_connection(("127.0.0.1", tls), timeout=1).close()
                break
            except OSError:
                log = folder / "log"
                assert process.poll() is None, log.read_text() if log.exists() else "Dovecot wrote no log"
                assert time.monotonic() < until
                time.sleep(0.1)
        yield Dovecot(folder, plain, tls, str(folder / "ca.pem"))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(WAIT)
