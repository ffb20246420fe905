"""Runs the demo's mail server: it accepts mail on loopback and keeps it in a Maildir for each recipient.

Relays nothing.
"""

from __future__ import annotations

import email
import email.policy
import mailbox
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoMailServer:
    """A running server."""

    host: str
    port: int
    folder: Path  # holds a Maildir for each recipient, named by the address

    def maildir(self, address: str) -> Path:
        """The Maildir of `address`."""
        return self.folder / _file_name(address)


class _MailHandler:
    """Stores each message that aiosmtpd received."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        for address in envelope.rcpt_tos:
            maildir = mailbox.Maildir(self.folder / _file_name(address), create=True)
            maildir.add(envelope.original_content)
            maildir.close()
        return "250 2.0.0 kept"


@contextmanager
def running_mail_server(folder: Path) -> Iterator[DemoMailServer]:
    """Run the server, storing below `folder`, until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with socket.socket() as free:
        free.bind((LOOPBACK, 0))
        port = free.getsockname()[1]
    controller = Controller(_MailHandler(folder), hostname=LOOPBACK, port=port, enable_SMTPUTF8=True)
    controller.start()
    try:
        yield DemoMailServer(host=LOOPBACK, port=port, folder=folder)
    finally:
        controller.stop()


def last_html(maildir: Path) -> str | None:
    """The HTML part of the latest mail in a Maildir, by its Date; None when there is none."""
    if not maildir.exists():
        return None
    found: list[tuple[datetime, str]] = []
    for file in sorted((maildir / "new").iterdir()):
        message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
        part = message.get_body(("html",))
        if part is not None:
            found.append((message["Date"].datetime, part.get_content()))
    return max(found)[1] if found else None


def _file_name(address: str) -> str:
    return re.sub(r"[^\w.@+-]", "_", address).lstrip(".") or "_"
