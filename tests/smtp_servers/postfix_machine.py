"""A machine with Postfix as docs/how-to/install-on-debian.md sets it up, from the files of deploy/.

It has its own mounts: /etc, /opt, /var/lib and Postfix's queue are folders of the test, so that the samples
are used as they stand, with the user `newsletter`, its home and the program where they name them. Needs root.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.smtp_servers.postfix import PROGRAM

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
MASTER = Path("/usr/share/postfix/master.cf.dist")  # Debian's
UID = 64_801  # of the user `newsletter`
WAIT = 20.0  # seconds that starting may take
_MOUNTS = """\
set -e
mount --make-rprivate /
mount --bind {folder}/etc /etc
mount --bind {folder}/opt /opt
mount --bind {base} /opt/python
mount --bind {libraries} /opt/libraries
mount --bind {root} /opt/source
mount --bind {folder}/var-lib /var/lib
mount --bind {folder}/spool /var/spool/postfix
mount --bind {folder}/run /run
echo ready
exec sleep infinity
"""
_PROGRAM = """\
#!/bin/sh
export PYTHONPATH=/opt/source:/opt/libraries PYTHONDONTWRITEBYTECODE=1 LD_LIBRARY_PATH=/opt/python/lib
exec /opt/python/bin/{python} -m newsletter "$@"
"""
# What differs from the sample: this machine has no names, no certificates, and no network.
_OVERRIDES = (
    "maillog_file = /var/lib/maillog/postfix",
    "inet_interfaces = 127.0.0.1",
    "inet_protocols = ipv4",
    "smtp_tls_security_level = may",
    "smtp_dns_support_level = disabled",
    "smtp_host_lookup = native",
)


def _can_mount() -> bool:
    tried = ["unshare", "--mount", "mount", "--bind", "/usr", "/opt"]
    return not subprocess.run(tried, capture_output=True, check=False).returncode


needs_machine = pytest.mark.skipif(
    PROGRAM is None or os.geteuid() != 0 or not MASTER.exists() or not _can_mount(),
    reason="Debian's Postfix is not installed, this is not root, or nothing can be mounted",
)


@dataclass(frozen=True, slots=True)
class Machine:
    """One that runs."""

    folder: Path
    port: int
    inside: tuple[str, ...]  # begins a command on it

    @property
    def state_dir(self) -> Path:
        """/var/lib/newsletter."""
        return self.folder / "var-lib" / "newsletter"

    @property
    def log(self) -> str:
        """What Postfix wrote, and the service."""
        written = (self.folder / "var-lib/maillog/postfix", self.folder / "service")
        return "\n".join(path.read_text("utf-8", "replace") for path in written if path.exists())

    def root(self, *command: str) -> str:
        """Run a command as root; returns what it says."""
        done = subprocess.run([*self.inside, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, (command, done.stdout + done.stderr)
        return done.stdout

    def hand_over(self) -> None:
        """Give all of the state directory to its user."""
        for path in (self.state_dir, *self.state_dir.rglob("*")):
            if path.exists():
                os.chown(path, UID, UID, follow_symlinks=False)

    def newsletter(self, *arguments: str) -> int:
        """Run `newsletter ARGUMENTS` as its user; returns the exit code."""
        return subprocess.run(
            self._command(arguments), env=self._environment, stdout=subprocess.DEVNULL, check=False
        ).returncode

    def _command(self, arguments: Sequence[str]) -> list[str]:
        user = ("setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups")
        return [*self.inside, *user, "/opt/newsletter/bin/newsletter", *arguments]

    @property
    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "NEWSLETTER_STATE_DIR": "/var/lib/newsletter"}

    @contextmanager
    def service(self, *arguments: str) -> Iterator[None]:
        """`newsletter ARGUMENTS` in the background, as its user, from when its scheduler has started."""
        with (self.folder / "service").open("wb") as said:
            process = subprocess.Popen(
                self._command(arguments), env=self._environment, cwd="/", stdout=said, stderr=said
            )
        try:
            until = time.monotonic() + 4 * WAIT
            while "scheduler started" not in (self.folder / "service").read_text():
                assert process.poll() is None, self.log
                assert time.monotonic() < until, self.log
                time.sleep(0.1)
            yield
            assert process.poll() is None, self.log
        finally:
            process.terminate()
            process.wait(60)


@contextmanager
def postfix_machine(folder: Path, *, more: Sequence[str], transport: Sequence[str] = ()) -> Iterator[Machine]:
    """Such a machine. more: settings of main.cf. transport: lines of /etc/postfix/transport."""
    shutil.copytree("/etc", folder / "etc", symlinks=True)
    for made in (
        "opt/newsletter/bin",
        "opt/python",
        "opt/libraries",
        "opt/source",
        "var-lib/postfix",
        "var-lib/maillog",
        "spool",
    ):
        (folder / made).mkdir(parents=True)
    (folder / "run/newsletter").mkdir(parents=True)  # as RuntimeDirectory= of systemd makes it
    shutil.chown(folder / "run/newsletter", UID, UID)
    shutil.chown(folder / "var-lib/postfix", "postfix")
    program = folder / "opt/newsletter/bin/newsletter"
    program.write_text(_PROGRAM.format(python=Path(sys.executable).resolve().name))
    program.chmod(0o755)
    etc, port = folder / "etc", _free_port()
    with (etc / "passwd").open("a") as users, (etc / "group").open("a") as groups:
        users.write(f"newsletter:x:{UID}:{UID}:Research-paper newsletter:/var/lib/newsletter:/bin/sh\n")
        groups.write(f"newsletter:x:{UID}:\n")
    shutil.copy(DEPLOY / "postfix/aliases", etc / "aliases")
    (etc / "postfix/transport").write_text("".join(f"{line}\n" for line in transport))
    master = MASTER.read_text() + (DEPLOY / "postfix/master.cf").read_text()
    (etc / "postfix/master.cf").write_text(master.replace("\nsmtp      inet", f"\n127.0.0.1:{port} inet", 1))
    left_out = ("milter", "smtpd_tls_cert_file", "smtpd_tls_key_file")  # as the guide says
    lines = (DEPLOY / "postfix/main.cf").read_text().splitlines(keepends=True)
    main = "".join(line for line in lines if not any(words in line.split("=")[0] for words in left_out))
    (etc / "postfix/main.cf").write_text(main)
    (folder / "var-lib/newsletter").mkdir(mode=0o750)
    os.chown(folder / "var-lib/newsletter", UID, UID)
    mounts = _MOUNTS.format(
        folder=folder, base=sys.base_prefix, libraries=sysconfig.get_path("purelib"), root=ROOT
    )
    with subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", mounts], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "ready\n"
        machine = Machine(folder, port, ("nsenter", f"--target={holder.pid}", "--mount", "--"))
        try:
            machine.root("postconf", *_OVERRIDES, *more)
            machine.root("newaliases")
            if transport:
                machine.root("postmap", "/etc/postfix/transport")
                machine.root("postconf", "transport_maps=hash:/etc/postfix/transport")
            machine.root("postfix", "start")
            _wait_for(machine)
            try:
                yield machine
            finally:
                machine.root("postfix", "stop")
        finally:
            holder.kill()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def _wait_for(machine: Machine) -> None:
    until = time.monotonic() + WAIT
    while True:
        try:
            socket.create_connection(("127.0.0.1", machine.port), timeout=1).close()
        except OSError:
            assert time.monotonic() < until, machine.log
            time.sleep(0.1)
        else:
            return
